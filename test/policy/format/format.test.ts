import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import fc from "fast-check";
import { scan } from "../../../src/policy/format/scanner.ts";
import { formatPolicy, templates } from "../../../src/policy/index.ts";
import { parseModule } from "../../../src/policy/rego/module-parser.ts";
import { CaiError } from "../../../src/system/index.ts";

const formatted = (text: string) => formatPolicy({ name: "p", text });
const rules = (text: string) => formatted(`package p\n\n${text}`).replace(/^package p\n\n/, "");

/** What a module says, without where it says it. */
function meaning(text: string): string {
  return JSON.stringify(parseModule("p", text), (name, value: unknown) => {
    if (name === "at" || name === "text") return undefined;
    return typeof value === "bigint" ? `${value}n` : value;
  });
}

function expectSame(text: string): void {
  const once = formatted(text);
  expect(meaning(once)).toBe(meaning(text));
  expect(formatted(once)).toBe(once);
  expect(comments(once)).toEqual(comments(text));
}

/** The comments of a module without template strings, in which quotes can stand inside quotes. */
function comments(text: string): string[] {
  if (/\$["`]/.test(text)) return [];
  const found = [...text.matchAll(/"(?:[^"\\\n]|\\.)*"|`[^`]*`|#[^\n]*/g)].map(([token]) => token.trimEnd());
  return found.filter((token) => token.startsWith("#"));
}

describe("the layout of a policy", () => {
  test.each([
    ["spaces", "p:=1+2*x   if   x==  3", "p := 1 + 2 * x if x == 3\n"],
    ["collections", 'p := { "a":1 ,"b":[ 1,2 ] }', 'p := {"a": 1, "b": [1, 2]}\n'],
    ["a negative number and a difference", "p := -1\nq := x-1\nr := [x -1,-2+3]", "p := -1\nq := x - 1\nr := [x - 1, -2 + 3]\n"],
    ["comments with a dropped semicolon between them", "p := 1\n# a\n; # b\nq := 2", "p := 1\n# a\n# b\nq := 2\n"],
    ["a body of one line", "p if {x}", "p if { x }\n"],
    ["statements, each on its line", "p if { x; y;z }", "p if {\n\tx\n\ty\n\tz\n}\n"],
    ["indentation", "p if {\n  some x in [\n 1,\n2,\n ]\n      x > 1\n  }", "p if {\n\tsome x in [\n\t\t1,\n\t\t2,\n\t]\n\tx > 1\n}\n"],
    [
      "lines that go on",
      "p if\nx\nq if {\na ==\nb with input as 1\nwith data.x as 2\n}",
      "p if\n\tx\nq if {\n\ta ==\n\t\tb with input as 1\n\t\twith data.x as 2\n}\n",
    ],
    ["else beside the brace", "p := 1 if {\nx\n}\nelse := 2 if {\ny\n}", "p := 1 if {\n\tx\n} else := 2 if {\n\ty\n}\n"],
    ["every", "p if { every x in [1]{x>0} }", "p if { every x in [1] { x > 0 } }\n"],
    [
      "comprehensions",
      "p := [x|\nsome x in y\nx>1\n]\nq := {k:v|some k,v in z}",
      "p := [x |\n\tsome x in y\n\tx > 1\n]\nq := {k: v | some k, v in z}\n",
    ],
    ["the older syntax", "p[x]{ y[x];z }{ w }", "p[x] {\n\ty[x]\n\tz\n} { w }\n"],
    ["calls with an object over lines", 'p := f({\n"a":1,\n})', 'p := f({\n\t"a": 1,\n})\n'],
    ["empty lines", "\n\n\np := 1\n\n\n\nq := 2\nr if {\n\n\tx\n\n\ty\n\n}\n\n", "p := 1\n\nq := 2\nr if {\n\tx\n\n\ty\n}\n"],
    [
      "comments",
      "# one  \np := 1   # two\nq if { # three\n# four\nx; # five\ny\n}",
      "# one\np := 1 # two\nq if { # three\n\t# four\n\tx # five\n\ty\n}\n",
    ],
    ["a semicolon before a collection", 'p if { x;{"a":1} = y }', 'p if {\n\tx\n\t{"a": 1} = y\n}\n'],
    ["a semicolon at the end of a body", "p if { every x in y { x; } }", "p if { every x in y { x } }\n"],
    ["a semicolon after a variable that is also a keyword", "p if { some; x }", "p if {\n\tsome;\n\tx\n}\n"],
    ["calls of contains", 'p if { x; contains(y, "z")\n}', 'p if {\n\tx\n\tcontains(y, "z")\n}\n'],
    ["semicolons between rules", "p := 1; q := 2", "p := 1\nq := 2\n"],
    ["a semicolon before a sign", "p if { x;-1 < y }", "p if {\n\tx;\n\t-1 < y\n}\n"],
    ["references", 'p := input. x[ "a" ][0]', 'p := input.x["a"][0]\n'],
    ["raw and template strings", 'p := `a  {b`\nq := $"x {  y+1 }"', 'p := `a  {b`\nq := $"x {  y+1 }"\n'],
  ])("has %s", (_, text, expected) => {
    expect(rules(text)).toBe(expected);
    expectSame(`package p\n\n${text}`);
  });

  test("has an empty line after the package and the imports", () => {
    expect(formatted("package p\nimport rego.v1\n# why\nimport data.x\n# about q\nq := 1")).toBe(
      "package p\n\nimport rego.v1\n# why\nimport data.x\n\n# about q\nq := 1\n",
    );
  });

  test("has the line ends of one kind, and ends with one", () => {
    expect(formatted("package p\r\n\r\np := 1 # x\r\n")).toBe("package p\n\np := 1 # x\n");
    expect(formatted("package p")).toBe("package p\n");
  });

  test("is that of the policies that cai brings", () => {
    for (const text of Object.values(templates)) expect(formatted(text)).toBe(text);
  });

  test("is given to no text that is no policy", () => {
    try {
      formatted("package p\np := {");
      expect.unreachable();
    } catch (error) {
      expect((error as CaiError).id).toBe("policy.parse-error");
    }
  });
});

const folder = resolve(process.env["CAI_VECTORS"] ?? resolve(import.meta.dir, "../../../../shared/vectors"), "rego/v1");

function conformanceModules(): string[] {
  const files = existsSync(folder) ? readdirSync(folder) : [];
  const texts = files.flatMap((file) =>
    (JSON.parse(readFileSync(resolve(folder, file), "utf8")) as { cases: { modules?: string[] }[] }).cases.flatMap(
      ({ modules }) => modules ?? [],
    ),
  );
  return [...new Set(texts)].filter(parses);
}

function parses(text: string): boolean {
  try {
    return parseModule("p", text) !== undefined;
  } catch (error) {
    if (error instanceof CaiError) return false;
    throw error;
  }
}

describe.skipIf(!existsSync(folder))("every module of the conformance cases (skipped where there are no vectors)", () => {
  const modules = conformanceModules();

  test("means the same after it was laid out, and stays as it is then", () => {
    expect(modules.length).toBeGreaterThan(800);
    for (const text of modules) expectSame(text);
  });

  test("means the same whatever its white space was, and with comments anywhere a line ends", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...modules),
        fc.infiniteStream(fc.constantFrom("\n", "\n\n\n", " # comment\n", "\n\t\t# comment\n")),
        (text, ends) => {
          // Inside a string that goes over lines, a changed line end would be another value.
          fc.pre(!text.includes("`"));
          const changed = text.replace(/\n/g, () => ends.next().value);
          expectSame(changed);
          expect(formatted(text.replace(/\n[ \t]*/g, "\n      "))).toBe(formatted(text));
        },
      ),
      { numRuns: 500 },
    );
  });

  test("means the same where words are lost, doubled or moved to other lines and it still parses", () => {
    const separators = [" ", "\n", "; ", "  # c\n", "", "\n\n"];
    fc.assert(
      fc.property(fc.constantFrom(...modules), fc.infiniteStream(fc.nat(4799)), (text, numbers) => {
        const tokens = scan(text);
        const changed = tokens.map((token, i) => {
          const number: number = numbers.next().value;
          const kept = token.newlines > 0 ? "\n".repeat(Math.min(token.newlines, 2)) : token.spaced ? " " : "";
          const before = number % 40 === 0 ? separators[number % separators.length]! : kept;
          const end = token.kind === "comment" ? "\n" : "";
          if (number % 60 === 1) return "";
          return `${number % 80 === 2 ? `${before}${tokens[(i * 7) % tokens.length]!.text}` : ""}${before}${token.text}${end}`;
        });
        const joined = changed.join("");
        fc.pre(parses(joined));
        expectSame(joined);
      }),
      { numRuns: 1_000 },
    );
  });
});
