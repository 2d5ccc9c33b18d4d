import { CaiError } from "../../../system/index.ts";
import { malformed } from "../collateral.ts";
import type { CollateralFacts } from "./authentic.ts";
import { checkHighWater, type HighWater, highWaterKey, raiseHighWater, startingHighWater } from "./high-water.ts";
import { beyondLimits, type CollateralShelf, type KeptSet, setKey } from "./kept-set.ts";
import type { CollateralUpdate } from "./pcs.ts";

/** Marks stay for ever, one for each kind of platform that the manufacturer ever made and that was seen here. */
const MAX_MARKS = 1024;

/** What a mark is compared with. */
type Seen = Pick<KeptSet, "facts" | "update">;

/** A shelf on which nothing goes back: each set that is put there or looked at raises a mark, and what is below one is not taken (security.md I14). */
export class MarkedShelf {
  readonly #shelf: CollateralShelf;
  readonly #made: number | undefined;
  #lastWrite: Promise<unknown> = Promise.resolve();

  /** @param made  when the program was made; seconds since 1970 */
  constructor(shelf: CollateralShelf, made: number | undefined) {
    this.#shelf = shelf;
    this.#made = made;
  }

  /** @returns the sets by their keys, also those that are older than what was seen since */
  sets(): Promise<ReadonlyMap<string, KeptSet>> {
    return this.#shelf.sets();
  }

  /** @returns the sets that are not older than what was seen */
  async current(): Promise<KeptSet[]> {
    const marks = await this.#shelf.marks();
    return [...(await this.#shelf.sets()).values()].filter((set) => !this.#isRolledBack(set, marks));
  }

  /** @returns what throws `tdx.collateral-rolled-back` for a set that is older than what was seen */
  async check(update: CollateralUpdate): Promise<(facts: CollateralFacts) => void> {
    const marks = await this.#shelf.marks();
    return (facts) => checkHighWater(facts, this.#markOf({ facts, update }, marks));
  }

  /** Raises the mark for a set that is used and not kept. @throws CaiError as {@link keep} */
  see(seen: Seen): Promise<void> {
    return this.#alone(async () => {
      const raised = this.#raised([seen], await this.#shelf.marks());
      if (raised.size > 0) await this.#shelf.write({ marks: raised });
    });
  }

  /**
   * Keeps all sets, or none; the ones that were kept for longest make room.
   *
   * @throws CaiError `tdx.collateral-rolled-back`; `tdx.collateral-malformed` for more than there is room for; `tdx.collateral-unavailable` where there
   *                  is no room for another mark
   */
  keep(sets: readonly KeptSet[]): Promise<void> {
    return this.#alone(async () => {
      const marks = this.#raised(sets, await this.#shelf.marks());
      const before = await this.#shelf.sets();
      const added = new Map(sets.map((set) => [setKey(set.facts, set.list, set.update), set]));
      const removed = beyondLimits(new Map([...before, ...added]), added);
      const lost = removed.filter((key) => added.has(key)).length;
      if (lost > 0) throw malformed("", "as many sets as can be kept", `${lost} of ${added.size} too many`);
      await this.#shelf.write({ marks, sets: added, removed });
    });
  }

  /** One after the other: of two that read the same marks, the later would put its lower one in the place of the earlier's. */
  #alone(work: () => Promise<void>): Promise<void> {
    const done = this.#lastWrite.then(work);
    this.#lastWrite = done.catch(() => undefined);
    return done;
  }

  #raised(sets: readonly Seen[], marks: ReadonlyMap<string, HighWater>): Map<string, HighWater> {
    const raised = new Map<string, HighWater>();
    for (const set of sets) {
      const mark = this.#markOf(set, new Map([...marks, ...raised]));
      checkHighWater(set.facts, mark);
      const higher = raiseHighWater(mark, set.facts);
      if (higher !== mark) raised.set(highWaterKey(set.facts, set.update), higher);
    }
    if (new Set([...marks.keys(), ...raised.keys()]).size > MAX_MARKS) {
      throw new CaiError("tdx.collateral-unavailable", `collateral for more than ${MAX_MARKS} kinds of platforms was seen`);
    }
    return raised;
  }

  #isRolledBack(set: Seen, marks: ReadonlyMap<string, HighWater>): boolean {
    try {
      checkHighWater(set.facts, this.#markOf(set, marks));
      return false;
    } catch (error) {
      if (error instanceof CaiError) return true;
      throw error;
    }
  }

  #markOf({ facts, update }: Seen, marks: ReadonlyMap<string, HighWater>): HighWater {
    return startingHighWater(marks.get(highWaterKey(facts, update)), facts, update, this.#made);
  }
}
