import { describe, expect, test } from "bun:test";
import { decideRelease } from "../../src/policy/index.ts";
import type { JsonObject } from "../../src/system/index.ts";
import { tokenWith } from "./evidence.ts";

const resource = { plugin: "resource", path: ["default", "key", "1"], query: { version: "2" } };

function decide(rules: string, token: JsonObject = tokenWith()) {
  return decideRelease({ policyText: `package policy\nimport rego.v1\n${rules}`, token, resource, now: 1_700_000_000 });
}

describe("a release", () => {
  test("is allowed by the boolean true", () => {
    expect(decide("allow := true")).toEqual({ allowed: true, reason: "data.policy.allow is true" });
  });

  test.each([
    "allow := false",
    "allow := null",
    "allow := 1",
    'allow := "true"',
    "allow := [true]",
    "allow := {true}",
    'allow := {"allow": true}',
    "allow contains true",
    'allow["x"] := true',
    "allow := true if false",
    "allow := true if input.nothing.there",
    "allow := true if not input.submods",
    "other := true",
    "default allow := false",
  ])("is denied by `%s`", (rules) => {
    expect(decide(rules)).toMatchObject({ allowed: false, id: "policy.denied", reason: expect.stringContaining("policy.denied: ") });
  });

  test.each([
    ["policy.parse-error", "allow :="],
    ["policy.compile-error", "allow if unknown_function(1)"],
    ["policy.compile-error", "allow if not input.a[i]"],
    ["policy.compile-error", "allow if allow"],
    ["policy.compile-error", "allow(x) := true"],
    ["policy.eval-error", "allow if 1 / 0 == 1"],
    ["policy.eval-error", "allow if count(1) == 1"],
    ["policy.eval-error", "allow := true\nallow := false"],
    ["policy.limit-exceeded", "allow if count(numbers.range(1, 1000000000)) > 1"],
  ])("is denied with %s by `%s`", (id, rules) => {
    const decision = decide(rules);
    expect(decision).toMatchObject({ allowed: false, id, reason: expect.stringContaining(`${id}: `) });
  });

  test("is denied by an error that a true rule could hide", () => {
    expect(decide("allow if input.cai.v == 1\nallow if 1 / 0 == 1").allowed).toBe(true);
    expect(decide("allow if 1 / 0 == 1\nallow if input.cai.v == 1")).toMatchObject({ allowed: false, id: "policy.eval-error" });
  });

  test("says which statement denied, and the values that it compared", () => {
    const decision = decide("default allow := false\nallow if {\n\tinput.submods\n\tinput.cai.v == 2\n}");
    expect(decision.reason).toMatch(/^policy\.denied: data\.policy\.allow is false: .*input\.cai\.v == 2: input\.cai\.v is 1$/);
  });

  test("is denied where the rule stands in another package", () => {
    const text = "package other\nallow := true";
    expect(decideRelease({ policyText: text, token: {}, resource, now: 0 })).toMatchObject({ allowed: false, id: "policy.denied" });
  });

  test("shows the policy the path with the plugin, its parts without, the plugin and the query", () => {
    const holds = (condition: string) => decide(`allow if ${condition}`).allowed;
    expect(holds('data["resource-path"] == "resource/default/key/1"')).toBe(true);
    expect(holds('data["resource-path-parts"] == ["default", "key", "1"]')).toBe(true);
    expect(holds('data.plugin == "resource"')).toBe(true);
    expect(holds('data.query.version == "2"')).toBe(true);
    expect(holds("time.now_ns() == 1700000000000000000")).toBe(true);
  });

  test("cannot be steered by request data that looks like a rule", () => {
    const plugin = { ...resource, query: { policy: { allow: true } } };
    const text = "package policy\nimport rego.v1\nallow if false";
    expect(decideRelease({ policyText: text, token: { policy: { allow: true } }, resource: plugin, now: 0 }).allowed).toBe(false);
  });
});

describe("the reason of a denial, which goes to logs (I27)", () => {
  const secret = "hunter2-in-init-data";
  const token = {
    submods: { cpu0: { "ear.veraison.annotated-evidence": { init_data_claims: { "app.toml": secret }, tdx: { simulated: true } } } },
  };
  const evidence = 'input.submods.cpu0["ear.veraison.annotated-evidence"]';

  test("shows nothing of init data, whether the policy read it or only what is around it", () => {
    for (const condition of [`${evidence}.init_data_claims["app.toml"] == "other"`, `f(${evidence})`, `${evidence} == {}`]) {
      const { reason } = decide(`default allow := false\nallow if ${condition}\nf(e) if e.tdx.simulated == false`, token);
      expect(reason).toMatch(/^policy\.denied: data\.policy\.allow is false: policy:\d+: /);
      expect(reason).not.toContain("hunter2");
    }
  });
});
