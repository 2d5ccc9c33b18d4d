import { describe, expect, test } from "bun:test";
import { compilePolicy, type PolicyModule } from "../../../src/policy/index.ts";
import { CaiError, type JsonValue } from "../../../src/system/index.ts";

const modulesOf = (texts: readonly string[]): PolicyModule[] => texts.map((text, i) => ({ name: `m${i}`, text }));

function evaluated(query: string, ...texts: readonly string[]): JsonValue | undefined {
  return compilePolicy(modulesOf(texts)).evaluate(query);
}

function failureOf(...texts: readonly string[]): CaiError {
  try {
    compilePolicy(modulesOf(texts));
  } catch (error) {
    if (error instanceof CaiError) return error;
    throw error;
  }
  throw new Error("no error");
}

/** A rule with a block above it that it reads. */
const annotated = (...lines: readonly string[]) =>
  `package t\n# METADATA\n${lines.map((line) => `# ${line}\n`).join("")}x := rego.metadata.rule()`;

describe("annotations that a rule reads", () => {
  test("every field comes in one form, however it is written", () => {
    const text = annotated(
      "title: T",
      "description: |",
      "  two",
      "  lines",
      "organizations: [O]",
      "authors:",
      "- Jo Doe <jo@example.org>",
      "- <only@example.org>",
      "- {name: N, email: n@example.org}",
      "related_resources:",
      "- https://example.org",
      "- {ref: https://example.org, description: D}",
      "entrypoint: false",
      "custom: {limit: 3, nested: [a]}",
    );
    expect(evaluated("data.t.x", text)).toEqual({
      scope: "rule",
      title: "T",
      description: "two\nlines\n",
      organizations: ["O"],
      authors: [{ name: "Jo Doe", email: "jo@example.org" }, { email: "only@example.org" }, { name: "N", email: "n@example.org" }],
      related_resources: [{ ref: "https://example.org" }, { ref: "https://example.org", description: "D" }],
      entrypoint: false,
      custom: { limit: 3, nested: ["a"] },
    });
  });

  test("a rule without any reads an empty object, also where its document has some", () => {
    expect(evaluated("data.t.x", "package t\nx := rego.metadata.rule()")).toEqual({});
    expect(evaluated("data.t.x", annotated("scope: document", "title: T"))).toEqual({});
    expect(evaluated("data.t.x", annotated("entrypoint: true"))).toEqual({});
  });

  test("the nearest of several blocks is the rule's own, and the chain has all of them from near to far", () => {
    const above = "# METADATA\n# scope: subpackages\n# title: root\npackage a";
    const below = [
      "# METADATA\n# title: package",
      "",
      "# METADATA\n# scope: subpackages\n# title: subpackages",
      "package a.b",
      "# METADATA\n# title: far",
      "",
      "# METADATA\n# title: near",
      "x := rego.metadata.rule()",
      "# METADATA\n# title: f",
      "f(_) := rego.metadata.chain() if true",
      "chain := [[part.path, object.get(part, [`annotations`, `title`], ``)] | some part in f(1)]",
      "every_one if every part in rego.metadata.chain() { part.path }",
    ].join("\n");
    expect(evaluated("data.a.b.x.title", above, below)).toBe("near");
    expect(evaluated("data.a.b.every_one", above, below)).toBe(true);
    expect(evaluated("data.a.b.chain", above, below)).toEqual([
      [["a", "b", "f"], "f"],
      [["a", "b"], "package"],
      [["a", "b"], "subpackages"],
      [["a"], "root"],
    ]);
  });

  test("subpackages are those below a whole name", () => {
    const above = "# METADATA\n# scope: subpackages\n# title: T\npackage a";
    expect(evaluated("count(data.ab.x)", above, "package ab\nx := rego.metadata.chain()")).toBe(1);
  });

  test("text in a raw string and comments beside code are no block", () => {
    const text = "package t # METADATA\nraw := `\n# METADATA\n# [\n`\nx := rego.metadata.chain()";
    expect(evaluated("data.t.x", text)).toEqual([{ path: ["t", "x"] }]);
  });

  test("a block ends where a line without a comment stands", () => {
    expect(evaluated("data.t.x", "package t\n# METADATA\n# title: T\n\n# [ no YAML\nx := rego.metadata.rule()")).toEqual({
      scope: "rule",
      title: "T",
    });
  });
});

