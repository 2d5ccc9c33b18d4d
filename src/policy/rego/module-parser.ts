import { tokenize } from "./lexer.ts";
import { errorAt, type Position } from "./position.ts";
import type { Branch, Import, Literal, Module, Rule, Term } from "./syntax.ts";
import { functionName, TermParser } from "./term-parser.ts";

/**
 * Parses one module; v0 and v1 syntax alike.
 *
 * @throws CaiError `policy.parse-error` with line and column
 */
export function parseModule(name: string, text: string): Module {
  return new ModuleParser(tokenize(name, text)).module(name, text);
}

/** Parses a query: the statements of one body. */
export function parseQuery(text: string): Literal[] {
  return new ModuleParser(tokenize("query", text)).query();
}

interface Head {
  readonly at: Position;
  readonly name: string;
  readonly path: readonly Term[];
  readonly args: readonly Term[] | undefined;
  readonly element: Term | undefined;
  readonly value: Term | undefined;
}

class ModuleParser extends TermParser {
  module(name: string, text: string): Module {
    const { at } = this.peek();
    if (!this.skipWord("package")) this.fail("package");
    const path = this.#packagePath();
    const imports: Import[] = [];
    const rules: Rule[] = [];
    while (this.peek().kind !== "end") {
      if (this.skipSymbol(";")) continue;
      if (this.isWord("import") && this.peek(1).kind === "identifier") imports.push(this.#import());
      else this.#rule(rules);
    }
    return { name, at, package: path, imports, rules, text, dialect: this.dialect };
  }

  query(): Literal[] {
    const body: Literal[] = [];
    while (this.peek().kind !== "end") {
      if (this.skipSymbol(";")) continue;
      body.push(this.literal());
      if (this.peek().kind !== "end" && !this.isSymbol(";") && !this.peek().newline) this.fail("; or a line end");
    }
    if (body.length === 0) this.fail("a query");
    return body;
  }

  #packagePath(): string[] {
    const path = functionName(this.term());
    if (path === undefined) this.fail("a package path of names");
    return path.split(".");
  }

  #import(): Import {
    const at = this.take().at;
    const path = this.#packagePath();
    const alias = this.skipWord("as") ? this.expectIdentifier("a name after as") : path.at(-1)!;
    if (!["data", "input", "rego", "future"].includes(path[0]!)) {
      throw errorAt("policy.parse-error", at, `expected an import of data, input, rego or future, got ${path[0]}`);
    }
    return { at, path, alias };
  }

  #rule(rules: Rule[]): void {
    const isDefault = this.isWord("default") && this.peek(1).kind === "identifier";
    if (isDefault) this.take();
    const head = this.#head();
    const start = { at: head.at, name: head.name, path: head.path, args: head.args, element: head.element, isDefault };
    if (isDefault) {
      if (head.value === undefined) this.fail(":= and a value");
      rules.push({ ...start, branches: [{ at: head.at, value: head.value, body: [] }] });
      return;
    }
    const hasIf = this.skipWord("if");
    if (!hasIf && !this.isSymbol("{")) {
      if (head.value === undefined && head.element === undefined && head.args === undefined && head.path.length === 0) {
        this.fail(":=, if, contains or {");
      }
      rules.push({ ...this.#partialSet(start, head, hasIf), branches: [{ at: head.at, value: head.value, body: [] }, ...this.#elses()] });
      return;
    }
    const body = this.#body(hasIf);
    const rule = this.#partialSet(start, head, hasIf);
    rules.push({ ...rule, branches: [{ at: head.at, value: head.value, body }, ...this.#elses()] });
    // v0: further bodies of the same head.
    while (this.isSymbol("{")) {
      const at = this.peek().at;
      rules.push({ ...rule, at, branches: [{ at, value: head.value, body: this.#body(false) }] });
    }
  }

  /** v0: `p[x] { … }` and `p[x]` are sets; with `if` or a value the bracket is part of the path. */
  #partialSet(rule: Omit<Rule, "branches">, head: Head, hasIf: boolean): Omit<Rule, "branches"> {
    const last = head.path[0];
    const isSet = !hasIf && head.path.length === 1 && head.value === undefined && head.element === undefined && head.args === undefined;
    if (!isSet || last === undefined || this.#dotted.has(last)) return rule;
    this.dialect.push({ at: rule.at, kind: "set-without-contains" });
    return { ...rule, path: [], element: last };
  }

  /** The path terms of heads that were written with a dot. */
  readonly #dotted = new WeakSet<Term>();

  #head(): Head {
    const at = this.peek().at;
    const name = this.expectIdentifier("a rule");
    const path: Term[] = [];
    for (;;) {
      const token = this.peek();
      if (token.spaced) break;
      if (this.skipSymbol(".")) {
        const { at } = this.peek();
        const step: Term = { kind: "value", value: this.expectIdentifier("a name after ."), at };
        this.#dotted.add(step);
        path.push(step);
      } else if (this.skipSymbol("[")) {
        path.push(this.term());
        this.expectSymbol("]");
      } else break;
    }
    const isFunction = this.isSymbol("(") && !this.peek().spaced;
    if (isFunction) this.take();
    const args = isFunction ? this.list(")") : undefined;
    const element = this.skipWord("contains") ? this.term() : undefined;
    const value = this.#value();
    if (element !== undefined && value !== undefined) {
      throw errorAt("policy.parse-error", at, "a rule with contains has no value");
    }
    return { at, name, path, args, element, value };
  }

  #value(): Term | undefined {
    return this.skipSymbol(":=") || this.skipSymbol("=") ? this.term() : undefined;
  }

  #body(hasIf: boolean): Literal[] {
    const { at } = this.peek();
    if (this.skipSymbol("{")) {
      if (!hasIf) this.dialect.push({ at, kind: "body-without-if" });
      return this.literals("}");
    }
    return hasIf ? [this.literal()] : this.fail("{");
  }

  #elses(): Branch[] {
    const branches: Branch[] = [];
    while (this.isWord("else")) {
      const at = this.take().at;
      const value = this.#value();
      const hasIf = this.skipWord("if");
      const hasBody = hasIf || this.isSymbol("{");
      if (!hasBody && value === undefined) this.fail(":=, if or {");
      branches.push({ at, value, body: hasBody ? this.#body(hasIf) : [] });
    }
    return branches;
  }
}
