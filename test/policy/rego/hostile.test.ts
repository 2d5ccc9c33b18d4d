import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { compilePolicy, type EvaluateOptions, policyText } from "../../../src/policy/index.ts";
import { CaiError, type JsonValue } from "../../../src/system/index.ts";

function failure(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof CaiError) return error.id;
    throw error;
  }
  return "no error";
}

function evaluated(rules: string, options: EvaluateOptions = {}): JsonValue | undefined {
  return compilePolicy(`package t\n${rules}`).evaluate("data.t.x", options);
}

const failureOf = (rules: string, options?: EvaluateOptions) => failure(() => evaluated(rules, options));

function nested(levels: number): JsonValue {
  let value: JsonValue = 1;
  for (let i = 0; i < levels; i++) value = [value];
  return value;
}

const letters = (count: number) => `concat("", [c | some i in numbers.range(1, ${count}); c := "a"])`;

describe("text that wants to break the parser", () => {
  test.each([
    ["square brackets", `x := ${"[".repeat(5000)}${"]".repeat(5000)}`],
    ["parentheses", `x := ${"(".repeat(5000)}1${")".repeat(5000)}`],
    ["braces", `x := ${"{".repeat(5000)}`],
    ["indexes", `x := input${"[input".repeat(5000)}${"]".repeat(5000)}`],
    ["negations", `x if { ${"not ".repeat(5000)}true }`],
  ])("5,000 nested %s are a parse error", (_, text) => {
    expect(failureOf(text)).toBe("policy.parse-error");
  });

  test.each([
    ["template strings", `x := ${'$"{'.repeat(500)}`],
    ["operators in a row", `x := 1${" + 1".repeat(50_000)}`],
    ["tokens", `x := [${"1,".repeat(200_000)}1]`],
    ["more than 1 MiB", "#".repeat(1_048_577)],
    ["more than 1 MiB in UTF-8", `# ${"é".repeat(600_000)}`],
    [
      "statements that are hard to order",
      `x if {\n${Array.from({ length: 3000 }, (_, i) => `a${3000 - i} = a${2999 - i}`).join("\n")}\na0 = 1 }`,
    ],
  ])("too many %s are a limit", (_, text) => {
    expect(failureOf(text)).toBe("policy.limit-exceeded");
  });

  test("a body of 20,000 statements compiles", () => {
    expect(evaluated(`x if {\n${Array.from({ length: 20_000 }, (_, i) => `a${i} = 1`).join("\n")}\n}`)).toBe(true);
  });

  test("bytes that are no UTF-8, and lone surrogates, are a parse error", () => {
    expect(failure(() => policyText(Uint8Array.of(0x70, 0xff, 0xfe)))).toBe("policy.parse-error");
    expect(failure(() => compilePolicy("package t # \ud800"))).toBe("policy.parse-error");
    expect(policyText(new TextEncoder().encode("package é"))).toBe("package é");
  });

  test.each(["x := 1e999", "x := NaN1.", "x := 0x10", "x := 01", 'x := "\\q"', 'x := "open', "x := `open", 'x := $"{1', "x := @"])(
    "%s is a parse error",
    (text) => {
      expect(failureOf(text)).toBe("policy.parse-error");
    },
  );
});

describe("policies that want to run for ever or eat the memory", () => {
  test.each([
    ["exponential comprehension", "a := numbers.range(1, 1000)\nx := [1 | some i in a; some j in a; some k in a; some l in a]"],
    ["a range of 10^10", "x := numbers.range(1, 10000000000)"],
    ["strings that double", `a0 := "aaaaaaaa"\n${chain(40, (i) => `concat("", [a${i}, a${i}])`)}x := a40`],
    ["replacements that multiply", `s := ${letters(10_000)}\nx := replace(s, "a", s)`],
    ["the same through replace_n", `s := ${letters(10_000)}\nx := strings.replace_n({"a": s}, s)`],
    ["the same through a regular expression", `s := ${letters(10_000)}\nx := regex.replace(s, "a", s)`],
    ["a pattern over a long text", `s := ${letters(200_000)}\nx := regex.match("(a|aa|b?){50}(x+x+)+y", s)`],
    ["rules in a chain of 5,000", `${Array.from({ length: 5000 }, (_, i) => `r${i} := r${i + 1}`).join("\n")}\nr5000 := 1\nx := r0`],
    ["deeply nested JSON text", `s := concat("", [c | some i in numbers.range(1, 100000); c := "["])\nx := json.unmarshal(s)`],
  ])("%s ends with the limit", (_, text) => {
    expect(failureOf(text)).toBe("policy.limit-exceeded");
  });

  test.each([
    ["integers that square", `a0 := 99999999999999\n${chain(40, (i) => `a${i} * a${i}`)}x := a40`],
    ["a shift by 10^9", "x := bits.lsh(1, 1000000000)"],
    ["a pattern with a million states", 'x := regex.match("((a{100}){100}){100}", "a")'],
    ["numbers beyond all floats", "x := 1e308 / 0.001"],
  ])("%s is an error of the built-in", (_, text) => {
    expect(failureOf(text)).toBe("policy.eval-error");
  });

  test("wall time ends a policy on whatever clock it is given", () => {
    let now = 0;
    const clock = () => {
      now += 1000;
      return now;
    };
    expect(failureOf("x := count([1 | some i in numbers.range(1, 100000)])", { clock })).toBe("policy.limit-exceeded");
  });

  test("limits can be narrowed for one policy without touching another one of the same text", () => {
    const text = "package t\nx := count(numbers.range(1, 5000))";
    expect(failure(() => compilePolicy(text, { limits: { members: 100 } }).evaluate("data.t.x"))).toBe("policy.limit-exceeded");
    expect(compilePolicy(text).evaluate("data.t.x")).toBe(5000);
  });

  test("a pattern that makes backtracking engines explode ends", () => {
    expect(evaluated(`s := ${letters(20_000)}\nx := regex.match("^(a+)+$", concat("", [s, "!"]))`)).toBe(false);
  });

  test("comparing runs of arrays is counted", () => {
    const input = { whole: Array<number>(100_000).fill(0), part: [...Array<number>(50_000).fill(0), 1] };
    expect(failureOf("x := object.subset(input.whole, input.part)", { input })).toBe("policy.limit-exceeded");
  });

  test("sprintf does not believe a width", () => {
    expect(evaluated("x := count(sprintf(input, [1]))", { input: `%${"0".repeat(1_000_000)}` })).toBeGreaterThan(1_000_000);
    expect(evaluated('x := count(sprintf("%999999d", [1]))')).toBe(1);
  });

  test("input nested 100,000 levels deep is a limit, not a crash", () => {
    const input = { a: nested(100_000), b: nested(100_000) };
    expect(failureOf("x := input.a == input.b", { input })).toBe("policy.limit-exceeded");
    expect(failureOf("x := {input.a}", { input })).toBe("policy.limit-exceeded");
    expect(failureOf("x := [p | walk(input, [p, _])]", { input })).toBe("policy.limit-exceeded");
    expect(failureOf("x := input.a", { input })).toBe("policy.limit-exceeded");
  });
});

