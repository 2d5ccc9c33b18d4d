import type { JsonObject, JsonValue } from "../../../system/index.ts";
import { type Check, rfc3339 } from "../../../tee/tdx/index.ts";
import type { Judgement } from "./judgement.ts";
import type { Compared, ReferenceDiff } from "./reference-diff.ts";

/**
 * A judgement for programs (cli.md). Members that the verification did not get to are null.
 *
 * @returns what `cai verify --json` prints
 */
export function judgementJson({ now, input, checks, claims, level, appraisal, references, error }: Judgement): JsonObject {
  const members = claims?.members ?? {};
  const chain = factsOf(checks, "pck-chain");
  const standing = factsOf(checks, "tcb-status");
  return {
    verdict: error === undefined ? "accepted" : "rejected",
    tee: claims?.tee ?? checks[0]?.id.split(".")[0] ?? null,
    simulated: claims?.simulated ?? chain["simulated"] ?? null,
    trust_anchor: claims?.trustAnchor ?? chain["trust_anchor"] ?? null,
    // Rejected evidence reaches no level, whatever was measured.
    level: error === undefined ? (level ?? null) : null,
    verified_at: rfc3339(now),
    input: input?.form ?? null,
    tcb_status: members["tcb_status"] ?? standing["status"] ?? null,
    tcb_date: members["tcb_date"] ?? null,
    advisory_ids: members["advisory_ids"] ?? [],
    tcb_status_current: members["tcb_status_current"] ?? standing["status_current"] ?? null,
    collateral:
      claims === undefined
        ? null
        : { earliest_expiration: members["earliest_expiration_date"]!, evaluation_data_number: members["tcb_eval_num"]! },
    ...(error !== undefined && { error: { ...error.toJSON() } }),
    checks: checks.map(checkJson),
    ...(references !== undefined && { references: referencesJson(references) }),
    ...(appraisal !== undefined && {
      appraisal: {
        policy: appraisal.policyId,
        policy_hash: appraisal.policyHash,
        status: appraisal.status,
        trustworthiness_vector: appraisal.vector as JsonObject,
      },
    }),
    claims: claims?.members ?? null,
  };
}

/** @returns what the step of that name found; nothing where it was not reached */
export function factsOf(checks: readonly Check[], step: string): JsonObject {
  return checks.find(({ id }) => id.endsWith(`.${step}`))?.facts ?? {};
}

const checkJson = (check: Check): JsonObject => ({ ...check });

function referencesJson({ equal, differ, missing, unproved, notCompared }: ReferenceDiff): JsonObject {
  const compared = ({ name, allowed, measured, labelled }: Compared): { [member: string]: JsonValue } => ({
    name,
    allowed,
    ...(measured !== undefined && { measured }),
    ...(labelled && { labelled }),
  });
  return {
    equal: equal.map(compared),
    differ: differ.map(compared),
    missing: missing.map(compared),
    unproved: unproved.map(compared),
    not_compared: notCompared.map((entry) => ({ ...entry })),
  };
}