describe("blocks that are no annotations", () => {
  const bomb = ["custom:", "  a0: &a0 [1,1,1,1,1,1,1,1,1,1]"];
  for (let i = 1; i < 12; i++)
    bomb.push(
      `  a${i}: &a${i} [${Array(10)
        .fill(`*a${i - 1}`)
        .join()}]`,
    );

  test.each<[string, readonly string[], string]>([
    ["no YAML", ["title: [1"], ""],
    ["nothing", [], "expected fields"],
    ["a list", ["- a"], "expected fields"],
    ["an unknown field", ["titel: T"], "expected one of"],
    ["a field of every object", ["constructor: T"], "expected one of"],
    ["__proto__", ["__proto__: {title: T}"], "expected one of"],
    ["an unknown scope", ["scope: all"], "scope: expected one of"],
    ["a package's scope", ["scope: package"], "does not fit"],
    ["a title that is no text", ["title: 1"], "title: expected text"],
    ["authors that are no list", ["authors: A"], "authors: expected a list"],
    ["an author without a name", ["authors: ['']"], "expected a name"],
    ["a resource without a place", ["related_resources: [{description: D}]"], "related_resources: expected"],
    ["an entrypoint that is no boolean", ["entrypoint: 1"], "expected true or false"],
    ["custom that has no fields", ["custom: 1"], "custom: expected fields"],
    ["a tag", ["title: !x T"], ""],
    ["a bomb of aliases", bomb, "at most 65536 values"],
  ])("%s is a compile error, at the block", (_, lines, problem) => {
    const { id, message } = failureOf(annotated(...lines));
    expect([id, message]).toEqual(["policy.compile-error", expect.stringContaining(problem)]);
    expect(message).toStartWith("m0:2:1: annotations: ");
    // Without a reader the same comment says nothing.
    expect(evaluated("data.t.x", annotated(...lines).replace("rego.metadata.rule()", "1"))).toBe(1);
  });

  test.each<[string, string]>([
    ["before an import", "package t\n# METADATA\n# title: T\nimport data.a\nx := rego.metadata.rule()"],
    ["at the end", "package t\nx := rego.metadata.rule()\n# METADATA\n# title: T"],
    ["of a rule's scope above the package", "# METADATA\n# scope: rule\npackage t\nx := rego.metadata.rule()"],
  ])("a block %s is a compile error", (_, text) => {
    expect(failureOf(text).id).toBe("policy.compile-error");
  });

  test.each(["document", "package", "subpackages"])("a second block of scope %s for one path is a compile error", (scope) => {
    const block = `# METADATA\n# scope: ${scope}\n`;
    const text = scope === "document" ? `package t\n${block}x := 1\n${block}x := 1` : `${block}package t`;
    expect(failureOf(text, `${scope === "document" ? "" : block}package t\ny := rego.metadata.rule()`).message).toContain("second block");
  });
});

describe("calls", () => {
  test("with arguments are a compile error", () => {
    expect(failureOf("package t\nx := rego.metadata.chain(1)").id).toBe("policy.compile-error");
  });

  test("outside a rule, and as what a with replaces, are refused by name", () => {
    expect(failureOf("package t\nx if true with rego.metadata.rule as 1").id).toBe("policy.builtin-unavailable");
    expect(() => compilePolicy("package t\nx := 1").query("x := rego.metadata.rule()")).toThrow(
      expect.objectContaining({ id: "policy.builtin-unavailable" }),
    );
  });

  test("10,000 blocks that 10,000 calls read compile", () => {
    const text = `package t\n${"# METADATA\n# title: T\n\n".repeat(10_000)}x contains y if {\n${"y = rego.metadata.chain()\n".repeat(10_000)}}`;
    expect(evaluated("count(data.t.x)", text)).toBe(1);
  });
});
