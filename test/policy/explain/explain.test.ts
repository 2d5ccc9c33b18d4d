import { describe, expect, test } from "bun:test";
import {
  compilePolicy,
  type EvaluateOptions,
  type Explanation,
  explainQuery,
  formatExplanation,
  type Reason,
  shortReason,
  templates,
} from "../../../src/policy/index.ts";
import { CaiError, type JsonValue } from "../../../src/system/index.ts";

function explained(rules: string, input?: JsonValue, options: EvaluateOptions = {}, query = "data.t.allow"): Explanation {
  return explainQuery(compilePolicy(`package t\n${rules}`), query, { ...options, ...(input !== undefined && { input }) });
}

/** Every reason, outermost first. */
function all(reasons: readonly Reason[]): Reason[] {
  return reasons.flatMap((reason) => [reason, ...all(reason.because)]);
}

/** `line source | term = value` of each statement with this outcome. */
function statements({ reasons }: Explanation, holds: boolean): string[] {
  return all(reasons)
    .filter((one) => one.kind === "statement" && one.holds === holds)
    .map(({ line, source, values }) => [`${line} ${source}`, ...values.map(({ term, value }) => `${term} = ${value}`)].join(" | "));
}

describe("of a rule that is false or undefined, the statement that failed is named with its values", () => {
  const table: readonly (readonly [what: string, rules: string, input: JsonValue, failed: readonly string[]])[] = [
    ["a comparison", 'allow if {\n  input.a == 1\n  input.b == "x"\n}', { a: 1, b: "y" }, ['4 input.b == "x" | input.b = "y"']],
    ["both sides of a comparison", "allow if input.a > input.b", { a: 1, b: 2 }, ["2 input.a > input.b | input.a = 1 | input.b = 2"]],
    ["a value that is false", "allow if input.a", { a: false }, ["2 input.a | input.a = false"]],
    ["a call of a built-in", 'allow if startswith(input.a, "x")', { a: "y" }, ['2 startswith(input.a, "x") | input.a = "y"']],
    [
      "a call inside a comparison",
      "allow if count(input.a) > 2",
      { a: [1] },
      ["2 count(input.a) > 2 | count(input.a) = 1 | input.a = [1]"],
    ],
    ["membership", 'allow if input.a in {"x", "z"}', { a: "y" }, ['2 input.a in {"x", "z"} | input.a = "y"']],
    ["an assignment without a value", "allow if {\n  x := input.a.b\n  x > 1\n}", { a: {} }, ["3 x := input.a.b | input.a.b = undefined"]],
    ["a pattern", "allow if [1, x] = input.a", { a: [2, 3] }, ["2 [1, x] = input.a | input.a = [2, 3]"]],
    ["an iteration over nothing", "allow if {\n  some x in input.a\n  x > 1\n}", { a: [] }, ["3 some x in input.a | input.a = []"]],
    ["what iteration reached", "allow if {\n  some x in input.a\n  x > 1\n  x > 5\n}", { a: [0, 3, 4] }, ["5 x > 5 | x = 3"]],
    [
      "a statement that iterates itself",
      "allow if input.a[_] == 9",
      { a: [1, 2] },
      ["2 input.a[_] == 9 | input.a[_] = 1 | input.a[_] = 2"],
    ],
    [
      "every, by the member that is not what it has before its body",
      "allow if every `b` in input.a { input.x }",
      { a: ["b", "c"], x: true },
      ['2 every `b` in input.a { input.x } | input.a = ["b", "c"]'],
    ],
    [
      "every, by the member that failed",
      "allow if every x in input.a { x < 3 }",
      { a: [1, 5] },
      ["2 every x in input.a { x < 3 } | input.a = [1, 5]", "2 x < 3 | x = 5"],
    ],
    ["a rule that is read", "allow if ok\nok if input.a == 1", { a: 2 }, ["2 ok | ok = undefined", "3 input.a == 1 | input.a = 2"]],
    ["a function that is called", "allow if f(input.a)\nf(x) if x < 3", { a: 7 }, ["2 f(input.a) | input.a = 7", "3 x < 3 | x = 7"]],
    [
      "all bodies of a rule",
      "allow if input.a == 1\nallow if input.a == 2",
      { a: 3 },
      ["2 input.a == 1 | input.a = 3", "3 input.a == 2 | input.a = 3"],
    ],
    [
      "an else",
      "allow if { input.a == 1 } else := true if { input.a == 2 }",
      { a: 3 },
      ["2 input.a == 1 | input.a = 3", "2 input.a == 2 | input.a = 3"],
    ],
    ["a default", "default allow := false\nallow if input.a == 1", { a: 2 }, ["3 input.a == 1 | input.a = 2"]],
    [
      "a comprehension that found nothing",
      "allow if {\n  xs := [x | some x in input.a; x > 5]\n  count(xs) > 0\n}",
      { a: [1] },
      ["4 count(xs) > 0 | count(xs) = 0 | xs = []"],
    ],
    [
      "a comprehension in the statement",
      "allow if count([x | some x in input.a; x > 5]) > 0",
      { a: [1] },
      ["2 count([x | some x in input.a; x > 5]) > 0 | count([x | …]) = 0 | [x | …] = []", "2 x > 5 | x = 1"],
    ],
    [
      "a statement with with",
      "allow if ok with input.a as 3\nok if input.a == 1",
      { a: 1 },
      ["2 ok with input.a as 3 | ok = undefined", "3 input.a == 1 | input.a = 3"],
    ],
    ["a statement over several lines", "allow if {\n  input.a == # one\n    1\n}", { a: 2 }, ["3 input.a == 1 | input.a = 2"]],
    ["statements in the order in which they run", "allow if {\n  y == 4\n  y = input.a\n}", { a: 3 }, ["3 y == 4 | y = 3"]],
    ["v0 text", 'allow { input.a == "x"; input.b }', { a: "x", b: false }, ["2 input.b | input.b = false"]],
  ];
  for (const [what, rules, input, failed] of table) {
    test(what, () => {
      const explanation = explained(rules, input);
      expect(statements(explanation, false)).toEqual([...failed]);
      expect(explanation.outcome).toBe(rules.startsWith("default") ? "false" : "undefined");
    });
  }

  test("a negation, by what holds inside it", () => {
    const explanation = explained("allow if not bad\nbad if input.a", { a: 1 });
    expect(statements(explanation, false)).toEqual(["2 not bad"]);
    expect(statements(explanation, true)).toEqual(["2 bad | bad = true", "3 input.a | input.a = 1"]);
  });

  test("an argument that no clause of a function takes", () => {
    const clauses = all(explained('allow if f(input.a)\nf("x") := true\nf("y") := true', { a: "z" }).reasons).filter(
      ({ kind }) => kind === "clause",
    );
    expect(clauses.map(({ source, holds, note }) => [source, holds, note])).toEqual([
      ["allow", false, undefined],
      ['f("x") := true', false, "the arguments do not match its patterns"],
      ['f("y") := true', false, "the arguments do not match its patterns"],
    ]);
  });

  test("a head without a value", () => {
    const [, clause] = all(explained("allow := input.missing if input.a", { a: 1 }).reasons);
    expect(clause).toMatchObject({ kind: "clause", holds: false, note: "its body holds, but its head has no value", passed: 1 });
  });

  test("a path says where it ends", () => {
    const notes = (rules: string, input?: JsonValue) =>
      all(explained(rules, input).reasons).flatMap(({ values }) => values.flatMap(({ note }) => note ?? []));
    expect(notes("allow if input.a.b.c", { a: { x: 1, y: 2 } })).toEqual(['input.a has "x", "y", not "b"']);
    expect(notes("allow if input.a.b", { a: "text" })).toEqual(['input.a is "text", not "b"']);
    expect(notes("allow if input.a[3]", { a: [1] })).toEqual(["input.a has 1 items, not 3"]);
    expect(notes("allow if input.a")).toEqual(["there is no input"]);
    expect(notes('allow if levels[input.a] == 1\nlevels := {"x": 1}', { a: "y" })).toEqual(['levels has "x", not "y"']);
  });
});

