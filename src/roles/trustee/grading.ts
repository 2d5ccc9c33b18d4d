import { type AssuranceLevel, appraise, type FloorHit, policyExtensions } from "../../policy/index.ts";
import { type EarSubmodule, PRIMARY_SUBMODULE } from "../../protocol/index.ts";
import { CaiError, type JsonObject } from "../../system/index.ts";
import { platformMembers } from "../../tee/index.ts";
import type { HashedPolicy } from "./attestation-policy.ts";
import { type EvidenceFacts, type FloorSurroundings, factsOf, floorOf } from "./evidence-facts.ts";
import type { VerifiedEvidence } from "./verification.ts";

/** What evidence is graded by. */
interface GradingRules {
  readonly policy: HashedPolicy;
  /** reference values in force, by name */
  readonly references: JsonObject;
  /** what the floor holds each piece against (security.md §4) */
  readonly surroundings: FloorSurroundings;
  /** is told which of them the policy asked for */
  readonly onReference?: (name: string) => void;
}

/** Verified evidence that is to be graded. */
export interface GradingRequest extends GradingRules {
  readonly evidence: readonly VerifiedEvidence[];
}

/** Evidence in a token that is to be graded again. */
export interface RegradingRequest extends GradingRules {
  /** the token's submodules, and the facts of each by the same name */
  readonly submods: Readonly<Record<string, EarSubmodule>>;
  readonly facts: Readonly<Record<string, EvidenceFacts>>;
}

/** The grades of one attestation. */
export interface Grades {
  /** the submodules of an EAR token by name: class and index, `cpu0` first (trustee.md §5.2) */
  readonly submods: Readonly<Record<string, EarSubmodule>>;
  /** what the floor looks at of each, by the same names */
  readonly facts: Readonly<Record<string, EvidenceFacts>>;
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
export function gradeEvidence({ evidence, ...rules }: GradingRequest): Grades {
  const counts = new Map<string, number>();
  const pieces = evidence.map((piece): GradedPiece => {
    const index = counts.get(piece.claims.class) ?? 0;
    counts.set(piece.claims.class, index + 1);
    const name = `${piece.claims.class}${index}`;
    return { name, annotated: annotatedEvidence(piece), facts: factsOf(piece) };
  });
  return grade(pieces, rules);
}

/**
 * Grades the evidence in a token again, by other rules than those that it was minted under (security.md I21).
 *
 * @throws CaiError `policy.…`; `kbs.token-malformed` where the token lacks the facts of a submodule
 */
export function regradeEvidence({ submods, facts, ...rules }: RegradingRequest): Grades {
  const pieces = Object.entries(submods).map(([name, { "ear.veraison.annotated-evidence": annotated }]): GradedPiece => {
    const own = Object.hasOwn(facts, name) ? facts[name] : undefined;
    if (own === undefined) throw new CaiError("kbs.token-malformed", `the token lacks what the floor looks at of ${name}`);
    return { name, annotated, facts: own };
  });
  return grade(pieces, rules);
}

/** One piece of evidence with all that its grade depends on. */
interface GradedPiece {
  readonly name: string;
  readonly annotated: JsonObject;
  readonly facts: EvidenceFacts;
}

function grade(pieces: readonly GradedPiece[], { policy, references, surroundings, onReference }: GradingRules): Grades {
  const { now } = surroundings;
  const submods: Record<string, EarSubmodule> = {};
  const found: FloorHit[] = [];
  let level: AssuranceLevel = "L0";
  for (const { name, annotated, facts } of pieces) {
    const hits = floorOf(facts, annotated, surroundings);
    found.push(...hits);
    const appraisal = appraise({
      policyText: policy.text,
      policyId: policy.id,
      evidence: annotated,
      floor: hits,
      references,
      ...(onReference && { onReference }),
      now,
    });
    if (name === PRIMARY_SUBMODULE) level = appraisal.level;
    submods[name] = {
      ...policyExtensions({ policyText: policy.text, evidence: annotated, references, now }),
      "ear.status": appraisal.status,
      "ear.trustworthiness-vector": appraisal.vector,
      "ear.appraisal-policy-id": policy.id,
      "ear.veraison.annotated-evidence": annotated,
    };
  }
  const facts = Object.fromEntries(pieces.map((piece) => [piece.name, piece.facts]));
  return { submods, facts, level, hits: found };
}

/** @returns the object that attestation policies read and that tokens carry (trustee.md §5.2) */
export function annotatedEvidence({ tee, claims, runtimeDataClaims, initDataClaims }: VerifiedEvidence): JsonObject {
  return {
    report_data: claims.reportData,
    runtime_data_claims: runtimeDataClaims,
    init_data: claims.initData,
    // A platform without a field for init data has bound none (security.md I18).
    init_data_claims: claims.initData === null ? null : initDataClaims,
    [tee]: platformMembers(claims),
  };
}
