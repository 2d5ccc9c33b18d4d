import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { compilePolicy, type EvaluateOptions, parsePolicyJson } from "../../../src/policy/index.ts";
import { CaiError, type JsonValue } from "../../../src/system/index.ts";

const policy = compilePolicy(`package t
read := yaml.unmarshal(input)
valid := yaml.is_valid(input)
written := yaml.marshal(input)
again := yaml.unmarshal(yaml.marshal(input))
exact := sprintf("%d", [yaml.unmarshal(input)])
same if yaml.unmarshal(yaml.marshal(input)) == input
inherited := yaml.unmarshal(input).toString`);

function evaluate(rule: string, input: JsonValue, options: EvaluateOptions = {}): JsonValue | undefined {
  return policy.evaluate(`data.t.${rule}`, { input, ...options });
}

function failureOf(text: string): CaiError {
  try {
    evaluate("read", text);
  } catch (error) {
    if (error instanceof CaiError) return error;
    throw error;
  }
  throw new Error("no error");
}

describe("reading YAML", () => {
  test.each<[string, JsonValue]>([
    ["", null],
    ["~", null],
    ["True", true],
    ["yes", "yes"],
    ["-0", 0],
    ["012", 12],
    ["0x1f", 31],
    ["0o17", 15],
    ["+1.50", 1.5],
    [".5", 0.5],
    ["1.", 1],
    ["1.e2", 100],
    ["'1'", "1"],
    ['"\\u00e9"', "é"],
    ["|\n a\n b\n", "a\nb\n"],
    ["a: [1, {b: null}]\nc:\n- d", { a: [1, { b: null }], c: ["d"] }],
    ["1: a\ntrue: b", { "1": "a", true: "b" }],
    ["a: &x [1]\nb: *x", { a: [1], b: [1] }],
    ["# only a comment", null],
  ])("%j means what the core schema says", (text, value) => {
    expect(evaluate("read", text)).toEqual(value);
    expect(evaluate("valid", text)).toBe(true);
  });

  test("integers keep their value beyond 2^53", () => {
    expect(evaluate("exact", "9007199254740993")).toBe("9007199254740993");
    expect(evaluate("exact", "-0")).toBe("0");
    expect(evaluate("exact", `-${"9".repeat(40)}`)).toBe(`-${"9".repeat(40)}`);
  });

  test("__proto__ and constructor are members as any other and lead nowhere", () => {
    const read = evaluate("read", "__proto__: {polluted: true}\nconstructor: 1") as object;
    expect(Object.keys(read).sort()).toEqual(["__proto__", "constructor"]);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
    expect(evaluate("inherited", "{}")).toBeUndefined();
  });

  const bomb = ["a0: &a0 [1,1,1,1,1,1,1,1,1,1]"];
  for (let i = 1; i < 12; i++)
    bomb.push(
      `a${i}: &a${i} [${Array(10)
        .fill(`*a${i - 1}`)
        .join()}]`,
    );

  test.each([
    ["an unclosed sequence", "[1,2,3", "yaml: "],
    ["a bomb of aliases", bomb.join("\n"), "at most 65536 values"],
    ["an alias within its own anchor", "&a [*a]", "no anchor before"],
    ["an alias without anchor", "*a", ""],
    ["101 nested sequences", "[".repeat(102) + "]".repeat(102), "at most 100 levels"],
    ["15,000 nested sequences", "[".repeat(15_000) + "]".repeat(15_000), "yaml: "],
    ["15,000 nested block sequences", "- ".repeat(15_000), "yaml: "],
    ["15,000 nested keys", "? ".repeat(15_000), "yaml: "],
    ["a text above 65,536 characters", `"${"x".repeat(65_536)}"`, "at most 65536 characters"],
    ["an integer above 4,096 digits", "9".repeat(5000), "4096 digits"],
    ["a number out of range", "1e999", "out of range"],
    ["a number without a value", "a: .nan", "no finite value"],
    ["a custom tag", "!policy x", ""],
    ["a language's tag", "!!js/function 'x'", ""],
    ["a core tag", "!!str 1", "tags are refused"],
    ["a tag of a collection", "!!set {a, b}", ""],
    ["a key that stands twice", "a: 1\na: 2", "twice"],
    ["__proto__ twice", "__proto__: 1\n__proto__: 2", "twice"],
    ["keys that are one text", "1: a\n'1': b", "twice"],
    ["a merge key", "<<: {a: 1}", "merge keys are refused"],
    ["a collection as key", "? [a]\n: b", "as a key"],
    ["null as key", "~: 1", "as a key"],
    ["a second document", "a\n---\nb", "yaml: "],
    ["a tab as indentation", "a:\n\tb: 1", "yaml: "],
  ])("%s is refused", (_, text, problem) => {
    const { id, message } = failureOf(text);
    expect([id, message]).toEqual(["policy.eval-error", expect.stringContaining(problem)]);
    expect(message.length).toBeLessThan(600);
    expect(evaluate("valid", text)).toBe(false);
    expect(evaluate("read", text, { lenient: true })).toBeUndefined();
  });

  test("reading counts towards the steps of a run", () => {
    const few = compilePolicy("package t\nread := yaml.unmarshal(input)", { limits: { steps: 10_000 } });
    const input = JSON.stringify(Array.from({ length: 10_000 }, () => 1));
    expect(() => few.evaluate("data.t.read", { input })).toThrow(expect.objectContaining({ id: "policy.limit-exceeded" }));
  });

  test("7,000 different keys are read without comparing each with all others", () => {
    const text = Array.from({ length: 7000 }, (_, i) => `k${i}: 1`).join("\n");
    expect(Object.keys(evaluate("read", text) as object)).toHaveLength(7000);
  });

  test("any text is read or refused, and nothing crashes", () => {
    const piece = fc.constantFrom(
      "a",
      "1",
      "- ",
      ": ",
      "? ",
      "\n",
      "\n ",
      "[",
      "]",
      "{",
      "}",
      ",",
      "&a ",
      "*a ",
      "!t ",
      "|",
      ">",
      "'",
      '"',
      "#",
      "<<",
      "%YAML",
      "---",
      "\t",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        const text = pieces.join("");
        const read = evaluate("read", text, { lenient: true });
        expect(evaluate("valid", text)).toBe(read !== undefined);
      }),
      { numRuns: 500 },
    );
  });
});

describe("writing YAML", () => {
  test.each<[JsonValue, string]>([
    [null, "null\n"],
    ["yes", '"yes"\n'],
    ["a b", "a b\n"],
    ["a: b", '"a: b"\n'],
    ["", '""\n'],
    [[], "[]\n"],
    [{ b: [1, [2, 3], { c: 1, d: {} }], a: { e: "x" } }, "a:\n  e: x\nb:\n- 1\n- - 2\n  - 3\n- c: 1\n  d: {}\n"],
  ])("%j is %j", (value, text) => {
    expect(evaluate("written", value)).toBe(text);
  });

  test("what is written is read as the same value", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
        // An integer beyond 2^53 has to come as it is parsed, exactly.
        expect(evaluate("same", parsePolicyJson(JSON.stringify(value)))).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  test.each(["<<", "~", "no", "1", "0x1", ".inf", "- a", "a #b", "é", "\u2028", "\u0085", "a\nb", " a", "null", "__proto__", "\u007f"])(
    "the text %j keeps its meaning as a value and as a key",
    (text) => {
      expect(evaluate("same", JSON.parse(`{${JSON.stringify(text)}: ${JSON.stringify(text)}}`) as JsonValue)).toBe(true);
    },
  );
});
