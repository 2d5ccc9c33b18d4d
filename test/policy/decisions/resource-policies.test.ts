import { describe, expect, test } from "bun:test";
import { compilePolicy, decideRelease, floor } from "../../../src/policy/index.ts";
import type { JsonObject, JsonValue } from "../../../src/system/index.ts";
import { evidenceWith, FACTS, tokenWith } from "../evidence.ts";
import { annotated } from "./evidence.ts";
import byLimits from "./resource-by-limits.rego" with { type: "text" };
import byPlugin from "./resource-by-plugin.rego" with { type: "text" };

const PATH = ["default", "key", "1"];

function decide(policyText: string, token: JsonObject, path: readonly string[] = PATH, plugin = "resource", query: JsonObject = {}) {
  return decideRelease({ policyText, token, resource: { plugin, path, query }, now: 0 });
}

const allowed = (...args: Parameters<typeof decide>) => decide(...args).allowed;
const rule = (condition: string) => `package policy\nimport rego.v1\ndefault allow := false\nallow if ${condition}`;

describe("the policy of one trustee: every claim at most 32", () => {
  const FOUR = { configuration: 2, executables: 3, "file-system": 2, hardware: 2 };

  test("allows four claims in the affirming tier, and a file-system claim of 0 as SNP evidence gets it", () => {
    expect(allowed(byLimits, tokenWith(FOUR))).toBe(true);
    expect(allowed(byLimits, tokenWith({ ...FOUR, "file-system": 0 }))).toBe(true);
  });

  test.each(Object.keys(FOUR))("denies where %s is missing or has its default", (claim) => {
    const { [claim]: _, ...rest } = FOUR as { [claim: string]: number };
    expect(allowed(byLimits, tokenWith(rest))).toBe(false);
    for (const value of [33, 35, 36, 97]) expect(allowed(byLimits, tokenWith({ ...FOUR, [claim]: value }))).toBe(false);
  });

  test("denies the vector of a TD for which no reference value is stored", () => {
    expect(decide(byLimits, tokenWith({ executables: 33, configuration: 36, hardware: 2, "file-system": 35 }))).toMatchObject({
      allowed: false,
      id: "policy.denied",
    });
  });

  test("lets a negative contraindicating value through, which the floor below it then denies", () => {
    const token = tokenWith({ ...FOUR, hardware: -97 });
    expect(allowed(byLimits, token)).toBe(true);
    const hits = floor({ ...FACTS, tcbStatus: "Revoked" });
    const resource = { plugin: "resource", path: PATH, query: {} };
    expect(decideRelease({ policyText: byLimits, token, resource, now: 0, floor: hits })).toMatchObject({
      allowed: false,
      id: "policy.tcb-revoked",
    });
  });

  test("denies evidence that is not cpu0's", () => {
    const { cpu0 } = tokenWith(FOUR)["submods"] as JsonObject;
    expect(allowed(byLimits, { submods: { cpu: cpu0! } })).toBe(false);
    expect(allowed(byLimits, { submods: { cpu1: cpu0!, gpu0: cpu0! } })).toBe(false);
  });
});

describe("the policy of the other trustee: the plugin, and no sample evidence", () => {
  const sample = tokenWith(undefined, { evidence: annotated("sample", { svn: "1" }) });

  test("allows a hardware platform's evidence and denies sample evidence", () => {
    expect(allowed(byPlugin, tokenWith())).toBe(true);
    expect(allowed(byPlugin, sample)).toBe(false);
  });

  test("denies sample evidence beside other evidence, and a token without any", () => {
    const submods = { ...(tokenWith()["submods"] as JsonObject), cpu1: (sample["submods"] as JsonObject)["cpu0"]! };
    expect(allowed(byPlugin, { submods })).toBe(false);
    expect(allowed(byPlugin, { submods: {} })).toBe(false);
    expect(allowed(byPlugin, {})).toBe(false);
  });

  test("denies another plugin", () => {
    expect(allowed(byPlugin, tokenWith(), PATH, "nebula-ca")).toBe(false);
  });
});

