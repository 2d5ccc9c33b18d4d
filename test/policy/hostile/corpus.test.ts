import { describe, expect, test } from "bun:test";
import { appraise, compilePolicy, decideRelease, explainQuery, type Policy, policyText } from "../../../src/policy/index.ts";
import { CaiError, type JsonObject, type JsonValue } from "../../../src/system/index.ts";
import { CORPUS, type Hostile } from "./corpus.ts";

const GOOD = "package policy\nimport rego.v1\ndefault allow := false\nallow if input.a == 1";
const HARMLESS = "policy.harmless";
const accepted = ({ ids }: Hostile) => (ids.length === 0 ? [HARMLESS] : ids);

/** What came of it: an error's id and message, or `policy.harmless` and the value. */
function outcome({ policy, input }: Hostile): { readonly id: string; readonly message: string; readonly value?: JsonValue | undefined } {
  try {
    const document = input === undefined ? {} : (JSON.parse(input) as JsonValue);
    const value = compilePolicy(policyText(policy)).evaluate("data.policy.allow", { input: document });
    return { id: HARMLESS, message: "", value };
  } catch (error) {
    if (!(error instanceof CaiError)) throw error;
    return { id: error.id, message: error.message };
  }
}

const table = CORPUS.map((one) => [one.name, one] as const);

describe("a hostile policy", () => {
  test.each(table)("%s ends in one of the errors that it should, and never allows", (_, one) => {
    const { id, message, value } = outcome(one);
    expect(accepted(one)).toContain(id);
    expect(value).not.toBe(true);
    // The engine is in order after it.
    expect(compilePolicy(GOOD).evaluate("data.policy.allow", { input: { a: 1 } })).toBe(true);
    expect(compilePolicy(GOOD).evaluate("data.policy.allow", { input: { a: 2 } })).toBe(false);
    expect(({} as { readonly allow?: unknown }).allow).toBeUndefined();
    if (one.hasPosition && id !== HARMLESS && id !== "policy.limit-exceeded") expect(message).toMatch(/^policy:\d+:\d+: /);
    expect(message.length).toBeLessThan(2000);
    expect(message.isWellFormed()).toBe(true);
  });
});

describe("explaining a hostile policy", () => {
  test.each(table)("%s ends as its evaluation does, or with the limit", (_, { policy, input }) => {
    const document = input === undefined ? {} : (JSON.parse(input) as JsonValue);
    const ended = (work: (compiled: Policy) => unknown): string => {
      try {
        work(compilePolicy(policyText(policy)));
        return HARMLESS;
      } catch (error) {
        return CaiError.from(error).id;
      }
    };
    const evaluated = ended((compiled) => compiled.evaluate("data.policy.allow", { input: document }));
    const explained = ended((compiled) => explainQuery(compiled, "data.policy.allow", { input: document }));
    expect([evaluated, "policy.limit-exceeded"]).toContain(explained);
  });
});

describe("a hostile policy at the trustee", () => {
  const resource = { plugin: "resource", path: ["default", "key", "1"], query: {} };
  const texts = CORPUS.flatMap((one) => {
    const text = new TextDecoder().decode(one.policy);
    return [[one.name, text, one] as const];
  });

  test.each(texts)("%s denies a release and throws nothing", (_, policyText, { input }) => {
    const token = input === undefined ? {} : (JSON.parse(input) as JsonObject);
    expect(decideRelease({ policyText, token, resource, now: 0 }).allowed).toBe(false);
  });

  test.each(texts)("%s makes an appraisal end with an error of a policy", (_, policyText, { input }) => {
    const evidence = input === undefined ? {} : (JSON.parse(input) as JsonObject);
    expect(() => appraise({ policyText, policyId: "default", evidence, floor: [], references: {} })).toThrow(
      expect.objectContaining({ id: expect.stringMatching(/^policy\./) }),
    );
  });
});
