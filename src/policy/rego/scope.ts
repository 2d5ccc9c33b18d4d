import type { Layout, Local } from "./ir.ts";
import { errorAt, type Position } from "./position.ts";
import type { Literal, Term } from "./syntax.ts";

/** The variables of one body, inside those of the bodies around it. */
export class Scope {
  readonly depth: number;
  readonly layout: Layout;
  readonly #parent: Scope | undefined;
  readonly #locals = new Map<string, Local>();
  readonly #pending = new Set<string>();

  constructor(layout: Layout, parent?: Scope) {
    this.layout = layout;
    this.#parent = parent;
    this.depth = parent === undefined ? 0 : parent.depth + 1;
  }

  declare(name: string): Local {
    const local = { name, slot: this.layout.allocate(), depth: this.depth };
    if (name !== "_") this.#locals.set(name, local);
    this.#pending.delete(name);
    return local;
  }

  /** Declares by `:=` or `some`, which a body may do once for each name. */
  declareOnce(name: string, at: Position): Local {
    if (this.#locals.has(name)) throw errorAt("policy.compile-error", at, `variable ${name} is declared or used above`);
    return this.declare(name);
  }

  /** Marks a name as declared further down. */
  announce(name: string): void {
    if (!this.#locals.has(name)) this.#pending.add(name);
  }

  isAnnounced(name: string): boolean {
    return this.#pending.has(name);
  }

  has(name: string): boolean {
    return this.#locals.has(name) || (this.#parent?.has(name) ?? false);
  }

  find(name: string, at: Position): Local | undefined {
    const local = this.#locals.get(name);
    if (local !== undefined) return local;
    if (this.#pending.has(name)) throw errorAt("policy.compile-error", at, `variable ${name} is used above its declaration`);
    return this.#parent?.find(name, at);
  }
}

/** Calls `visit` with each variable name that a term uses outside its comprehensions. */
export function eachName(term: Term | undefined, visit: (name: string) => void): void {
  if (term === undefined) return;
  const inner = (child: Term) => eachName(child, visit);
  switch (term.kind) {
    case "variable":
      visit(term.name);
      break;
    case "ref":
      inner(term.head);
      term.path.forEach(inner);
      break;
    case "call":
      term.args.forEach(inner);
      break;
    case "array":
    case "set":
      term.items.forEach(inner);
      break;
    case "object":
      for (const entry of term.entries) entry.forEach(inner);
      break;
    case "template":
      for (const part of term.parts) if (typeof part !== "string") inner(part);
      break;
  }
}

/** Calls `visit` with each variable name that a statement uses outside its closures. */
export function eachNameOf(literal: Literal, visit: (name: string) => void): void {
  for (const { value } of literal.with) eachName(value, visit);
  switch (literal.kind) {
    case "expression":
      eachName(literal.term, visit);
      break;
    case "assign":
    case "unify":
      eachName(literal.left, visit);
      eachName(literal.right, visit);
      break;
    case "not":
      eachNameOf(literal.literal, visit);
      break;
    case "some-in":
      eachName(literal.key, visit);
      eachName(literal.value, visit);
      eachName(literal.domain, visit);
      break;
    case "every":
      eachName(literal.domain, visit);
      break;
  }
}

/** Calls `visit` with each variable that a pattern may bind: itself, array items, object values. */
export function eachPatternName(term: Term | undefined, visit: (name: string, at: Position) => void): void {
  if (term === undefined) return;
  if (term.kind === "variable") visit(term.name, term.at);
  else if (term.kind === "array") for (const item of term.items) eachPatternName(item, visit);
  else if (term.kind === "object") for (const [, value] of term.entries) eachPatternName(value, visit);
}