describe("the path of a resource", () => {
  test("is a text of four segments, the plugin first: a policy that waits for three never allows", () => {
    expect(allowed(rule('data["resource-path"] == "resource/default/key/1"'), tokenWith())).toBe(true);
    expect(allowed(rule('data["resource-path"] == "default/key/1"'), tokenWith())).toBe(false);
    expect(allowed(rule('count(split(data["resource-path"], "/")) == 3'), tokenWith())).toBe(false);
    expect(allowed(rule('count(split(data["resource-path"], "/")) == 4'), tokenWith())).toBe(true);
  });

  test("is given as segments too, under a name of its own", () => {
    expect(allowed(rule('data["resource-path-parts"] == ["default", "key", "1"]'), tokenWith())).toBe(true);
    expect(allowed(rule('data["resource-path-parts"][0] == "default"'), tokenWith())).toBe(true);
    expect(allowed(rule("count(data[`resource-path-parts`]) == 3"), tokenWith())).toBe(true);
  });

  test("may hold quotation marks and slashes without becoming another path", () => {
    const strange = ["default", 'k"] == data["x', "a/b"];
    expect(allowed(rule('data["resource-path-parts"][2] == "a/b"'), tokenWith(), strange)).toBe(true);
    expect(allowed(rule('data["resource-path"] == data.nothing'), tokenWith(), strange)).toBe(false);
    expect(allowed(rule('contains(data["resource-path"], "\\"] ==")'), tokenWith(), strange)).toBe(true);
  });

  test("as an array, as the other trustee passes it, is what its policies compare", () => {
    const data: JsonValue = { plugin: "resource", "resource-path": PATH, query: { version: "2" } };
    const holds = (condition: string) => compilePolicy(rule(condition)).evaluate("data.policy.allow", { input: tokenWith(), data });
    expect(holds('data["resource-path"] == ["default", "key", "1"]')).toBe(true);
    expect(holds('data["resource-path"][1] == "key"')).toBe(true);
    expect(holds('data["resource-path"] = ["default", _, _]')).toBe(true);
    expect(holds('"key" in data["resource-path"]')).toBe(true);
    expect(holds('data["resource-path"] == "resource/default/key/1"')).toBe(false);
    expect(holds('data.query.version == "2"')).toBe(true);
  });

  test("is compared by both forms in a policy for both trustees", () => {
    const both =
      'path := data["resource-path"]\nsegments := path if is_array(path)\nsegments := array.slice(split(path, "/"), 1, 9) if is_string(path)';
    const text = `${rule('segments == ["default", "key", "1"]')}\n${both}`;
    expect(allowed(text, tokenWith())).toBe(true);
    const data = { plugin: "resource", "resource-path": PATH, query: {} };
    expect(compilePolicy(text).evaluate("data.policy.allow", { input: tokenWith(), data })).toBe(true);
    expect(allowed(text, tokenWith(), ["other", "key", "1"])).toBe(false);
  });
});

describe("policies in the older dialect", () => {
  const older = (body: string) => `package policy\n${body}`;

  test.each([
    ["without if", 'default allow = false\nallow { input.cai.world == "production" }', true],
    ["with future keywords", 'import future.keywords.in\ndefault allow = false\nallow { "tagged" in {input.cai.binding} }', true],
    ["that split the path", 'default allow = false\nallow { parts := split(data["resource-path"], "/"); parts[1] == "default" }', true],
    ["that expect three segments", 'default allow = false\nallow { parts := split(data["resource-path"], "/"); count(parts) == 3 }', false],
    ["that negate a claim", "default allow = false\nallow { not input.submods.cpu0.debug }", true],
    ["that allow all", "allow = true", true],
    ["that allow nothing", "default allow = false", false],
  ])("%s decide as they do there", (_, text, expected) => {
    expect(allowed(older(text), tokenWith())).toBe(expected);
  });
});

describe("traps that deny instead of allowing", () => {
  test.each([
    ["a misspelt claim", 'input.submods.cpu0["ear.state"] == "affirming"'],
    ["a value in undefined", '"x" in input.nothing'],
    ["every over undefined", "every one in input.nothing { one == 1 }"],
    ["a count of what is not there", "count(input.nothing) == 0"],
  ])("%s", (_, condition) => {
    expect(decide(rule(condition), tokenWith())).toMatchObject({ allowed: false, id: "policy.denied" });
  });

  test("a policy for TDX does not allow another platform's evidence by saying `not debug`", () => {
    const careless = rule("not input.submods.cpu0[`ear.veraison.annotated-evidence`].tdx.td_attributes.debug");
    const careful = rule("input.submods.cpu0[`ear.veraison.annotated-evidence`].tdx.td_attributes.debug == false");
    const other = tokenWith(undefined, { evidence: annotated("csv", { policy: { nodbg: 0 } }) });
    expect(allowed(careless, other)).toBe(true);
    expect(allowed(careful, other)).toBe(false);
    expect(allowed(careful, tokenWith(undefined, { evidence: evidenceWith() }))).toBe(true);
  });

  test("a number compared with a text orders by type, so that a limit alone does not check the type", () => {
    expect(allowed(rule("input.submods.cpu0[`ear.trustworthiness-vector`].hardware <= 32"), tokenWith({ hardware: null }))).toBe(true);
    expect(allowed(rule("input.submods.cpu0[`ear.trustworthiness-vector`].hardware <= 32"), tokenWith({ hardware: "2" }))).toBe(false);
    expect(allowed(rule('input.submods.cpu0["ear.trustworthiness-vector"].hardware <= "0"'), tokenWith({ hardware: 97 }))).toBe(true);
  });
});
