import type { Literal, Rule, Term } from "../rego/syntax.ts";

/** Calls `visit` with a term and every term inside it, the statements of comprehensions included, outer ones first. */
export function eachTerm(term: Term | undefined, visit: (term: Term) => void): void {
  if (term === undefined) return;
  visit(term);
  for (const child of childrenOf(term)) eachTerm(child, visit);
  if (term.kind === "comprehension") for (const literal of term.body) eachTermOf(literal, visit);
}

/** The terms that a term is made of, except the statements of a comprehension. */
function childrenOf(term: Term): readonly (Term | undefined)[] {
  switch (term.kind) {
    case "ref":
      return [term.head, ...term.path];
    case "call":
      return term.args;
    case "array":
    case "set":
      return term.items;
    case "object":
      return term.entries.flat();
    case "comprehension":
      return [term.key, term.value];
    case "template":
      return term.parts.filter((part) => typeof part !== "string");
    default:
      return [];
  }
}

/** The terms of a statement, except those of the statements inside it. */
export function termsOf(literal: Literal): readonly (Term | undefined)[] {
  const replaced = literal.with.flatMap(({ target, value }) => [target, value]);
  switch (literal.kind) {
    case "expression":
      return [literal.term, ...replaced];
    case "assign":
    case "unify":
      return [literal.left, literal.right, ...replaced];
    case "some-in":
    case "every":
      return [literal.key, literal.value, literal.domain, ...replaced];
    default:
      return replaced;
  }
}

/** Calls `visit` with every term of a statement and of the statements inside it. */
export function eachTermOf(literal: Literal, visit: (term: Term) => void): void {
  for (const term of termsOf(literal)) eachTerm(term, visit);
  if (literal.kind === "not") eachTermOf(literal.literal, visit);
  if (literal.kind === "every") for (const inner of literal.body) eachTermOf(inner, visit);
}

/** Calls `visit` with every term of a rule: head, values and bodies. */
export function eachTermOfRule(rule: Rule, visit: (term: Term) => void): void {
  for (const term of [...rule.path, ...(rule.args ?? []), rule.element]) eachTerm(term, visit);
  for (const branch of rule.branches) {
    eachTerm(branch.value, visit);
    for (const literal of branch.body) eachTermOf(literal, visit);
  }
}

/** Calls `visit` with each body of a rule, those of closures included, and says whether it collects (a comprehension) or tests. */
export function eachBody(rule: Rule, visit: (body: readonly Literal[], collects: boolean) => void): void {
  const inside = (body: readonly Literal[], collects: boolean) => {
    visit(body, collects);
    for (const literal of body) closures(literal);
  };
  const closures = (literal: Literal) => {
    for (const term of termsOf(literal)) closuresOf(term);
    if (literal.kind === "not") closures(literal.literal);
    if (literal.kind === "every") inside(literal.body, false);
  };
  const closuresOf = (term: Term | undefined) => {
    eachTerm(term, (one) => one.kind === "comprehension" && visit(one.body, true));
  };
  for (const branch of rule.branches) {
    closuresOf(branch.value);
    inside(branch.body, rule.element !== undefined || rule.path.length > 0);
  }
}
