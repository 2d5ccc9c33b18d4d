import { CaiError, type JsonObject, type JsonValue } from "../../system/index.ts";
import type { Claims, TrustAnchor, Verifier } from "../../tee/index.ts";
import { underAnySpelling } from "./tee-class.ts";

/** What verification works with. */
export interface VerificationParts {
  readonly verifiers: ReadonlyMap<string, Verifier>;
  readonly anchors: readonly TrustAnchor[];
}

/** One piece of evidence, and what it must be bound to. */
export interface EvidenceToVerify {
  /** the platform's name in the protocol */
  readonly tee: string;
  readonly evidence: JsonValue;
  /**
   * at most 64 bytes, computed here from the hashed data, or given by a relying party, never taken from the evidence; absent where the evidence
   * need not be bound to anything
   */
  readonly reportData?: Uint8Array;
  /** the digest of the init data, where there are any */
  readonly initData?: Uint8Array;
  /** the data whose hash the report data is; null where there are none */
  readonly runtimeDataClaims: JsonValue;
  readonly initDataClaims: JsonObject | null;
}

/** One piece of evidence after everything about it was verified. */
export interface VerifiedEvidence {
  /** the platform's name as the guest spelled it, under which its claims stand in tokens */
  readonly tee: string;
  readonly claims: Claims;
  /** whether there were report data to compare: they equalled those of the evidence (security.md I7) */
  readonly bound: boolean;
  readonly runtimeDataClaims: JsonValue;
  readonly initDataClaims: JsonObject | null;
}

/**
 * Verifies all pieces of evidence of one attestation; one that fails fails all.
 *
 * @throws CaiError `kbs.tee-unsupported`, and what the platforms' verifiers throw
 */
export async function verifyEvidence(
  { verifiers, anchors }: VerificationParts,
  pieces: readonly EvidenceToVerify[],
  now: number,
): Promise<VerifiedEvidence[]> {
  return Promise.all(
    pieces.map(async ({ tee, evidence, reportData, initData, runtimeDataClaims, initDataClaims }) => {
      const verifier = underAnySpelling(verifiers, tee);
      if (verifier === undefined) throw unsupportedTee(tee);
      const binding = { ...(reportData && { reportData }), ...(initData && { initData }) };
      const claims = await verifier.verify(evidence, binding, anchors, now);
      return { tee, claims, bound: reportData !== undefined, runtimeDataClaims, initDataClaims };
    }),
  );
}

/** @returns the error for a platform that this trustee does not verify */
export function unsupportedTee(tee: string): CaiError {
  return new CaiError("kbs.tee-unsupported", `this trustee cannot verify ${tee}`, { got: tee });
}
