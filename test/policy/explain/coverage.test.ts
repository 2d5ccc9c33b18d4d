import { describe, expect, test } from "bun:test";
import { compilePolicy, coverage, measureCoverage } from "../../../src/policy/index.ts";

const TEXT = `package t

default allow := false

allow if {
  input.a == 1
  every x in input.xs {
    x > 0
    x < 9
  }
}

allow if input.b

level := 1 if {
  input.l == 1
} else := 2 if {
  input.l == 2
}
`;

const policy = () => compilePolicy([{ name: "t.rego", text: TEXT }]);

describe("coverage by line", () => {
  test("counts a statement where it was reached, and a head where its rule gave a value", () => {
    expect(coverage(policy(), [{ query: "data.t.allow", options: { input: { a: 2 } } }])).toEqual([
      { file: "t.rego", covered: [3, 6], notCovered: [5, 7, 8, 9, 13, 15, 16, 17, 18] },
    ]);
  });

  test("adds up over runs, and a line is covered once all that starts there was reached", () => {
    const runs = [{ a: 1, xs: [3] }, { b: true }, { l: 2 }].map((input) => ({ query: "x := data.t", options: { input } }));
    expect(coverage(policy(), runs)).toEqual([{ file: "t.rego", covered: [3, 5, 6, 7, 8, 9, 13, 16, 17, 18], notCovered: [15] }]);
  });

  test("reports every module, and lines inside comprehensions, functions and sets", () => {
    const modules = [
      { name: "a.rego", text: "package a\n\nf(x) := [y |\n  some y in x\n  y > 1\n]\n\ns contains 1 if {\n  data.b.r\n}" },
      { name: "b.rego", text: "package b\n\nr if {\n  input.r\n}\n\nunused := 1 if {\n  true\n}" },
    ];
    const measured = measureCoverage(compilePolicy(modules));
    expect(measured.lines()).toEqual([
      { file: "a.rego", covered: [], notCovered: [3, 4, 5, 8, 9] },
      { file: "b.rego", covered: [], notCovered: [3, 4, 7, 8] },
    ]);
    expect(measured.policy.evaluate("data.a.s", { input: { r: true } })).toEqual([1]);
    expect(measured.policy.evaluate("data.a.f([0])")).toEqual([]);
    expect(measured.lines()).toEqual([
      { file: "a.rego", covered: [3, 4, 5, 8, 9], notCovered: [] },
      { file: "b.rego", covered: [3, 4], notCovered: [7, 8] },
    ]);
  });

  test("leaves the policy that it measures as it is", () => {
    const plain = policy();
    const measured = measureCoverage(plain);
    plain.evaluate("data.t.allow", { input: { a: 1, xs: [1] } });
    expect(measured.lines()[0]!.covered).toEqual([]);
    expect(measured.policy.evaluate("data.t.allow", { input: { a: 1, xs: [1] } })).toBe(true);
  });
});
