import { formatBundle, type HighWater, type KeptSet, newestIssue, parseBundle } from "../../../tee/tdx/index.ts";
import type { KeptCollateral, StoreCore } from "./store.ts";

/** Collateral and its high-water marks in authenticated tables; a row is what it says of itself, with the bundle as it was delivered. */
export class StoredCollateral implements KeptCollateral {
  readonly #core: StoreCore;
  readonly #sets: Rows<KeptSet>;
  readonly #marks: Rows<HighWater>;

  constructor(core: StoreCore) {
    this.#core = core;
    this.#sets = new Rows(() => core.rows("collateral"), readSet);
    // Rows of the store are the program's own words: what others wrote does not pass the MAC.
    this.#marks = new Rows(
      () => core.rows("collateral_marks"),
      (text) => JSON.parse(text) as HighWater,
    );
  }

  async sets(): Promise<ReadonlyMap<string, KeptSet>> {
    return this.#sets.all();
  }

  async marks(): Promise<ReadonlyMap<string, HighWater>> {
    return this.#marks.all();
  }

  async newestIssue(): Promise<number> {
    let newest = 0;
    for (const mark of (await this.#marks.all()).values()) newest = Math.max(newest, newestIssue(mark));
    return newest;
  }

  async write({ marks = new Map(), sets = new Map(), removed = [] }: Parameters<KeptCollateral["write"]>[0]): Promise<void> {
    await this.#core.change(["collateral", "collateral_marks"], () => ({
      collateral_marks: { put: [...marks].map(([key, mark]) => [key, JSON.stringify(mark)] as const) },
      collateral: { put: [...sets].map(([key, set]) => [key, writeSet(set)] as const), remove: removed },
    }));
  }
}

function writeSet({ collateral, ...rest }: KeptSet): string {
  return JSON.stringify({ ...rest, bundle: formatBundle(collateral) });
}

function readSet(text: string): KeptSet {
  const { bundle, ...rest } = JSON.parse(text) as Omit<KeptSet, "collateral"> & { readonly bundle: string };
  return { ...rest, collateral: parseBundle(bundle) };
}

/** The values of a table's rows. Each row is read once; a write to any table makes new maps, but few new texts. */
class Rows<T> {
  readonly #rows: () => Promise<ReadonlyMap<string, string>>;
  readonly #read: (text: string) => T;
  #texts: ReadonlyMap<string, string> = new Map();
  #values: ReadonlyMap<string, T> = new Map();

  constructor(rows: () => Promise<ReadonlyMap<string, string>>, read: (text: string) => T) {
    this.#rows = rows;
    this.#read = read;
  }

  async all(): Promise<ReadonlyMap<string, T>> {
    const texts = await this.#rows();
    if (texts !== this.#texts) {
      const before = { texts: this.#texts, values: this.#values };
      this.#values = new Map(
        [...texts].map(([key, text]) => [key, before.texts.get(key) === text ? before.values.get(key)! : this.#read(text)] as const),
      );
      this.#texts = texts;
    }
    return this.#values;
  }
}
