import { CaiError } from "../../../system/index.ts";
import { rfc3339 } from "../validity.ts";
import type { CollateralFacts } from "./authentic.ts";
import type { CollateralUpdate } from "./pcs.ts";

/**
 * The newest that was seen of the collateral of one kind of platform (security.md I14): the highest evaluation numbers, and the latest issue dates in
 * seconds since 1970. Only what the manufacturer signed counts as seen.
 */
export interface HighWater {
  readonly tcbInfoNumber: number;
  readonly tcbInfoIssued: number;
  readonly qeIdentityNumber: number;
  readonly qeIdentityIssued: number;
  readonly rootCrlIssued: number;
  readonly pckCrlIssued: number;
}

/** Names of the marks, for messages and as the order in which they are looked at. */
const MARKS = {
  tcbInfoNumber: "evaluation number of the TCB info",
  tcbInfoIssued: "issue date of the TCB info",
  qeIdentityNumber: "evaluation number of the QE identity",
  qeIdentityIssued: "issue date of the QE identity",
  rootCrlIssued: "issue date of the root CA revocation list",
  pckCrlIssued: "issue date of the PCK revocation list",
} as const satisfies Record<keyof HighWater, string>;
const NAMES = Object.keys(MARKS) as (keyof HighWater)[];

/**
 * The evaluation number that has been Intel's standard one for every kind of platform since November 2024, so nothing current is below it: signed
 * documents of lower numbers with fresh dates can be had for the asking (tdx.md §2.8).
 */
const INTEL_NUMBER = 17;
/** Documents are good for 30 days and taken for 30 more at most (security.md F3); the root CA's list lives longer. */
const LONGEST_USE = 60 * 86_400;

/** Where a mark stands: what is compared with one another. Platforms under different anchors have nothing to do with one another. */
export const highWaterKey = ({ anchor, tee, fmspc, ca }: CollateralFacts, update: CollateralUpdate): string =>
  [anchor, tee, fmspc, ca, update].join("/");

const waterOf = ({ tcbInfo, qeIdentity, rootCrl, pckCrl }: CollateralFacts): HighWater => ({
  tcbInfoNumber: tcbInfo.evaluationNumber,
  tcbInfoIssued: tcbInfo.issued,
  qeIdentityNumber: qeIdentity.evaluationNumber,
  qeIdentityIssued: qeIdentity.issued,
  rootCrlIssued: rootCrl.issued,
  pckCrlIssued: pckCrl.issued,
});

/**
 * The mark that is in force: what was seen before, and never less than what was current when this program was made, so that a new store is not
 * taken in by a set that was old even then (security.md I14).
 *
 * @param seen  the mark of the platform, where it has one
 * @param made  when the program was made, seconds since 1970; undefined in a source tree
 */
export function startingHighWater(
  seen: HighWater | undefined,
  { simulated }: CollateralFacts,
  update: CollateralUpdate,
  made: number | undefined,
): HighWater {
  const number = simulated || typeof update === "number" ? 0 : INTEL_NUMBER;
  const issued = simulated || made === undefined ? 0 : made - LONGEST_USE;
  const built: HighWater = {
    tcbInfoNumber: number,
    tcbInfoIssued: issued,
    qeIdentityNumber: number,
    qeIdentityIssued: issued,
    rootCrlIssued: 0,
    pckCrlIssued: issued,
  };
  return seen === undefined ? built : higher(seen, built);
}

/** @returns the greater of each member; `a` itself where it has them all */
function higher(a: HighWater, b: HighWater): HighWater {
  if (NAMES.every((name) => b[name] <= a[name])) return a;
  return Object.fromEntries(NAMES.map((name) => [name, Math.max(a[name], b[name])])) as unknown as HighWater;
}

/** @throws CaiError `tdx.collateral-rolled-back` where anything of the set is older than the mark */
export function checkHighWater(facts: CollateralFacts, mark: HighWater): void {
  const water = waterOf(facts);
  const lower = NAMES.find((name) => water[name] < mark[name]);
  if (lower === undefined) return;
  const shown = (value: number): string => (lower.endsWith("Number") ? `${value}` : rfc3339(value));
  const [expected, got] = [`at least ${shown(mark[lower])}`, shown(water[lower])];
  const what = `${facts.tee.toUpperCase()} collateral for FMSPC ${facts.fmspc}, ${MARKS[lower]}`;
  throw new CaiError("tdx.collateral-rolled-back", `${what}: expected ${expected}, got ${got}`, { expected, got });
}

/** @returns the mark after a set was seen; the very same object where that changes nothing */
export const raiseHighWater = (mark: HighWater, facts: CollateralFacts): HighWater => higher(mark, waterOf(facts));

/** The latest date that the manufacturer put on anything that was seen; a clock before it is wrong (security.md I15). */
export const newestIssue = (mark: HighWater): number =>
  Math.max(mark.tcbInfoIssued, mark.qeIdentityIssued, mark.rootCrlIssued, mark.pckCrlIssued);
