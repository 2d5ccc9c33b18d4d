import {
  type Explanation,
  type Grounds,
  groundsOfAppraisal,
  groundsOfRelease,
  policyHash,
  type Reason,
  type ReleaseRequest,
} from "../../policy/index.ts";
import type { DecisionDetail, DecisionExplanation, DecisionStatement, EarSubmodule } from "../../protocol/index.ts";
import type { JsonObject, JsonValue } from "../../system/index.ts";
import type { HashedPolicy } from "./attestation-policy.ts";
import { POLICY_IN_FORCE } from "./policy-ids.ts";
import { referencesInForce } from "./reference-message.ts";
import type { ReferenceValue } from "./store/index.ts";

type Parts = Omit<DecisionDetail, "v">;

/** Reasons inside one another that records keep. */
const MAX_DEPTH = 20;

/** What platforms' claims say of the collateral that they were judged by: its standing, its numbers, its dates. */
const COLLATERAL_CLAIMS = [
  "tcb_status",
  "tcb_status_current",
  "tcb_date",
  "advisory_ids",
  "tcb_eval_num",
  "earliest_issue_date",
  "latest_issue_date",
  "earliest_expiration_date",
  "collateral_expiration_status",
  "pck_crl_num",
  "root_ca_crl_num",
  "trust_anchor",
] as const;

/** Grades, and what they were given by. */
export interface GradesToRecord {
  readonly submods: Readonly<Record<string, EarSubmodule>>;
  readonly policy: HashedPolicy;
  /** the realm whose policy and reference values these are */
  readonly realm: string;
  /** every reference value of the realm, by name */
  readonly references: ReadonlyMap<string, ReferenceValue>;
  /** seconds since 1970 */
  readonly now: number;
}

/** @returns what a record says of the grades of evidence: why each came out so, and what the evidence was compared with */
export function gradesDetail({ submods, policy, realm, references, now }: GradesToRecord): Parts {
  const inForce = referencesInForce(references, now);
  const entries = Object.entries(submods).map(([name, submodule]) => {
    const evidence = submodule["ear.veraison.annotated-evidence"];
    return { name, submodule, evidence, grounds: groundsOfAppraisal({ policyText: policy.text, evidence, references: inForce, now }) };
  });
  const collateral = entries.flatMap(({ name, evidence }) => {
    const found = collateralIn(evidence);
    return found === undefined ? [] : [[name, found] as const];
  });
  return {
    policies: [{ kind: "attestation", id: policy.id, sha384: policy.hash, ...(realm !== "" && { realm }) }],
    submods: Object.fromEntries(entries.map(({ name, submodule }) => [name, gradeOf(submodule)])),
    ...(collateral.length > 0 && { collateral: Object.fromEntries(collateral) }),
    ...groundsDetail(
      entries.map(({ name, grounds }) => ({ grounds, submodule: entries.length > 1 ? name : undefined })),
      "attestation",
      references,
    ),
  };
}

/** @returns what a record says of a resource policy's answer */
export function releaseDetail(request: ReleaseRequest, realm: string): Parts {
  const sha384 = policyHash(request.policyText);
  return {
    policies: [{ kind: "resource", id: POLICY_IN_FORCE, sha384, ...(realm !== "" && { realm }) }],
    ...groundsDetail([{ grounds: groundsOfRelease(request), submodule: undefined }], "resource", new Map()),
  };
}

function gradeOf(submodule: EarSubmodule): { status: string; vector: Record<string, number> } {
  return { status: submodule["ear.status"], vector: { ...submodule["ear.trustworthiness-vector"] } };
}

function collateralIn(evidence: JsonObject): Record<string, JsonValue> | undefined {
  for (const claims of Object.values(evidence)) {
    if (typeof claims !== "object" || claims === null || Array.isArray(claims)) continue;
    const members = claims as JsonObject;
    const found = COLLATERAL_CLAIMS.flatMap((name) => (members[name] === undefined ? [] : [[name, members[name]] as const]));
    if (found.length > 0 && Object.hasOwn(members, "tcb_status")) return Object.fromEntries(found);
  }
  return undefined;
}

function groundsDetail(
  all: readonly { readonly grounds: Grounds; readonly submodule: string | undefined }[],
  policy: DecisionExplanation["policy"],
  references: ReadonlyMap<string, ReferenceValue>,
): Parts {
  const more = all.reduce((sum, { grounds }) => sum + grounds.moreClaims, 0);
  const claims = all.flatMap(({ grounds, submodule }) => {
    return submodule === undefined ? grounds.claims : grounds.claims.map((claim) => ({ ...claim, name: `${submodule}: ${claim.name}` }));
  });
  const consulted = all.flatMap(({ grounds }) => grounds.references);
  return {
    ...(claims.length > 0 && { claims }),
    ...(more > 0 && { more_claims: more }),
    ...(consulted.length > 0 && {
      references: consulted.map((one) => ({ ...one, ...(references.has(one.name) && { expires: references.get(one.name)!.expires }) })),
    }),
    explanations: all.flatMap(({ grounds, submodule }) =>
      grounds.explanations.map((explanation) => ({ policy, ...(submodule !== undefined && { submodule }), ...recorded(explanation) })),
    ),
    ...(all.some(({ grounds }) => grounds.withheld) && { values_withheld: true as const }),
    ...(all.some(({ grounds }) => !grounds.explained) && { cut: [`explanations of the ${policy} policy`] }),
  };
}

const known = new WeakMap<Explanation, Omit<DecisionExplanation, "policy" | "submodule">>();

/** An explanation in the form that records have; that of grounds that are kept is made once. */
function recorded(explanation: Explanation): Omit<DecisionExplanation, "policy" | "submodule"> {
  let form = known.get(explanation);
  if (form === undefined) {
    const { query, outcome, value, reasons, truncated } = explanation;
    const isScalar = typeof value !== "object" || value === null;
    const statements = reasons.map((reason) => statementOf(reason, MAX_DEPTH));
    form = { query, outcome, ...(value !== undefined && isScalar && { value }), statements, ...(truncated && { truncated }) };
    known.set(explanation, form);
  }
  return form;
}

function statementOf({ kind, holds, line, source, values, note, passed, because }: Reason, depth: number): DecisionStatement {
  return {
    kind,
    holds,
    line,
    text: source,
    ...(values.length > 0 && { values }),
    ...(note !== undefined && { note }),
    ...(passed !== undefined && { passed }),
    ...(because.length > 0 && depth > 1 && { because: because.map((one) => statementOf(one, depth - 1)) }),
  };
}
