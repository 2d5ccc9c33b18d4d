import { describe, expect, test } from "bun:test";
import { policyUnits, runTests, type TestOptions } from "../../../src/policy/index.ts";
import { CaiError } from "../../../src/system/index.ts";

const module = (name: string, text: string) => ({ name, text });
const clock = () => 0;

function outcomes(text: string, options: Partial<TestOptions> = {}) {
  const { results } = runTests([module("p_test.rego", `package p_test\n${text}`)], { evaluation: {}, clock, ...options });
  return Object.fromEntries(results.map(({ name, outcome }) => [name.replace("data.p_test.", ""), outcome]));
}

describe("a test", () => {
  test("passes only where it is exactly true", () => {
    const text =
      'test_true := true\ntest_false := false\ntest_undefined if input.x\ntest_text := "true"\ntest_set contains 1\ntest_object := {"a": true}';
    expect(outcomes(text)).toEqual({
      test_true: "pass",
      test_false: "fail",
      test_undefined: "fail",
      test_text: "fail",
      test_set: "fail",
      test_object: "fail",
    });
  });

  test("that ends with an error is one, and the others run", () => {
    const { results } = runTests([module("a.rego", "package a\ntest_error if 1 / 0 == 1\ntest_good := true")], { evaluation: {}, clock });
    expect(results.map(({ outcome }) => outcome)).toEqual(["error", "pass"]);
    expect(results[0]!.reason).toContain("policy.eval-error");
    expect(results[0]!.reason).toContain("a.rego:2:");
  });

  test("that is to do is skipped", () => {
    expect(outcomes("todo_test_later := false\ntest_now := true")).toEqual({ todo_test_later: "skip", test_now: "pass" });
  });

  test("is a rule: functions, defaults and other names are none", () => {
    expect(outcomes("default test_x := false\ntest_f(x) := x\nhelper_test_y := false\ntest_x if test_f(true)")).toEqual({
      test_x: "pass",
    });
  });

  test("of a name that another has runs by itself, so that neither hides the other", () => {
    expect(outcomes("test_x if 1 == 1\n\ttest_x if 1 == 2; test_y := 1 == 1; test_x if 2 == 2")).toEqual({
      test_x: "pass",
      "test_x#2": "fail",
      test_y: "pass",
      "test_x#3": "pass",
    });
  });

  test("of a name that a test of another file has runs by itself, too", () => {
    const files = [
      module("a.rego", "package p\ntest_x if true\ntest_x if false"),
      module("b.rego", "package p\ntest_x if false\ntest_x if true"),
    ];
    const { results } = runTests(files, { evaluation: {}, clock });
    expect(results.map(({ name, file, outcome }) => `${name} ${file} ${outcome}`)).toEqual([
      "data.p.test_x a.rego pass",
      "data.p.test_x#2 a.rego fail",
      "data.p.test_x#3 b.rego fail",
      "data.p.test_x#4 b.rego pass",
    ]);
  });

  test("with several bodies in the older syntax is one test", () => {
    expect(outcomes("test_x { 1 == 2 } { 1 == 1 }")).toEqual({ test_x: "pass" });
  });

  test("with an else is one test", () => {
    expect(outcomes("test_x if { 1 == 2 } else := false")).toEqual({ test_x: "fail" });
  });

  test("reads documents and replaces them", () => {
    const text =
      'allow if input.user == data.owner\ntest_allows if allow with input as {"user": "me"}\ntest_denies if not allow with input as {"user": "you"}';
    expect(outcomes(text, { evaluation: { data: { owner: "me" } } })).toEqual({ test_allows: "pass", test_denies: "pass" });
  });

  test("replaces the reference values of a trustee", () => {
    const text =
      'grade := 2 if input.x in query_reference_value("x")\ntest_grades if grade == 2 with input.x as 1 with query_reference_value as [1]';
    expect(outcomes(text)).toEqual({ test_grades: "pass" });
  });

  test("is left out where its name does not match", () => {
    expect(outcomes("test_a := true\ntest_b := false", { only: /_a$/ })).toEqual({ test_a: "pass" });
  });

  test("is reported with its time, line, and why it failed", () => {
    let now = 0;
    const { results } = runTests([module("a.rego", "package a\n\ntest_x if input.level == 3")], {
      evaluation: { input: { level: 2 } },
      clock: () => now++,
    });
    expect(results[0]).toEqual({
      name: "data.a.test_x",
      file: "a.rego",
      line: 3,
      outcome: "fail",
      milliseconds: 1,
      reason: expect.stringMatching(/a\.rego:3 .*input\.level == 3\n.*input\.level is 2/),
    });
  });
});