describe("of what is true, the statements that carried it are named", () => {
  test("in the order of the text, through rules and functions", () => {
    const rules =
      "default allow := false\nallow if {\n  x := input.a\n  small(x)\n  count(deny) == 0\n}\nsmall(x) if x < 3\ndeny contains 1 if input.bad";
    const explanation = explained(rules, { a: 2 });
    expect(explanation).toMatchObject({ outcome: "true", value: true, truncated: false });
    expect(statements(explanation, true)).toEqual([
      "4 x := input.a | x = 2",
      "5 small(x) | x = 2",
      "8 x < 3 | x = 2",
      "6 count(deny) == 0 | count(deny) = 0 | deny = set()",
    ]);
    expect(statements(explanation, false)).toEqual(["9 input.bad | input.bad = undefined"]);
  });

  test("of several bodies the one that held", () => {
    const clauses = all(explained("allow if input.a == 1\nallow if input.a == 2", { a: 2 }).reasons).filter(
      ({ kind }) => kind === "clause",
    );
    expect(clauses.map(({ line, holds }) => [line, holds])).toEqual([[3, true]]);
  });

  test("of an else that held, what failed before it", () => {
    const clauses = all(explained("allow := 1 if { input.a == 1 } else := 2", { a: 2 }).reasons).filter(({ kind }) => kind === "clause");
    expect(clauses.map(({ source, holds }) => [source, holds])).toEqual([
      ["allow := 1", false],
      ["else := 2", true],
    ]);
  });

  test("of sets and objects what their rules gave", () => {
    const set = explained(
      'deny contains msg if {\n  some x in input.a\n  x > 2\n  msg := sprintf("%d", [x])\n}',
      { a: [1, 3, 5] },
      {},
      "data.t.deny",
    );
    expect(set.value).toEqual(["3", "5"]);
    const answers = all(set.reasons).filter(({ kind }) => kind === "answer");
    expect(answers.map(({ values }) => values)).toEqual([[{ term: "data.t.deny", value: '"3"' }], [{ term: "data.t.deny", value: '"5"' }]]);
    const object = explained("m[k] := v if some k, v in input.a", { a: { x: 1 } }, {}, "data.t.m");
    expect(all(object.reasons).find(({ kind }) => kind === "answer")?.values).toEqual([{ term: 'data.t.m["x"]', value: "1" }]);
  });
});

