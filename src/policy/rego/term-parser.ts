import type { Token } from "./lexer.ts";
import { subtract } from "./number.ts";
import { errorAt, type Position } from "./position.ts";
import type { Literal, Term, With } from "./syntax.ts";
import { TokenReader } from "./token-reader.ts";

/** Infix operators from loosest to tightest, with the built-in that each one calls. */
const OPERATORS: readonly { readonly [operator: string]: string }[] = [
  { in: "internal.member_2" },
  { "==": "equal", "!=": "neq", "<": "lt", "<=": "lte", ">": "gt", ">=": "gte" },
  { "|": "or" },
  { "&": "and" },
  { "+": "plus", "-": "minus" },
  { "*": "mul", "/": "div", "%": "rem" },
];
const RELATION = 1;
const INTERSECTION = 3;

const MAXIMUM_NESTING = 200;

/** Reads terms and bodies from tokens. */
export class TermParser extends TokenReader {
  #nesting = 0;

  /** Bounds recursion, so that nested brackets are an error and never a stack overflow. */
  #nested<T>(read: () => T): T {
    if (++this.#nesting > MAXIMUM_NESTING) {
      throw errorAt("policy.parse-error", this.peek().at, `nested too deeply, expected at most ${MAXIMUM_NESTING} levels`);
    }
    const result = read();
    this.#nesting--;
    return result;
  }

  /** A term with infix operators; `from` leaves out the looser ones. */
  term(from = 0): Term {
    return this.#nested(() => this.#infix(from));
  }

  #infix(level: number): Term {
    const operators = OPERATORS[level];
    if (operators === undefined) return this.#postfix();
    let left = this.#infix(level + 1);
    for (;;) {
      const token = this.peek();
      const operator = token.kind === "symbol" || (token.kind === "identifier" && this.isWord("in")) ? token.text : "";
      const name = Object.hasOwn(operators, operator) ? operators[operator] : undefined;
      if (name === undefined) return left;
      if (!this.skipWord("in")) this.take();
      left = { kind: "call", name, args: [left, this.#infix(level + 1)], at: token.at };
    }
  }

  #postfix(): Term {
    const at = this.peek().at;
    let term = this.#primary();
    let path: Term[] = [];
    const referred = (): Term => (path.length === 0 ? term : { kind: "ref", head: term, path, at });
    for (;;) {
      const token = this.peek();
      if (token.kind !== "symbol" || token.spaced) return referred();
      if (token.text === ".") {
        this.take();
        const name = this.peek();
        path.push({ kind: "value", value: this.expectIdentifier("a name after ."), at: name.at });
      } else if (token.text === "[") {
        this.take();
        path.push(this.term());
        this.expectSymbol("]");
      } else if (token.text === "(") {
        const name = functionName(referred());
        if (name === undefined) this.fail("an operator or a line end");
        this.take();
        term = { kind: "call", name, args: this.list(")"), at };
        path = [];
      } else return referred();
    }
  }

  #primary(): Term {
    const token = this.peek();
    const { at } = token;
    switch (token.kind) {
      case "number":
        this.take();
        return { kind: "value", value: token.value, at };
      case "string":
        this.take();
        return { kind: "value", value: token.text, at };
      case "template":
        this.take();
        return { kind: "template", parts: token.parts.map((part) => (typeof part === "string" ? part : this.#embedded(part))), at };
      case "identifier":
        if (this.skipWord("true")) return { kind: "value", value: true, at };
        if (this.skipWord("false")) return { kind: "value", value: false, at };
        if (this.skipWord("null")) return { kind: "value", value: null, at };
        this.take();
        if (token.text === "set" && this.isSymbol("(") && this.isSymbol(")", 1)) {
          this.take();
          this.take();
          return { kind: "set", items: [], at };
        }
        return { kind: "variable", name: token.text, at };
      case "symbol":
        if (token.text === "[") return this.#array();
        if (token.text === "{") return this.#braces();
        if (token.text === "(") return this.#parentheses();
        if (token.text === "-") return this.#negative();
    }
    return this.fail("a term");
  }

  /** A sign right before a number; between terms it is an operator. */
  #negative(): Term {
    const at = this.expectSymbol("-");
    const token = this.peek();
    if (token.kind !== "number" || token.spaced) return this.fail("a number after -");
    this.take();
    return { kind: "value", value: subtract(0, token.value), at };
  }

  #embedded(tokens: readonly Token[]): Term {
    const parser = new TermParser(tokens);
    parser.#nesting = this.#nesting;
    const term = parser.term();
    if (parser.peek().kind !== "end") parser.fail("} in the template string");
    this.dialect.push(...parser.dialect);
    return term;
  }

  #parentheses(): Term {
    const at = this.expectSymbol("(");
    const term = this.term();
    if (this.skipSymbol(",")) {
      const value = this.term(RELATION);
      if (!this.skipWord("in")) this.fail("in");
      const args = [term, value, this.term(RELATION)];
      this.expectSymbol(")");
      return { kind: "call", name: "internal.member_3", args, at };
    }
    this.expectSymbol(")");
    return term;
  }

  #array(): Term {
    const at = this.expectSymbol("[");
    if (this.skipSymbol("]")) return { kind: "array", items: [], at };
    const first = this.term(INTERSECTION);
    if (this.skipSymbol("|")) return this.#comprehension("array", undefined, first, "]", at);
    return { kind: "array", items: this.list("]", this.#continue(first)), at };
  }

  #braces(): Term {
    const at = this.expectSymbol("{");
    if (this.skipSymbol("}")) return { kind: "object", entries: [], at };
    const first = this.term(INTERSECTION);
    if (this.skipSymbol("|")) return this.#comprehension("set", undefined, first, "}", at);
    if (!this.isSymbol(":")) return { kind: "set", items: this.list("}", this.#continue(first)), at };
    this.take();
    const value = this.term(INTERSECTION);
    if (this.skipSymbol("|")) return this.#comprehension("object", first, value, "}", at);
    const entries: [Term, Term][] = [[first, this.#continue(value)]];
    while (!this.skipSymbol("}")) {
      if (!this.skipSymbol(",")) this.fail(", or }");
      if (this.skipSymbol("}")) break;
      const key = this.term();
      this.expectSymbol(":");
      entries.push([key, this.term()]);
    }
    return { kind: "object", entries, at };
  }

  /** Goes on with the looser operators after a first item that was read without them to find a comprehension's bar. */
  #continue(first: Term): Term {
    let left = first;
    for (;;) {
      const token = this.peek();
      const operator = token.kind === "symbol" || (token.kind === "identifier" && this.isWord("in")) ? token.text : "";
      const level = OPERATORS.findIndex((operators, i) => i < INTERSECTION && Object.hasOwn(operators, operator));
      if (level < 0) return left;
      if (!this.skipWord("in")) this.take();
      left = { kind: "call", name: OPERATORS[level]![operator]!, args: [left, this.#infix(level + 1)], at: token.at };
    }
  }

  #comprehension(of: "array" | "set" | "object", key: Term | undefined, value: Term, close: string, at: Position): Term {
    return { kind: "comprehension", of, key, value, body: this.literals(close), at };
  }

  /** Terms up to `close`, which is taken; `first` was read already. */
  protected list(close: string, first?: Term): Term[] {
    const items = first === undefined ? [] : [first];
    if (first === undefined && !this.isSymbol(close)) items.push(this.term());
    while (!this.skipSymbol(close)) {
      if (!this.skipSymbol(",")) this.fail(`, or ${close}`);
      if (this.skipSymbol(close)) break;
      items.push(this.term());
    }
    return items;
  }

  /** The statements of a body up to `close`, which is taken. */
  literals(close: string): Literal[] {
    const body: Literal[] = [];
    do {
      while (this.skipSymbol(";"));
      if (body.length > 0 && this.isSymbol(close)) break;
      body.push(this.literal());
    } while (this.isSymbol(";") || (!this.isSymbol(close) && this.peek().newline));
    this.expectSymbol(close);
    return body;
  }

  literal(): Literal {
    return this.#nested(() => this.#literal());
  }

  #literal(): Literal {
    const at = this.peek().at;
    if (this.isWord("not") && !this.#isVariable()) {
      this.take();
      const literal = this.literal();
      return { kind: "not", literal: { ...literal, with: [] }, with: literal.with, at };
    }
    if (this.isWord("some") && !this.#isVariable()) return this.#some();
    if (this.isWord("every") && !this.#isVariable() && !this.isSymbol("(", 1)) return this.#every();
    const left = this.term();
    if (this.skipSymbol(":=")) return { kind: "assign", left, right: this.term(), with: this.#withs(), at };
    if (this.skipSymbol("=")) return { kind: "unify", left, right: this.term(), with: this.#withs(), at };
    if (this.skipSymbol(",")) {
      const value = this.term(RELATION);
      if (!this.skipWord("in")) this.fail("in");
      const term: Term = { kind: "call", name: "internal.member_3", args: [left, value, this.term(RELATION)], at };
      return { kind: "expression", term, with: this.#withs(), at };
    }
    return { kind: "expression", term: left, with: this.#withs(), at };
  }

  /** True where the word at hand is used as a variable: an operator follows it. */
  #isVariable(): boolean {
    const token = this.peek(1);
    return token.kind === "end" || (token.kind === "symbol" && !["(", "[", "{", "-"].includes(token.text));
  }

  #some(): Literal {
    const at = this.take().at;
    const terms = [this.term(RELATION)];
    while (this.skipSymbol(",")) terms.push(this.term(RELATION));
    if (this.skipWord("in")) {
      if (terms.length > 2) this.fail("one or two terms before in");
      const value = terms.pop()!;
      const domain = this.term(RELATION);
      return { kind: "some-in", key: terms[0], value, domain, with: this.#withs(), at };
    }
    const names = terms.map((term) => {
      if (term.kind !== "variable") throw errorAt("policy.parse-error", term.at, "expected a variable after some");
      return term.name;
    });
    return { kind: "some", names, with: [], at };
  }

  #every(): Literal {
    const { at } = this.peek();
    this.skipWord("every");
    const first = this.term(RELATION);
    const second = this.skipSymbol(",") ? this.term(RELATION) : undefined;
    if (!this.skipWord("in")) this.fail("in");
    const domain = this.term();
    this.expectSymbol("{");
    const body = this.literals("}");
    const [key, value] = second === undefined ? [undefined, first] : [first, second];
    return { kind: "every", key, value, domain, body, with: this.#withs(), at };
  }

  #withs(): With[] {
    const withs: With[] = [];
    while (this.skipWord("with")) {
      const target = this.#postfix();
      if (!this.skipWord("as")) this.fail("as");
      withs.push({ target, value: this.term() });
    }
    return withs;
  }
}

/** @returns the dotted name of a variable or of a ref through names only */
export function functionName(term: Term): string | undefined {
  if (term.kind === "variable") return term.name;
  if (term.kind !== "ref" || term.head.kind !== "variable") return undefined;
  const parts = [term.head.name];
  for (const step of term.path) {
    if (step.kind !== "value" || typeof step.value !== "string") return undefined;
    parts.push(step.value);
  }
  return parts.join(".");
}
