import { CaiError, type JsonObject, type JsonValue } from "../system/index.ts";
import { type AssuranceLevel, assurance, type ReferenceValues } from "./assurance.ts";
import { capVector, type FloorHit } from "./floor.ts";
import { policyHash } from "./policy-hash.ts";
import { compilePolicy } from "./rego/index.ts";
import { statusOf, TRUST_CLAIMS, type TrustClaim, type TrustStatus, type TrustVector, worseClaim } from "./trust-vector.ts";

/** What an attestation policy, and the floor below it, say of one piece of evidence. */
export interface Appraisal {
  readonly vector: TrustVector;
  readonly status: TrustStatus;
  readonly policyId: string;
  /** lower-case hex SHA-384 of the policy's text */
  readonly policyHash: string;
  readonly level: AssuranceLevel;
  readonly floorHits: readonly FloorHit[];
}

export interface AppraisalRequest {
  readonly policyText: string;
  /** the name the token gives as `ear.appraisal-policy-id` */
  readonly policyId: string;
  /** the annotated-evidence object: `{report_data, runtime_data_claims, init_data, init_data_claims, <tee>: {…}}` (trustee.md §5.2) */
  readonly evidence: JsonObject;
  /** what `floor` found; lowers the vector after the policy */
  readonly floor: readonly FloorHit[];
  readonly references: ReferenceValues;
  /** is told the name of each reference value that the policy asks for and that there is; again where it asks again */
  readonly onReference?: (name: string) => void;
  /** seconds since 1970, for `time.now_ns`; a policy that asks for the time fails where it is absent */
  readonly now?: number;
}

/** Each claim by its own rule, never the whole package: a rule that fails and that nothing asks for must not matter. */
const RULES = TRUST_CLAIMS.map((claim) => claim.replaceAll("-", "_"));
const QUERIES = ["trust_claims", ...RULES].map((rule) => `data.policy.${rule}`);

/**
 * Grades evidence by an attestation policy (trustee.md §5.2, §5.7): each of the eight rules `data.policy.<claim>`, and the object
 * `data.policy.trust_claims` where there is one; where both set a claim, the worse one counts. The floor lowers the result afterwards.
 *
 * @throws CaiError `policy.claim-invalid`, `policy.no-claims`, and those of {@link compilePolicy} and its evaluation
 */
export function appraise(request: AppraisalRequest): Appraisal {
  const policy = compilePolicy(request.policyText);
  const references = request.onReference === undefined ? request.references : watched(request.references, request.onReference);
  const answers = policy.evaluateEach(QUERIES, {
    input: request.evidence,
    data: { reference: references },
    ...(request.now !== undefined && { now: request.now }),
    referenceValue: (id) => (Object.hasOwn(references, id) ? references[id]! : null),
  });
  const vector = capVector(claimsOf(answers), request.floor);
  return {
    vector,
    status: statusOf(vector),
    policyId: request.policyId,
    policyHash: policyHash(request.policyText),
    level: assurance(request.evidence, request.references),
    floorHits: request.floor,
  };
}

/** The same values; each one that is read is told. A policy that goes through all of `data.reference` asks for all. */
function watched(references: ReferenceValues, tell: (name: string) => void): ReferenceValues {
  return new Proxy(references, {
    get(target, name) {
      if (typeof name === "string" && Object.hasOwn(target, name)) tell(name);
      return Reflect.get(target, name);
    },
  });
}

function claimsOf([object, ...singles]: readonly (JsonValue | undefined)[]): TrustVector {
  const trustClaims = isObject(object) ? object : {};
  const vector: { [claim in TrustClaim]?: number } = {};
  for (const [i, claim] of TRUST_CLAIMS.entries()) {
    const single = checked(claim, singles[i]);
    const member = checked(claim, trustClaims[claim]);
    const value = single !== undefined && member !== undefined ? worseClaim(single, member) : (single ?? member);
    if (value !== undefined) vector[claim] = value;
  }
  if (Object.keys(vector).length === 0) {
    throw new CaiError("policy.no-claims", "the attestation policy sets no trust claim", {
      expected: `at least one rule of package policy: ${RULES.join(", ")}`,
    });
  }
  return vector;
}

function checked(claim: TrustClaim, value: JsonValue | undefined): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value === "number" && Number.isInteger(value) && value >= -128 && value <= 127) return value;
  throw new CaiError("policy.claim-invalid", `the attestation policy gives ${claim} a value that is no trust claim`, {
    expected: "an integer from -128 to 127",
    got: typeof value === "number" ? String(value) : Array.isArray(value) ? "array" : value === null ? "null" : typeof value,
  });
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
