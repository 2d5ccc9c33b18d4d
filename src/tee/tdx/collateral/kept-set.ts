import { createHash } from "node:crypto";
import { formatBundle } from "../collateral.ts";
import type { CollateralFacts } from "./authentic.ts";
import type { LabelledSet } from "./file.ts";
import { type HighWater, highWaterKey } from "./high-water.ts";
import type { CollateralOrigin } from "./origin.ts";
import type { CollateralUpdate } from "./pcs.ts";

/** What is kept at most. Sets are of 25 KB; the limit is below what one answer or request of an administrator may have. */
const MAX_SETS = 128;
const MAX_CHARACTERS = 3 * 1024 * 1024;

/** The list of sets that an administrator brought. */
export const IMPORTED = "import";

/** A set that is kept; {@link LabelledSet} with its place. */
export interface KeptSet extends LabelledSet {
  /** names the list of origins that it came from, or `import` */
  readonly list: string;
}

/** Where sets and marks are kept, durably and authenticated (security.md I14, I25). */
export interface CollateralShelf {
  /** @returns all sets by their keys */
  sets(): Promise<ReadonlyMap<string, KeptSet>>;
  /** @returns all marks by their keys */
  marks(): Promise<ReadonlyMap<string, HighWater>>;
  /** Puts and removes rows in one transaction. */
  write(change: {
    readonly marks?: ReadonlyMap<string, HighWater>;
    readonly sets?: ReadonlyMap<string, KeptSet>;
    readonly removed?: readonly string[];
  }): Promise<void>;
}

/** The key of a set: what it is of, and which list of origins it came from. */
export const setKey = (
  { anchor, tee, fmspc, ca }: Pick<CollateralFacts, "anchor" | "tee" | "fmspc" | "ca">,
  list: string,
  update: CollateralUpdate,
) => [list, anchor, tee, fmspc, ca, update].join("/");

/** A list of origins by a short name; another list keeps sets of its own. */
export function listName(origins: readonly CollateralOrigin[]): string {
  const hash = createHash("sha256");
  for (const { kind, name } of origins) hash.update(`${kind}\0${name}\0`);
  return hash.digest("hex").slice(0, 16);
}

/** Orders by platform, and within one the newest first. */
export function byPlatform(a: KeptSet, b: KeptSet): number {
  const [first, second] = [a, b].map(({ facts, update }) => highWaterKey(facts, update)) as [string, string];
  if (first !== second) return first < second ? -1 : 1;
  return b.facts.tcbInfo.issued - a.facts.tcbInfo.issued || b.fetched - a.fetched;
}

/** The keys of the sets that are kept no longer, so that all that are kept stay within the limits: the ones that were fetched longest ago. */
export function beyondLimits(sets: ReadonlyMap<string, KeptSet>, added: ReadonlyMap<string, KeptSet>): string[] {
  const newestFirst = [...sets].sort(([x, a], [y, b]) => Number(added.has(y)) - Number(added.has(x)) || b.fetched - a.fetched);
  const removed: string[] = [];
  let characters = 0;
  for (const [index, [key, { collateral }]] of newestFirst.entries()) {
    characters += formatBundle(collateral).length;
    if (index >= MAX_SETS || characters > MAX_CHARACTERS) removed.push(key);
  }
  return removed;
}
