import { expect, test } from "bun:test";
import { initDataClaims } from "../../../src/roles/trustee/init-data-claims.ts";

const POLICY = 'package agent_policy\n\ndefault CreateContainerRequest := true\n\npolicy_data := {"containers": [{"a": 1}]}\n';

test("the claims of init data are its table to the openanolis family", () => {
  const data = { "aa.toml": "[a]\nb = 1\n", "policy.rego": POLICY };
  expect(initDataClaims(data, "openanolis")).toEqual(data);
});

test("to the other family, agents' configurations are objects and a policy is the data it ends with (trustee.md §4.3)", () => {
  expect(
    initDataClaims({ "aa.toml": "[a]\nb = 1\nd = 2025-01-01\n", "cdh.toml": "c = [1]\n", "policy.rego": POLICY, other: "[x]" }, "coco"),
  ).toEqual({
    "aa.toml": { a: { b: 1, d: "2025-01-01" } },
    "cdh.toml": { c: [1] },
    agent_policy_claims: { containers: [{ a: 1 }] },
    other: "[x]",
  });
});

test("what is of another form, or nested too deep, stays the text that it is", () => {
  const deep = `policy_data := {"a": ${"[".repeat(5000)}${"]".repeat(5000)}}`;
  for (const data of [
    { "aa.toml": "no toml [" },
    { "policy.rego": "package agent_policy\n" },
    { "policy.rego": `${POLICY}more := 1\n` },
    { "policy.rego": deep },
  ] as unknown as Record<string, string>[]) {
    expect(initDataClaims(data, "coco")).toEqual(data);
  }
});
