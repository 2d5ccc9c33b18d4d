import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { compilePolicy, type EvaluateOptions } from "../../../src/policy/index.ts";
import { CaiError, type JsonValue } from "../../../src/system/index.ts";

function evaluated(rules: string, options: EvaluateOptions = {}): JsonValue | undefined {
  return compilePolicy(`package t\n${rules}`).evaluate("data.t.x", options);
}

function refusal(work: () => unknown): { readonly id: string; readonly message: string } {
  try {
    work();
  } catch (error) {
    if (error instanceof CaiError) return error;
    throw error;
  }
  return { id: "no error", message: "" };
}

const refused = (rules: string, options?: EvaluateOptions) => refusal(() => evaluated(rules, options));

describe("v0 and v1 are one language", () => {
  test.each([
    "x := true if { 1 == 1 }",
    "x { 1 == 1 }",
    "x = true { 1 == 1 }",
    "import rego.v1\nx if 1 == 1",
    "import future.keywords.if\nx if { 1 == 1 }",
    "import future.keywords\ndefault x = false\nx { y := {1, 2}; 1 in y }",
    "x = false { 1 == 2 } else = true { 1 == 1 }",
    "x := false if { 1 == 2 } else if { 1 == 1 }",
    'x { contains("abc", "b") }',
  ])("%s", (rules) => {
    expect(evaluated(rules)).toBe(true);
  });

  test("partial sets and objects of both spellings", () => {
    expect(evaluated("x[v] { v := [2, 1][_] }")).toEqual([1, 2]);
    expect(evaluated("x contains v if some v in [2, 1]")).toEqual([1, 2]);
    expect(evaluated('x[k] = v { v := {"a": 1}[k] }')).toEqual({ a: 1 });
    expect(evaluated('x[k] := v if some k, v in {"a": 1}')).toEqual({ a: 1 });
    expect(evaluated("x.a.b[k] := 1 if some k in [1, 2]")).toEqual({ a: { b: { "1": 1, "2": 1 } } });
  });
});

describe("variables", () => {
  test("get their values in whatever order statements stand", () => {
    expect(evaluated("x := z if { z == y + 1; y = w * 2; w = 3; z = 7 }")).toBe(7);
    expect(evaluated("x := [a, b] if { [a, 2] = [1, b] }")).toEqual([1, 2]);
    expect(evaluated('x := v if { {"k": [_, v]} = input }', { input: { k: [1, 2] } })).toBe(2);
    expect(evaluated("x := [i | input[i] == 3]", { input: [3, 1, 3] })).toEqual([0, 2]);
    expect(evaluated("x if { plus(1, 2, 3) }")).toBe(true);
  });

  test("of closures are their own unless the body around has them", () => {
    expect(evaluated("x := [y, z] if { y := 1; z := [y | y := 2] }")).toEqual([1, [2]]);
    expect(evaluated("x := z if { y = 1; z := [v | v = [1, 2][_]; v == y] }")).toEqual([1]);
  });

  test.each([
    ["not input.a[i]", "i is unsafe"],
    ["not input.a[_]", "_ is unsafe"],
    ["y > 1", "y is unsafe"],
    ["y = [z]", "z is unsafe"],
    ["count(y) == 1", "y is unsafe"],
    ["every v in input.a { v > w }", "w is unsafe"],
    ["y := 1; y := 2", "declared or used above"],
    ["z := y; y := 1", "used above its declaration"],
  ])("that are unsafe are compile errors: %s", (body, message) => {
    const error = refused(`x if { ${body} }`);
    expect(error.id).toBe("policy.compile-error");
    expect(error.message).toContain(message);
    expect(error.message).toMatch(/^policy:2:\d+: /);
  });
});

