import { errorAt, type PolicyError } from "./position.ts";
import type { DialectMark, Module } from "./syntax.ts";

/** A version of the language. */
export type Dialect = "v0" | "v1";

/**
 * What a module has that a version of the language does not: a keyword that v0 did not import, or a form that v1 refuses. A module
 * with `import rego.v1` is v1 wherever it stands.
 *
 * @returns an error for each such place, in the order of the text
 */
export function checkDialect(module: Module, dialect: Dialect): PolicyError[] {
  const imports = module.imports.map(({ path }) => path.join("."));
  if (dialect === "v1" || imports.includes("rego.v1")) return module.dialect.flatMap(refusedByV1);
  const has = (word: string) => imports.includes("future.keywords") || imports.includes(`future.keywords.${word}`);
  return module.dialect.flatMap(({ at, kind }) => {
    if (kind === "body-without-if" || kind === "set-without-contains" || has(kind) || (kind === "in" && has("every"))) return [];
    const hint = `write: import future.keywords.${kind}, or: import rego.v1`;
    return [errorAt("policy.parse-error", at, `${kind} is no keyword of v0 without an import`, { got: kind, hint })];
  });
}

function refusedByV1({ at, kind }: DialectMark): PolicyError[] {
  if (kind === "body-without-if") {
    return [errorAt("policy.parse-error", at, "v1 wants if before a rule's body", { expected: "if", got: "{" })];
  }
  if (kind !== "set-without-contains") return [];
  return [errorAt("policy.parse-error", at, "v1 wants contains in the head of a partial set", { expected: "contains" })];
}
