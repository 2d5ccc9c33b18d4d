import { realmKey, type Store } from "./store/index.ts";

/** Stands before the keys of this kind of usage; no other begins so. */
const PREFIX = "reference/";

/** How often policies asked for a reference value, and when last. */
export interface ReferenceUses {
  readonly uses: number;
  /** seconds since 1970 */
  readonly lastUsed: number;
}

/**
 * Counts which reference values policies ask for (trustee.md §7): in memory, written down together. A value that no policy ever asked for
 * protects nothing, and its owner should hear of that.
 */
export class ReferenceUsage {
  readonly #store: Store;
  #counts = new Map<string, number>();

  constructor(store: Store) {
    this.#store = store;
  }

  /** @returns a function that counts one use of the named value of a realm; names that are given more than once count once */
  counting(realm: string): (name: string) => void {
    const seen = new Set<string>();
    return (name) => {
      if (seen.has(name)) return;
      seen.add(name);
      const key = PREFIX + realmKey(realm, name);
      this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
    };
  }

  /** Writes down what was counted. What a crash loses is a count. */
  async flush(now: number): Promise<void> {
    if (this.#counts.size === 0) return;
    const counts = this.#counts;
    this.#counts = new Map();
    await this.#store.usage.add(counts, now);
  }

  /** @returns the uses of a realm's values by name; of those that were never used, nothing */
  async of(realm: string, names: Iterable<string>, now: number): Promise<ReadonlyMap<string, ReferenceUses>> {
    await this.flush(now);
    const all = await this.#store.usage.all();
    const found = new Map<string, ReferenceUses>();
    for (const name of names) {
      const usage = all.get(PREFIX + realmKey(realm, name));
      if (usage !== undefined) found.set(name, { uses: usage.count, lastUsed: usage.last });
    }
    return found;
  }
}