describe("queries", () => {
  test("of any kind are explained by their own statements", () => {
    const explanation = explained("f(x) := x + 1", {}, {}, "x := data.t.f(3); x > 9");
    expect(explanation.outcome).toBe("undefined");
    expect(statements(explanation, false)).toEqual(["1 x > 9 | x = 4"]);
    expect(explained("f(x) := x + 1", {}, {}, "x := data.t.f(3); x > 1").outcome).toBe("value");
  });

  test("of a package are explained by its rules", () => {
    const explanation = explained("a := 1\nb if input.x", {}, {}, "data.t");
    expect(explanation.reasons.map(({ source, holds }) => [source, holds])).toEqual([
      ["data.t.a", true],
      ["data.t.b", false],
    ]);
  });

  test.each([
    ["allow if", "data.t.allow", "policy.parse-error"],
    ["allow := 1", "data.t.allow ==", "policy.parse-error"],
    ["allow := 1", "nothing", "policy.compile-error"],
    ["allow := 1 / 0", "data.t.allow", "policy.eval-error"],
    [
      "allow if count([1 | numbers.range(1, 3000)[_]; numbers.range(1, 3000)[_]; numbers.range(1, 3000)[_]]) > 0",
      "data.t.allow",
      "policy.limit-exceeded",
    ],
  ])("end with the error of the evaluation: %s, %s", (rules, query, id) => {
    let caught: unknown;
    try {
      explained(rules, {}, {}, query);
    } catch (error) {
      caught = error;
    }
    expect(caught).toBeInstanceOf(CaiError);
    expect((caught as CaiError).id).toBe(id as CaiError["id"]);
  });

  test("an error in a part that the evaluation never came to is no error of the explanation", () => {
    const explanation = explained("allow if input.missing == 1 / input.zero", { zero: 0 });
    expect(explanation.outcome).toBe("undefined");
    const [failed] = all(explanation.reasons).filter(({ kind }) => kind === "statement");
    expect(failed!.values.find(({ term }) => term === "1 / input.zero")?.note).toContain("divide by zero");
  });
});