function chain(length: number, term: (i: number) => string): string {
  return Array.from({ length }, (_, i) => `a${i + 1} := ${term(i)}\n`).join("");
}

describe("names of the runtime's own", () => {
  const input = JSON.parse('{"__proto__": {"polluted": 1}, "a": {}}') as JsonValue;

  test("members of prototypes are undefined, own ones are found", () => {
    for (const name of ["constructor", "toString", "__proto__", "hasOwnProperty", "length"]) {
      expect(evaluated(`x := input.a.${name}`, { input })).toBeUndefined();
      expect(evaluated(`x := input.a[n] if { n := "${name}" }`, { input })).toBeUndefined();
    }
    expect(evaluated("x := input.__proto__.polluted", { input })).toBe(1);
  });

  test("objects that a policy makes may have such keys", () => {
    expect(evaluated('x := {"__proto__": 1, "constructor": 2}["__proto__"]')).toBe(1);
    expect(JSON.stringify(evaluated('x[k] := 1 if some k in ["__proto__"]'))).toBe('{"__proto__":1}');
    expect(({} as { readonly polluted?: unknown }).polluted).toBeUndefined();
  });

  test("rules and functions may have them as names, and nothing else answers to them", () => {
    expect(evaluated("constructor := 5\nx := constructor")).toBe(5);
    expect(failureOf("x := constructor(1)")).toBe("policy.compile-error");
    expect(failureOf("x := toString()")).toBe("policy.compile-error");
  });
});

describe("random text", () => {
  const tokens = fc.constantFrom(
    ..."{ } [ ] ( ) , ; : . := = == != < <= > >= + - * / % | & in if else contains some every not with as default import package".split(
      " ",
    ),
    ..."x y p data input data.t.x input.a _ true null 1 2.5 -3 count sum sprintf walk set() \n".split(" "),
    '"a"',
    "`r`",
    '$"{x}"',
    "\n",
    "# c\n",
    "é",
    "\\",
    "$",
  );

  test("streams of tokens end in a value or an error with an id", () => {
    const budget = { limits: { steps: 20_000, milliseconds: 200 } };
    fc.assert(
      fc.property(fc.array(tokens, { maxLength: 40 }), fc.boolean(), (parts, asBody) => {
        const body = parts.join(" ");
        const text = asBody ? `package t\nimport rego.v1\nx := y if { y := 1; ${body} }` : `package t\n${body}`;
        failure(() => compilePolicy(text, budget).evaluate("data.t", { input: { a: [1] } }));
      }),
      { numRuns: 4000 },
    );
  });

  test("any text is refused or compiled", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 200 }), (text) => {
        failure(() => compilePolicy(text));
        failure(() => compilePolicy(`package t\nx := ${text}`));
      }),
      { numRuns: 1000 },
    );
  });

  test("a policy cut off anywhere is refused or compiled", () => {
    const text =
      'package t\nimport rego.v1\nx := {"a": [i | some i, v in input.a; v > 1]} if { every k in {1} { k == 1 } } else := f("é")\nf(s) := $"{s}"\n';
    for (let end = 0; end <= text.length; end++) failure(() => compilePolicy(text.slice(0, end)));
    expect(evaluated(text.replace("package t\n", ""), { input: { a: [1, 2, 3] } })).toEqual({ a: [1, 2] });
  });
});