describe("rules", () => {
  test.each([
    ["x := y\ny := x", "recursive"],
    ["x := f(1)\nf(a) := f(a - 1)", "recursive"],
    ["x if count(data.t) == 1", "recursive"],
    ["x if { some k; data.t[k] }", "recursive"],
    ["x := misspelt(1)", "unknown function misspelt"],
    ["x := count(1, 2, 3)", "takes 1 arguments, got 3"],
    ["f(a) := 1\nx := f(1, 2, 3)", "takes 1 arguments, got 3"],
    ["x := 1\nx contains 2", "different kinds"],
    ["x(a) := 1\nx(a, b) := 2", "different numbers of arguments"],
    ["x := 1\nx.y := 2", "conflicts with data.t.x.y"],
    ["default x := 1\ndefault x := 2", "two defaults"],
    ["f(a) := 1\nx := f", "is a function"],
    ["x := q", "q is unsafe"],
  ])("that cannot work are compile errors: %j", (rules, message) => {
    const error = refused(rules);
    expect(error.id).toBe("policy.compile-error");
    expect(error.message).toContain(message);
    expect(error.message).toMatch(/^policy:\d+:\d+: /);
  });

  test("that give one place two values are errors with a position", () => {
    expect(refused("x := 1\nx := 2")).toMatchObject({ id: "policy.eval-error", message: expect.stringMatching(/^policy:3:1: conflict/) });
    expect(refused("x := y if some y in [1, 2]").id).toBe("policy.eval-error");
    expect(refused('x["a"] := y if some y in [1, 2]').id).toBe("policy.eval-error");
    expect(refused("f(a) := 1\nf(a) := 2\nx := f(1)").id).toBe("policy.eval-error");
    expect(refused('x := {"a": y | some y in [1, 2]}').id).toBe("policy.eval-error");
    expect(evaluated("x := 1\nx := 1")).toBe(1);
  });

  test("read rules of other modules, by path and by import", () => {
    const lib = { name: "lib", text: "package lib.v\nlimit := 5\nabove(n) if n > limit" };
    const user = (text: string) => compilePolicy([lib, { name: "user", text: `package t\n${text}` }]).evaluate("data.t.x");
    expect(user("x if data.lib.v.above(6)")).toBe(true);
    expect(user("import data.lib.v\nx if v.above(6)")).toBe(true);
    expect(user("import data.lib.v.limit as most\nx := most")).toBe(5);
    expect(refusal(() => user("x := data.lib.v.limit +")).message).toMatch(/^user:2:/);
  });

  test("hide base data where they stand, and show it beside them", () => {
    const data = { t: { x: "base", other: 1 } };
    expect(evaluated("x := 1 if false", { data })).toBeUndefined();
    expect(compilePolicy("package t\nx := null").evaluate("data.t", { data })).toEqual({ x: null, other: 1 });
    expect(evaluated("x := data.u[_]", { data: { u: ["v"] } })).toBe("v");
  });

  test("that are null or false are values", () => {
    expect(evaluated("x := y\ny := null")).toBeNull();
    expect(evaluated("x if y == false\ny := false")).toBe(true);
    expect(evaluated("x if y\ny := false")).toBeUndefined();
    expect(evaluated("x if y\ny := null")).toBe(true);
    expect(evaluated('x := object.get({"a": null}, "a", 1)')).toBeNull();
  });
});

describe("with", () => {
  test("replaces input, data and functions for one statement only", () => {
    const rules = "y := input.a\nx := [p, q] if { p := y with input.a as 2; q := y }";
    expect(evaluated(rules, { input: { a: 1 } })).toEqual([2, 1]);
    expect(evaluated("y := data.b.c\nx := z if { z := y with data.b.c as 3 }", { data: { b: { c: 1 } } })).toBe(3);
    expect(evaluated("y := 1\nx := z if { z := data.t.y with data.t.y as 3 }")).toBe(3);
    expect(evaluated("f(_) := 5\nx := z if { z := count([]) with count as f }")).toBe(5);
    expect(evaluated("y := time.now_ns()\nx := z if { z := y with time.now_ns as 7 }")).toBe(7);
  });
});

