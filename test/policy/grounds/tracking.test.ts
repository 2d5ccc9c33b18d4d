import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { Tracking } from "../../../src/policy/grounds/tracking.ts";
import { compilePolicy } from "../../../src/policy/index.ts";
import type { JsonObject } from "../../../src/system/index.ts";

const json = fc.jsonValue({ maxDepth: 3 }).map((value) => ({ value }) as unknown as JsonObject);

/** What a query gives over a document as it is, and what it reads of it. */
function tracked(rules: string, input: JsonObject): { result: unknown; plain: unknown; tracking: Tracking } {
  const policy = compilePolicy(`package t\n${rules}`);
  const tracking = new Tracking(input);
  return { result: policy.evaluate("data.t.x", { input: tracking.document }), plain: policy.evaluate("data.t.x", { input }), tracking };
}

describe("a document whose reading is noted", () => {
  const policies = [
    "x := input",
    "x := [v | some v in input.value]",
    "x := [k | some k, _ in input.value]",
    "x := json.marshal(input)",
    "x := {p | walk(input, [p, _])}",
    "x := object.union(input, {})",
    "x := count(input.value)",
    "x if input.value == input.value",
    "x := input.value[0]",
    "x := object.get(input, [`value`, `a`], 7)",
    "x := object.keys(input.value)",
    "x := sprintf(`%v`, [input])",
  ];
  for (const rules of policies) {
    test(`gives what the document itself gives: ${rules}`, () => {
      fc.assert(
        fc.property(json, (input) => {
          let plain: unknown;
          try {
            ({ plain } = tracked(rules, input));
          } catch {
            return;
          }
          expect(tracked(rules, input).result).toEqual(plain as never);
        }),
        { numRuns: 60 },
      );
    });

    test(`tells another document that differs where it was read: ${rules}`, () => {
      fc.assert(
        fc.property(json, json, (input, other) => {
          let first: ReturnType<typeof tracked>;
          let second: unknown;
          try {
            first = tracked(rules, input);
            second = tracked(rules, other).plain;
          } catch {
            return;
          }
          if (first.tracking.likeness()(other)) expect(second).toEqual(first.plain as never);
        }),
        { numRuns: 200 },
      );
    });
  }

  test("is itself alike", () => {
    fc.assert(
      fc.property(json, (input) => {
        const { tracking } = tracked("x := input", input);
        expect(tracking.likeness()(structuredClone(input))).toBe(true);
      }),
    );
  });

  test("tells no member from one whose name is empty", () => {
    const rules = "x := {p | walk(input, [p, _])}";
    const none = { value: {} };
    const one = { value: { "": {} } };
    expect(tracked(rules, none).tracking.likeness()(one)).toBe(false);
    expect(tracked(rules, one).tracking.likeness()(none)).toBe(false);
  });

  test("says so where more was read than is noted", () => {
    const large = { value: Array.from({ length: 5000 }, (_, i) => i) };
    const { tracking } = tracked("x := sum(input.value)", large);
    expect(tracking.complete).toBe(false);
  });

  test("differs where what was absent is there, and where what was there is of another kind", () => {
    const { tracking } = tracked("x if not input.a.b", { a: {} });
    expect(tracking.likeness()({ a: {}, c: 1 })).toBe(true);
    expect(tracking.likeness()({ a: { b: true } })).toBe(false);
    expect(tracking.likeness()({ a: 1 })).toBe(false);
    expect(tracking.likeness(new Set(["b"]))({ a: { b: true } })).toBe(true);
  });
});