describe("explanations are bounded", () => {
  test("in their number of reasons, and say so", () => {
    const rules = `allow if {\n${Array.from({ length: 300 }, (_, i) => `  input.a > ${-i}`).join("\n")}\n}`;
    const explanation = explained(rules, { a: 1 });
    expect(explanation).toMatchObject({ outcome: "true", truncated: true });
    expect(all(explanation.reasons).length).toBeLessThanOrEqual(40);
    expect(explainQuery(compilePolicy(`package t\n${rules}`), "data.t.allow", { input: { a: 1 }, reasons: 1000 }).truncated).toBe(false);
  });

  test("in depth", () => {
    const chain = Array.from({ length: 50 }, (_, i) => `r${i} if r${i + 1}`).join("\n");
    const explanation = explained(`allow if r0\n${chain}\nr50 if input.a`, {});
    expect(explanation).toMatchObject({ outcome: "undefined", truncated: true });
  });

  test("in what they run: a budget that the evaluation nearly uses up leaves the outcome as it is", () => {
    const rules =
      "allow if {\n  count([1 | some x in numbers.range(1, 40); some y in numbers.range(1, 40)]) == 1600\n  every x in numbers.range(1, 40) { slow(x) }\n}\nslow(x) if count([1 | some y in numbers.range(1, 40)]) == 40";
    const modules = [{ name: "p", text: `package t\n${rules}` }];
    let truncated = 0;
    for (let steps = 500; steps < 30_000; steps += 500) {
      const policy = compilePolicy(modules, { limits: { steps } });
      const outcome = (work: () => unknown) => {
        try {
          return work();
        } catch (error) {
          return (error as CaiError).id;
        }
      };
      const explanation = outcome(() => explainQuery(policy, "data.t.allow")) as Explanation;
      expect<unknown>(typeof explanation === "string" ? explanation : explanation.value).toEqual(
        outcome(() => policy.evaluate("data.t.allow")),
      );
      if (typeof explanation !== "string" && explanation.truncated) truncated++;
    }
    expect(truncated).toBeGreaterThan(0);
  });

  test("in the length of values, which cannot steer a terminal", () => {
    const text = formatExplanation(explained("allow if input.a == 1", { a: `\u001b[2J\u009b\u202e\n${"x".repeat(100_000)}` }));
    expect(text.length).toBeLessThan(500);
    expect([...text].filter((character) => character !== "\n" && /[\p{Cc}\p{Cf}]/u.test(character))).toEqual([]);
    const wide = formatExplanation(
      explained("allow if input.a == 1", { a: Array.from({ length: 10_000 }, (_, i) => ({ [`k${i}`]: [i] })) }),
    );
    expect(wide).toContain("10000 in all");
    expect(wide.length).toBeLessThan(600);
  });
});

describe("text", () => {
  const token = {
    cai: { binding: "tagged", world: "production" },
    submods: {
      cpu0: {
        "ear.status": "affirming",
        "ear.trustworthiness-vector": { configuration: 2, executables: 33, hardware: 2 },
        "ear.veraison.annotated-evidence": { tdx: { simulated: false, td_attributes: { debug: false } } },
      },
    },
  };

  test("of a denied release shows each reason on its line", () => {
    const policy = compilePolicy([{ name: "affirming.rego", text: templates.affirming }]);
    const explanation = explainQuery(policy, "data.policy.allow", { input: token });
    const text = formatExplanation(explanation);
    expect(text).toStartWith("✗ data.policy.allow is false\n  ✓ affirming.rego:");
    expect(text).toContain("value is 33\n");
    expect(shortReason(explanation)).toMatch(/^affirming\.rego:\d+: value <= 32: value is 33$/);
    expect(shortReason(explainQuery(policy, "data.policy.allow", { input: {} }))).toBe(
      'affirming.rego:15: cpu := input.submods.cpu0: input.submods.cpu0 is undefined: input is an empty object, not "submods"',
    );
  });

  test("of one line names the rule that came furthest, and what holds inside a negation", () => {
    const reason = (rules: string, input: JsonValue) => shortReason(explained(rules, input));
    expect(reason("allow if input.x == 1\nallow if {\n  input.a == 1\n  input.b == 2\n}", { a: 1, b: 3 })).toBe(
      "policy:5: input.b == 2: input.b is 3",
    );
    expect(reason("allow if not bad\nbad if input.a", { a: 1 })).toBe("policy:2: not bad: bad is true");
    expect(reason("allow if count(deny) == 0\ndeny contains 1", {})).toBe("policy:2: count(deny) == 0: count(deny) is 1, deny is {1}");
    expect(reason("allow if input.a", { a: 1 })).toBeUndefined();
    expect(reason("default allow := false", {})).toBe("policy:2: data.t.allow: data.t.allow is false");
  });

  test("is painted where the caller wants it", () => {
    const text = formatExplanation(explained("allow if input.a", { a: false }), { paint: (style, piece) => `<${style}:${piece}>` });
    expect(text).toContain("<fails:✗> <aside:policy:2>  input.a");
  });

  test("is also plain data", () => {
    const explanation = explained("allow if input.a", { a: false });
    expect(JSON.parse(JSON.stringify(explanation))).toEqual(explanation);
  });
});