describe("numbers", () => {
  test("that are integers stay exact beyond 2^53", () => {
    expect(evaluated("x if 9007199254740993 != 9007199254740992")).toBe(true);
    expect(evaluated("x := format_int(9007199254740993 * 9007199254740993, 10)")).toBe(String(9007199254740993n ** 2n));
    expect(evaluated('x := json.marshal(json.unmarshal("[18446744073709551615]"))')).toBe("[18446744073709551615]");
    expect(evaluated("x if 18446744073709551616 - 18446744073709551615 == 1")).toBe(true);
    expect(evaluated("x if input == 100000000000000000000", { input: 1e20 })).toBe(true);
    expect(evaluated("x := {input} == {100000000000000000000}", { input: 1e20 })).toBe(true);
  });

  test("have a sign where a term begins, and a minus stands between terms", () => {
    expect(evaluated("x := [-1, 3 -1, 3-1, 3 - -1, input.a-1, input.a -2]", { input: { a: 5 } })).toEqual([-1, 2, 2, 4, 4, 3]);
    expect(evaluated("x := [i-1 | some i in [1]]")).toEqual([0]);
    expect(refused("x := -input.a").id).toBe("policy.parse-error");
  });

  test("follow the arithmetic of big integers", () => {
    const integers = fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n });
    fc.assert(
      fc.property(integers, integers, (a, b) => {
        const [sum, difference, product] = [a + b, a - b, a * b];
        const list = `[${a}, ${b}]`;
        const rules = `v := ${list}\nx if { v[0] + v[1] == ${sum}; v[0] - v[1] == ${difference}; v[0] * v[1] == ${product}; [v[0] < v[1]] == [${a < b}] }`;
        expect(evaluated(rules)).toBe(true);
      }),
      { numRuns: 200 },
    );
  });
});

describe("values", () => {
  const values = fc.letrec<{ value: JsonValue }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom<JsonValue>(null, true, false, 0, 1, -1, 1.5, "", "a", "\0", "\u{1f600}", "\uffff", "__proto__"),
      fc.array(tie("value"), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom("a", "b", "é", "constructor"), tie("value"), { maxKeys: 3 }),
    ),
  })).value;

  test("come out as they went in, as a whole and through JSON text", () => {
    fc.assert(
      fc.property(values, (input) => {
        expect(JSON.stringify(evaluated("x := input", { input }))).toBe(JSON.stringify(sorted(input)));
        expect(evaluated("x if json.unmarshal(json.marshal(input)) == input", { input })).toBe(true);
        expect(evaluated("x := {input, input} == {json.unmarshal(json.marshal(input))}", { input })).toBe(true);
      }),
    );
  });

  test("have one order, which equality agrees with", () => {
    fc.assert(
      fc.property(values, values, (a, b) => {
        const input = { a, b };
        const [less, same, more] = ["<", "==", ">"].map((sign) => evaluated(`x := input.a ${sign} input.b`, { input }));
        expect([less, same, more].filter((holds) => holds === true)).toHaveLength(1);
        expect(evaluated("x := input.b > input.a", { input })).toBe(less!);
        expect(evaluated("x := count({input.a, input.b})", { input })).toBe(same === true ? 1 : 2);
      }),
    );
  });

  test("in strings are ordered by code point", () => {
    expect(evaluated('x := sort(["\\uffff", "\\ud83d\\ude00", "a"])')).toEqual(["a", "\uffff", "\u{1f600}"]);
  });
});

/** The same value with the members of objects in code point order, as the engine gives them. */
function sorted(value: JsonValue): JsonValue {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(sorted);
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(members.map(([key, item]) => [key, sorted(item)]));
}

