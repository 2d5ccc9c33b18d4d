import { describe, expect, test } from "bun:test";
import { policyExtensions } from "../../src/policy/index.ts";
import { rejection } from "../rejection.ts";

const policy = (rule: string) => `package policy\nimport rego.v1\nhardware := 2\n${rule}\n`;
const extended = (rule: string) => policyExtensions({ policyText: policy(rule), evidence: { tdx: { a: 1 } }, references: { r: ["v"] } });

describe("what an attestation policy adds to a submodule (trustee.md §5.2)", () => {
  test("is what its rule extensions names, by name", () => {
    const rule =
      'extensions := [{"name": "from-input", "key": -1, "value": input.tdx.a}, {"name": "r", "key": 2, "value": query_reference_value("r")}]';
    expect(extended(rule)).toEqual({ "from-input": 1, r: ["v"] });
  });

  test("may have a name of `ear.` that EAR has not, as that of the default policy of the CoCo family", () => {
    const rule = 'extensions := [{"name": "ear.trustee.identifiers", "key": -18, "value": {"validated": object.union_n([{}, {}])}}]';
    expect(extended(rule)).toEqual({ "ear.trustee.identifiers": { validated: {} } });
  });

  test("is nothing where there is no such rule, or it is undefined", () => {
    expect(extended("")).toEqual({});
    expect(extended("extensions := [] if input.absent")).toEqual({});
    expect(extended("extensions := []")).toEqual({});
  });

  test.each([
    "extensions := {}",
    "extensions := 7",
    "extensions := [7]",
    'extensions := [{"name": "a", "key": 1}]',
    'extensions := [{"name": "a", "value": 1}]',
    'extensions := [{"name": "a", "key": 1.5, "value": 1}]',
    'extensions := [{"name": "", "key": 1, "value": 1}]',
    'extensions := [{"name": "ear.status", "key": 1, "value": "affirming"}]',
    'extensions := [{"name": "ear.veraison.annotated-evidence", "key": 1, "value": {}}]',
    'extensions := [{"name": "ear.veraison.policy-claims", "key": 1, "value": {}}]',
    'extensions := [{"name": "ear.appraisal-policy-id", "key": 1, "value": "other"}]',
    'extensions := [{"name": "ear.trustworthiness-vector", "key": 1, "value": {}}]',
    'extensions := [{"name": "__proto__", "key": 1, "value": 1}]',
    'extensions := [{"name": "a", "key": 1, "value": 1}, {"name": "a", "key": 2, "value": 1}]',
    'extensions := [{"name": "a", "key": 1, "value": 1}, {"name": "b", "key": 1, "value": 1}]',
    'extensions := [{"name": sprintf("n%d", [i]), "key": i, "value": 1} | some i in numbers.range(1, 65)]',
  ])("is refused in another form: %s", (rule) => {
    expect(rejection(() => extended(rule)).id).toBe("policy.extension-invalid");
  });
});
