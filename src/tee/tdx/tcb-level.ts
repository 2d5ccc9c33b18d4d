import type { PckFacts } from "./pck.ts";
import type { PlatformLevel } from "./tcb-info.ts";

/** One security version number of a platform beside the one that a level demands. */
export interface Comparison {
  readonly kind: "sgx" | "pce" | "tdx";
  /** 0 to 15; 0 for the PCE */
  readonly index: number;
  readonly have: number;
  readonly need: number;
  /** false where the level does not decide: the component is judged through the identity of the TDX module (tdx.md §2.7.3) */
  readonly counts: boolean;
}

/** True where the number does not keep the platform from the level. */
export const suffices = ({ have, need, counts }: Comparison): boolean => !counts || have >= need;

/**
 * Every number that a level demands, beside the platform's own (tdx.md §2.7.3).
 *
 * @param svn  TEE_TCB_SVN or TEE_TCB_SVN_2; undefined for SGX
 */
export function compareWithLevel(pck: PckFacts, svn: Uint8Array | undefined, level: PlatformLevel): readonly Comparison[] {
  const all = level.sgxComponents.map(
    (need, index): Comparison => ({ kind: "sgx", index, have: pck.components[index]!, need, counts: true }),
  );
  all.push({ kind: "pce", index: 0, have: pck.pceSvn, need: level.pceSvn, counts: true });
  if (svn === undefined) return all;
  // Of a module with a major version, components 0 and 1 are judged through its identity alone.
  const first = svn[1]! > 0 ? 2 : 0;
  for (const [index, need] of level.tdxComponents.entries()) {
    all.push({ kind: "tdx", index, have: svn[index]!, need, counts: index >= first });
  }
  return all;
}