describe("built-in errors", () => {
  test("are errors with a position, or make the expression undefined where the caller asks for that", () => {
    expect(refused("y := 1\nx := 1 / 0")).toMatchObject({ id: "policy.eval-error", message: expect.stringMatching(/^policy:3:8: div: /) });
    expect(evaluated("x := 1 / 0", { lenient: true })).toBeUndefined();
    expect(evaluated("x if not 1 / 0", { lenient: true })).toBe(true);
    expect(refused("x if not 1 / 0").id).toBe("policy.eval-error");
  });

  test.each([
    "count(1)",
    'startswith("a", 1)',
    'to_number("x")',
    'json.unmarshal("{")',
    'base64.decode("!")',
    'base64.decode("/w==")',
    'hex.decode("0")',
    'regex.match("(", "a")',
    'regex.match("a(?=b)", "ab")',
    "[1][0] + null",
    "numbers.range(1, 1.5)",
    'time.parse_rfc3339_ns("2024-02-30T00:00:00Z")',
    'semver.compare("1.0", "1.0.0")',
    "sum([1, null])",
    'object.get([], "a", 1)',
    "cast_array(1)",
    "5 % 0",
    "5.5 % 2",
    "format_int(1, 3)",
    "time.now_ns()",
  ])("%s fails", (call) => {
    expect(refused(`x := ${call}`).id).toBe("policy.eval-error");
  });
});

describe("a compiled policy", () => {
  test("answers paths only, and queries with their variables", () => {
    const policy = compilePolicy("package t\nx contains v if some v in [1, 2]");
    expect(refusal(() => policy.evaluate("data.t.x[i]")).id).toBe("policy.compile-error");
    expect(refusal(() => policy.evaluate("data.t.x =")).id).toBe("policy.parse-error");
    expect(refusal(() => policy.evaluate("")).id).toBe("policy.parse-error");
    expect(policy.evaluate("data.t.nothing")).toBeUndefined();
    expect(policy.query("some v; data.t.x[v]")).toEqual([{ v: 1 }, { v: 2 }]);
    expect(policy.query("y := 3; y > 2")).toEqual([{ y: 3 }]);
    expect(policy.query("false")).toEqual([]);
  });

  test("keeps nothing from one evaluation to the next", () => {
    const policy = compilePolicy("package t\nx := input.a");
    expect([1, 2].map((a) => policy.evaluate("data.t.x", { input: { a } }))).toEqual([1, 2]);
    expect(policy.evaluate("data.t.x")).toBeUndefined();
  });

  test("leaves input and data as they were", () => {
    const input = deepFrozen({ a: [3, 1], o: { k: { l: 1 } } });
    const rules = 'x := [sort(input.a), object.union(input.o, {"k": {"m": 2}}), y]\ny := z if { z := input with input.o.k as 5 }';
    expect(evaluated(rules, { input, data: input })).toEqual([[1, 3], { k: { l: 1, m: 2 } }, { a: [3, 1], o: { k: 5 } }]);
    expect(input).toEqual({ a: [3, 1], o: { k: { l: 1 } } });
  });

  test("is compiled once for a text", () => {
    const text = "package t\nx := 41 + 1";
    expect(compilePolicy(text)).toBe(compilePolicy(` ${text}`.slice(1)));
    expect(compilePolicy(text)).not.toBe(compilePolicy(`${text}\n`));
  });

  test("asks for reference values through the function it is given", () => {
    const referenceValue = (id: string) => (id === "known" ? ["v"] : null);
    expect(evaluated('x := [query_reference_value("known"), query_reference_value("other")]', { referenceValue })).toEqual([["v"], null]);
    expect(evaluated('x := 1 if "v" in query_reference_value("other")', { referenceValue })).toBeUndefined();
    expect(evaluated('x := query_reference_value("known")')).toBeNull();
  });
});

function deepFrozen<T extends JsonValue>(value: T): T {
  if (typeof value === "object" && value !== null) for (const item of Object.values(value)) deepFrozen(item as JsonValue);
  return Object.freeze(value);
}
