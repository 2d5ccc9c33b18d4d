import type { Position } from "../rego/index.ts";
import type { Literal, Module, Rule, Term } from "../rego/syntax.ts";
import { type Finding, finding } from "./finding.ts";
import { eachBody, eachTermOfRule } from "./walk.ts";

/** Imports that no rule names, and variables that are declared and never read. */
export function unused(module: Module): Finding[] {
  return [...unusedImports(module), ...module.rules.flatMap(unusedVariables)];
}

function unusedImports(module: Module): Finding[] {
  const used = new Set<string>();
  for (const rule of module.rules) {
    for (const name of mentions(rule)) used.add(name);
  }
  const paths = module.imports.filter(({ path }) => path[0] === "data" || path[0] === "input");
  return paths
    .filter(({ alias }) => !used.has(alias))
    .map(({ at, path }) => finding("warning", "lint.unused-import", at, `the import of ${path.join(".")} is not used`, "remove it"));
}

/** Every name that a rule mentions, as often as it does; a call counts as its first part. */
function mentions(rule: Rule): string[] {
  const names: string[] = [];
  eachTermOfRule(rule, (term) => {
    if (term.kind === "variable") names.push(term.name);
    if (term.kind === "call") names.push(term.name.split(".")[0]!);
  });
  return names;
}

function unusedVariables(rule: Rule): Finding[] {
  const counts = new Map<string, number>();
  for (const name of mentions(rule)) counts.set(name, (counts.get(name) ?? 0) + 1);
  const declared = new Map<string, Position[]>();
  const declare = (name: string, at: Position) => declared.set(name, [...(declared.get(name) ?? []), at]);
  eachBody(rule, (body) => {
    for (const literal of body) declarations(literal, declare);
  });
  // `some x` declares without being a mention; the others mention what they declare once.
  return [...declared].flatMap(([name, places]) => {
    if (name.startsWith("_") || (counts.get(name) ?? 0) > places.length) return [];
    const hint = "remove it, or name it _ where a pattern needs it";
    return places.map((at) => finding("warning", "lint.unused-variable", at, `the variable ${name} is not used`, hint));
  });
}

function declarations(literal: Literal, declare: (name: string, at: Position) => void): void {
  const pattern = (term: Term | undefined): void => {
    if (term === undefined) return;
    if (term.kind === "variable") declare(term.name, term.at);
    else if (term.kind === "array") term.items.forEach(pattern);
    else if (term.kind === "object") for (const [, value] of term.entries) pattern(value);
  };
  if (literal.kind === "assign") pattern(literal.left);
  if (literal.kind === "some-in" || literal.kind === "every") {
    pattern(literal.key);
    pattern(literal.value);
  }
}