describe("the coverage of tests", () => {
  const policy = "package a\n\nallow if {\n\tinput.x == 1\n\tinput.y == 2\n}\n\nnever if input.z";
  const run = (text: string) =>
    runTests([module("a.rego", policy), module("a_test.rego", `package a_test\n${text}`)], { evaluation: {}, clock, coverage: true })
      .coverage;

  test("names the lines that ran and those that did not, of the policy and not of its tests", () => {
    expect(run('test_x if data.a.allow with input as {"x": 1, "y": 2}')).toEqual([{ file: "a.rego", covered: [3, 4, 5], notCovered: [8] }]);
    expect(run('test_x if not data.a.allow with input as {"x": 0}')).toEqual([{ file: "a.rego", covered: [4], notCovered: [3, 5, 8] }]);
  });

  test("of alternatives is that of all their tests together", () => {
    const lib = module("lib/l.rego", "package lib\nf(x) if x == 1\nf(x) if x == 2");
    const alternative = (name: string, value: number) => [
      module(`${name}.rego`, `package policy\ndefault allow := false\nallow if data.lib.f(${value})`),
      module(`${name}_test.rego`, "package policy_test\ntest_allow if data.policy.allow"),
    ];
    const { coverage } = runTests([...alternative("a", 1), ...alternative("b", 2), lib], { evaluation: {}, clock, coverage: true });
    expect(coverage.find(({ file }) => file === "lib/l.rego")).toEqual({ file: "lib/l.rego", covered: [2, 3], notCovered: [] });
  });

  test("is not measured where nobody asks", () => {
    expect(runTests([module("a.rego", policy)], { evaluation: {}, clock }).coverage).toEqual([]);
  });
});

test("modules that do not compile run nothing", () => {
  const id = (text: string) => {
    try {
      runTests([module("a.rego", text)], { evaluation: {}, clock });
    } catch (error) {
      if (error instanceof CaiError) return error.id;
      throw error;
    }
    return undefined;
  };
  expect(id("package a\ntest_x := y")).toBe("policy.compile-error");
  expect(id("package a\ntest_x :=")).toBe("policy.parse-error");
});

describe("modules", () => {
  const units = (...modules: readonly (readonly [string, string])[]) =>
    policyUnits(modules.map(([name, text]) => module(name, text))).map(({ about, modules: those }) => [
      about,
      those.map(({ name }) => name),
    ]);
  const policy = "package policy\ndefault allow := false";
  const tests = "package policy_test\ntest_x := true";

  test("are one policy as a rule", () => {
    expect(units(["a.rego", policy], ["lib/b.rego", "package lib"], ["c.rego", "package policy\nallow := true"])).toEqual([
      [undefined, ["a.rego", "lib/b.rego", "c.rego"]],
    ]);
  });

  test("of one package and default are alternatives, each with its own tests and what is shared", () => {
    expect(
      units(["a.rego", policy], ["a_test.rego", tests], ["b.rego", policy], ["b_test.rego", tests], ["lib/c.rego", "package lib"]),
    ).toEqual([
      ["a.rego", ["a.rego", "a_test.rego", "lib/c.rego"]],
      ["b.rego", ["b.rego", "b_test.rego", "lib/c.rego"]],
    ]);
  });

  test("in the folder of an alternative belong to it", () => {
    expect(units(["x/policy.rego", policy], ["x/tests.rego", tests], ["y/policy.rego", policy], ["y/tests.rego", tests])).toEqual([
      ["x/policy.rego", ["x/policy.rego", "x/tests.rego"]],
      ["y/policy.rego", ["y/policy.rego", "y/tests.rego"]],
    ]);
  });

  test("that are alternatives are tested one by one, and the report says with which", () => {
    const named = (name: string, value: boolean) => [
      module(`${name}.rego`, `package policy\ndefault allow := ${value}`),
      module(`${name}_test.rego`, `package policy_test\nimport data.policy\ntest_allow if policy.allow == ${value}`),
    ];
    const { results } = runTests([...named("a", true), ...named("b", false)], { evaluation: {}, clock });
    expect(results.map(({ about, file, outcome }) => [about, file, outcome])).toEqual([
      ["a.rego", "a_test.rego", "pass"],
      ["b.rego", "b_test.rego", "pass"],
    ]);
  });
});
