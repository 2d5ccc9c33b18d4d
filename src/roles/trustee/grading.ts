import { type AssuranceLevel, appraise, type FloorHit, policyExtensions } from "../../policy/index.ts";
import { type EarSubmodule, PRIMARY_SUBMODULE } from "../../protocol/index.ts";
import type { JsonObject } from "../../system/index.ts";
import type { HashedPolicy } from "./attestation-policy.ts";
import type { VerifiedEvidence } from "./verification.ts";

/** Verified evidence that is to be graded. */
export interface GradingRequest {
  readonly evidence: readonly VerifiedEvidence[];
  readonly policy: HashedPolicy;
  /** reference values in force, by name */
  readonly references: JsonObject;
  /** what the floor finds of one piece of evidence */
  readonly floor: (evidence: VerifiedEvidence) => readonly FloorHit[];
  /** seconds since 1970 */
  readonly now: number;
}

/** The grades of one attestation. */
export interface Grades {
  /** the submodules of an EAR token by name: class and index, `cpu0` first (trustee.md §5.2) */
  readonly submods: Readonly<Record<string, EarSubmodule>>;
  /** that of the primary evidence */
  readonly level: AssuranceLevel;
  /** of every piece of evidence: none is above the floor where another is below it */
  readonly hits: readonly FloorHit[];
}

/**
 * Grades each piece of evidence by the attestation policy.
 *
 * @throws CaiError `policy.…`
 */
export function gradeEvidence({ evidence, policy, references, floor, now }: GradingRequest): Grades {
  const submods: Record<string, EarSubmodule> = {};
  const counts = new Map<string, number>();
  const hits: FloorHit[] = [];
  let level: AssuranceLevel = "L0";
  for (const piece of evidence) {
    const index = counts.get(piece.claims.class) ?? 0;
    counts.set(piece.claims.class, index + 1);
    const name = `${piece.claims.class}${index}`;
    const own = floor(piece);
    hits.push(...own);
    const annotated = annotatedEvidence(piece);
    const appraisal = appraise({ policyText: policy.text, policyId: policy.id, evidence: annotated, floor: own, references, now });
    if (name === PRIMARY_SUBMODULE) level = appraisal.level;
    submods[name] = {
      ...policyExtensions({ policyText: policy.text, evidence: annotated, references, now }),
      "ear.status": appraisal.status,
      "ear.trustworthiness-vector": appraisal.vector,
      "ear.appraisal-policy-id": policy.id,
      "ear.veraison.annotated-evidence": annotated,
    };
  }
  return { submods, level, hits };
}

/** @returns the object that attestation policies read and that tokens carry (trustee.md §5.2) */
export function annotatedEvidence({ tee, claims, runtimeDataClaims, initDataClaims }: VerifiedEvidence): JsonObject {
  return {
    report_data: claims.reportData,
    runtime_data_claims: runtimeDataClaims,
    init_data: claims.initData,
    // A platform without a field for init data has bound none (security.md I18).
    init_data_claims: claims.initData === null ? null : initDataClaims,
    [tee]: claims.members,
  };
}
