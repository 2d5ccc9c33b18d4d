import type { Quoted } from "./checks/quotes.ts";
import type { Finding } from "./finding.ts";

/** The most that verdicts about this machine can mean (security.md §1.4). `none`: it proves nothing. */
export type ReachableLevel = "none" | "L0" | "L1" | "L2" | "L3";

export interface Assurance {
  readonly level: ReachableLevel;
  /** what keeps the machine from the next level; empty at the highest */
  readonly lacks: readonly string[];
}

/** What the level follows from. */
export interface Shown {
  readonly isTee: boolean;
  readonly quoted: Quoted | undefined;
  readonly rootProtected: boolean;
  readonly administration: readonly Finding[];
}

/**
 * The level that this machine can reach at most, and why not more. Only what was seen here counts; whether the level is reached, a verifier says: it
 * checks the quote, and compares with reference values.
 */
export function assurance({ isTee, quoted, rootProtected, administration }: Shown): Assurance {
  if (quoted === undefined) {
    return {
      level: "none",
      lacks: [
        isTee ? "no quote can be had, so nothing about this machine can be proved" : "this machine is no TEE that evidence can be had from",
      ],
    };
  }
  if (quoted.debug) return { level: "none", lacks: ["this is a debug TD: its host can read and change everything in it"] };
  if (!quoted.bootMeasured)
    return { level: "L0", lacks: ["a boot register is zero: firmware, kernel, command line or initrd were not measured"] };
  if (!rootProtected)
    return { level: "L1", lacks: ["the root file system is not integrity-protected by a measured hash, so cai itself is not measured"] };
  const open = administration.filter(({ severity }) => severity !== "ok").map(({ message }) => message);
  const lacks = quoted.configured ? open : ["it was started without init data, so its configuration is not measured", ...open];
  return lacks.length > 0 ? { level: "L2", lacks } : { level: "L3", lacks: [] };
}
