import { CaiError, type JsonObject, type JsonValue } from "../system/index.ts";
import type { AppraisalRequest } from "./appraisal.ts";
import { compilePolicy } from "./rego/index.ts";

const RULE = "extensions";
const MAX_EXTENSIONS = 64;
const NAME = /^[A-Za-z][A-Za-z0-9._-]{0,127}$/;
/** The members that EAR gives a submodule; other names of `ear.` are free, as the default policy of CoCo adds `ear.trustee.identifiers`. */
const RESERVED = /^ear\.(status|trustworthiness-vector|appraisal-policy-id|all-claims|raw-evidence|verifier-id|veraison\..*)$/i;

/**
 * What an attestation policy adds to a token's submodule by `data.policy.extensions`: an array of `{name, key, value}`, the key a number that forms
 * other than JSON use (trustee.md §5.2). Undefined adds nothing.
 *
 * @returns the members to add, by name
 * @throws CaiError `policy.extension-invalid`, and those of {@link compilePolicy} and its evaluation
 */
export function policyExtensions({
  policyText,
  evidence,
  references,
  now,
}: Pick<AppraisalRequest, "policyText" | "evidence" | "references" | "now">): JsonObject {
  // Most policies have none, and are not run a second time.
  if (!policyText.includes(RULE)) return {};
  const value = compilePolicy(policyText).evaluate(`data.policy.${RULE}`, {
    input: evidence,
    data: { reference: references },
    ...(now !== undefined && { now }),
    referenceValue: (id) => (Object.hasOwn(references, id) ? references[id]! : null),
  });
  if (value === undefined) return {};
  if (!Array.isArray(value) || value.length > MAX_EXTENSIONS) throw invalid(`an array of at most ${MAX_EXTENSIONS}`);
  const members = value.map(readExtension);
  for (const place of [0, 1] as const) {
    if (new Set(members.map((member) => member[place])).size !== members.length) throw invalid("each name and each key once");
  }
  return Object.fromEntries(members.map(([name, , content]) => [name, content]));
}

function readExtension(extension: JsonValue): readonly [name: string, key: number, value: JsonValue] {
  if (typeof extension !== "object" || extension === null || Array.isArray(extension)) throw invalid("objects of name, key and value");
  const { name, key, value } = extension as JsonObject;
  if (typeof name !== "string" || !NAME.test(name) || RESERVED.test(name))
    throw invalid("names of letters, digits, `.`, `_`, `-` that EAR does not have already");
  if (typeof key !== "number" || !Number.isSafeInteger(key)) throw invalid("keys that are integers");
  if (value === undefined) throw invalid("a value each");
  return [name, key, value];
}

function invalid(expected: string): CaiError {
  return new CaiError("policy.extension-invalid", `the attestation policy's extensions cannot be used: expected ${expected}`, { expected });
}
