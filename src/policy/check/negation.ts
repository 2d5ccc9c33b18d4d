import type { Literal, Module, Rule, Term } from "../rego/syntax.ts";
import { functionName } from "../rego/term-parser.ts";
import { type Finding, finding } from "./finding.ts";
import { eachBody, eachTerm, eachTermOf, eachTermOfRule, termsOf } from "./walk.ts";

/**
 * Negations that also hold where the claim is missing (security.md I22): what stands under `not` reads a path of the input, directly,
 * through a variable, an argument or another rule, and no other statement of the body demands that path.
 */
export function negations(module: Module): Finding[] {
  const readers = inputReaders(module);
  return module.rules.flatMap((rule) => {
    const found: Finding[] = [];
    eachBody(rule, (body) => {
      if (!body.some(({ kind }) => kind === "not")) return;
      const roots = inputRoots(rule, body);
      const demanded = demandedBy(body);
      for (const literal of body) {
        if (literal.kind !== "not") continue;
        const path = missingPath(literal.literal, demanded, roots, readers);
        if (path !== undefined) found.push(atNegation(literal, path));
      }
    });
    return found;
  });
}

function atNegation(literal: Literal, path: string): Finding {
  const message = `this negation also holds on a platform that has no ${path}`;
  return finding(
    "warning",
    "lint.negation-of-input",
    literal.at,
    message,
    "compare with the value that is needed, for example: … == false",
  );
}

/** The rules and functions of a module that read the input, directly or through one another. */
function inputReaders(module: Module): ReadonlySet<string> {
  /** the rules that mention a name */
  const mentioned = new Map<string, Set<string>>();
  const mention = (name: string, by: string) => {
    const rules = mentioned.get(name) ?? new Set();
    mentioned.set(name, rules.add(by));
  };
  for (const rule of module.rules) {
    eachTermOfRule(rule, (term) => (term.kind === "variable" || term.kind === "call") && mention(term.name, rule.name));
  }
  const readers = new Set<string>();
  const waiting = ["input"];
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    for (const reader of mentioned.get(name) ?? []) {
      if (readers.has(reader)) continue;
      readers.add(reader);
      waiting.push(reader);
    }
  }
  return readers;
}

/** The names that hold a part of the input in a body: `input`, arguments, and what is assigned from one of them. */
function inputRoots(rule: Rule, body: readonly Literal[]): ReadonlySet<string> {
  const roots = new Set(["input"]);
  for (const arg of rule.args ?? []) eachTerm(arg, (term) => term.kind === "variable" && roots.add(term.name));
  const holds = (term: Term) => {
    const head = term.kind === "ref" ? term.head : term;
    return head.kind === "variable" && roots.has(head.name);
  };
  for (const literal of body) {
    if (literal.kind === "assign" && literal.left.kind === "variable" && holds(literal.right)) roots.add(literal.left.name);
    if (literal.kind === "some-in" && holds(literal.domain))
      eachTerm(literal.value, (term) => term.kind === "variable" && roots.add(term.name));
  }
  return roots;
}

/** @returns the path that a negated statement reads and nothing else demands */
function missingPath(
  negated: Literal,
  demanded: ReadonlySet<string>,
  roots: ReadonlySet<string>,
  readers: ReadonlySet<string>,
): string | undefined {
  let missing: string | undefined;
  const visit = (term: Term | undefined): void => {
    if (term === undefined || missing !== undefined) return;
    // With a value of its own for what is missing, nothing is.
    if (term.kind === "call" && term.name === "object.get") return;
    if (term.kind === "call" && readers.has(term.name)) missing = `value that ${term.name} reads`;
    else if (term.kind === "variable" && readers.has(term.name)) missing = `value that ${term.name} reads`;
    else if (term.kind === "ref" && term.head.kind === "variable" && roots.has(term.head.name)) {
      const path = pathText(term);
      if (!demanded.has(path)) missing = path;
    } else if (term.kind === "ref") visit(term.head);
    else if (term.kind === "call") term.args.forEach(visit);
    else if (term.kind === "comprehension") for (const literal of term.body) eachTermOf(literal, (one) => one.kind === "ref" && visit(one));
  };
  for (const term of termsOf(negated)) visit(term);
  if (negated.kind === "every") for (const literal of negated.body) for (const term of termsOf(literal)) visit(term);
  return missing;
}

/** The paths, and those that lead to them, without which the other statements of a body do not hold. */
function demandedBy(body: readonly Literal[]): ReadonlySet<string> {
  const demanded = new Set<string>();
  const demand = (path: string) => {
    for (let at = path.length; at > 0; at = path.lastIndexOf(".", at - 1)) demanded.add(path.slice(0, at));
  };
  for (const literal of body) if (literal.kind !== "not") for (const term of termsOf(literal)) eachDemanded(term, demand);
  return demanded;
}

/** Calls `visit` with the text of each path without which a term has no value. */
function eachDemanded(term: Term | undefined, visit: (path: string) => void): void {
  if (term === undefined || term.kind === "comprehension") return;
  if (term.kind === "ref") visit(pathText(term));
  if (term.kind === "call" && term.name !== "object.get") for (const arg of term.args) eachDemanded(arg, visit);
  if (term.kind === "array" || term.kind === "set") for (const item of term.items) eachDemanded(item, visit);
}

/** Text of a ref: its names, with `[…]` for a step that is no text. */
function pathText(term: Term & { readonly kind: "ref" }): string {
  const whole = functionName(term);
  if (whole !== undefined) return whole;
  const steps = term.path.map((step) => (step.kind === "value" ? String(step.value) : step.kind === "variable" ? `[${step.name}]` : "[…]"));
  return [term.head.kind === "variable" ? term.head.name : "…", ...steps].join(".");
}
