import type { Annotations } from "./annotations.ts";
import { unavailableReason } from "./builtins/unavailable.ts";
import { Layout, type Local, type Node, type Override, type ResolvedBranch, type ResolvedRule, type Statement } from "./ir.ts";
import { meant, unknownFunction } from "./names.ts";
import { errorAt, type Position } from "./position.ts";
import { eachName, eachNameOf, eachPatternName, Scope } from "./scope.ts";
import type { Branch, Literal, Module, Rule, Term, With } from "./syntax.ts";
import { functionName } from "./term-parser.ts";

const METADATA: readonly string[] = ["rego.metadata.rule", "rego.metadata.chain"];

/** What names mean across modules. */
export interface Names {
  /** true where a rule of that package has this name */
  isRule(packagePath: readonly string[], name: string): boolean;
  /** true where `data.…` names a function of the policy */
  isFunction(name: string): boolean;
  isBuiltin(name: string): boolean;
  /** every function that a call may name */
  functionNames(): Iterable<string>;
  /** the names of a package's rules */
  ruleNames(packagePath: readonly string[]): Iterable<string>;
  /** told of each function that a `with` replaces */
  noteMock(name: string): void;
  /** the policy's metadata; read when it is first asked for, since comments that nobody asks for may say anything */
  annotations(): Annotations;
}

/** Resolves the names of one module's rules: variables, rules of the package, imports, `input` and `data`, functions. */
export class Resolver {
  readonly #package: readonly string[];
  readonly #imports: ReadonlyMap<string, readonly string[]>;
  readonly #names: Names;
  /** what a name that is no variable may mean here */
  readonly #globals: readonly string[];
  /** the rule that is being resolved; undefined in a query */
  #rule: Rule | undefined;
  /** the closures that are being resolved, outermost first */
  readonly #closures: { readonly depth: number; readonly free: Set<Local> }[] = [];

  constructor(module: Pick<Module, "package" | "imports">, names: Names) {
    this.#package = module.package;
    this.#names = names;
    const paths = module.imports.filter(({ path }) => path[0] === "data" || path[0] === "input");
    this.#imports = new Map(paths.map(({ alias, path }) => [alias, path]));
    this.#globals = [...names.ruleNames(module.package), ...this.#imports.keys(), "input", "data"];
  }

  rule(rule: Rule): ResolvedRule {
    this.#rule = rule;
    const layout = new Layout(this.#globals);
    const args = new Scope(layout);
    // Slots 1 to n are the arguments' own; see the code of functions.
    for (const _ of rule.args ?? []) layout.allocate();
    for (const arg of rule.args ?? []) {
      eachPatternName(arg, (name) => {
        if (name !== "_" && !args.has(name)) args.declare(name);
      });
    }
    const firstDynamic = rule.path.findIndex((step) => step.kind !== "value" || typeof step.value !== "string");
    const constant = firstDynamic < 0 ? rule.path.length : firstDynamic;
    const steps = rule.path.slice(0, constant).map((step) => (step as { readonly value: string }).value);
    const resolvedArgs = rule.args?.map((arg) => this.#term(arg, args));
    return {
      at: rule.at,
      path: [...this.#package, rule.name, ...steps],
      args: resolvedArgs,
      isDefault: rule.isDefault,
      branches: rule.branches.map((branch) => this.#branch(branch, rule, rule.path.slice(constant), args)),
      layout,
    };
  }

  /** Resolves a query; its variables are those of the returned scope. */
  query(body: readonly Literal[], layout: Layout): { readonly body: Statement[]; readonly named: Local[] } {
    const scope = new Scope(layout);
    const names = new Set<string>();
    for (const literal of body) {
      eachNameOf(literal, (name) => names.add(name));
      if (literal.kind === "some") for (const name of literal.names) names.add(name);
    }
    const statements = this.#body(body, scope, []);
    const named = [...names].filter((name) => name !== "_" && scope.has(name)).map((name) => scope.find(name, body[0]!.at)!);
    return { body: statements, named };
  }

  #branch(branch: Branch, rule: Rule, keys: readonly Term[], args: Scope): ResolvedBranch {
    const scope = new Scope(args.layout, args);
    const head = [...keys, rule.element, branch.value];
    const body = this.#body(branch.body, scope, head);
    return {
      at: branch.at,
      keys: keys.map((key) => this.#term(key, scope)),
      element: rule.element && this.#term(rule.element, scope),
      value: branch.value === undefined ? { kind: "value", value: true, at: branch.at } : this.#term(branch.value, scope),
      body,
    };
  }

  /** Resolves a body in its own scope; `head` are the terms outside the braces that share its variables. */
  #body(body: readonly Literal[], scope: Scope, head: readonly (Term | undefined)[]): Statement[] {
    for (const literal of body) {
      if (literal.kind === "some") for (const name of literal.names) scope.announce(name);
      if (literal.kind === "assign") eachPatternName(literal.left, (name) => name !== "_" && scope.announce(name));
      if (literal.kind === "some-in") this.#eachNew(literal, (name) => scope.announce(name));
    }
    const implicit = (name: string) => {
      if (name === "_" || scope.has(name) || scope.isAnnounced(name) || this.#global(name) !== undefined) return;
      scope.declare(name);
    };
    for (const literal of body) eachNameOf(literal, implicit);
    for (const term of head) eachName(term, implicit);
    return body.flatMap((literal) => (literal.kind === "some" ? this.#some(literal, scope) : [this.#literal(literal, scope)]));
  }

  #some(literal: Literal & { readonly kind: "some" }, scope: Scope): [] {
    for (const name of literal.names) if (name !== "_") scope.declareOnce(name, literal.at);
    return [];
  }

  /** `some x in xs` declares each variable of its patterns. */
  #eachNew(literal: Literal & { readonly kind: "some-in" | "every" }, visit: (name: string) => void): void {
    const one = (name: string) => name !== "_" && visit(name);
    eachPatternName(literal.key, one);
    eachPatternName(literal.value, one);
  }

  #literal(literal: Literal, scope: Scope): Statement {
    const { at } = literal;
    const overrides = literal.with.map((one) => this.#override(one, scope));
    const base = { at, overrides };
    switch (literal.kind) {
      case "expression":
        return { ...base, kind: "expression", term: this.#term(literal.term, scope) };
      case "unify":
        return { ...base, kind: "unify", left: this.#term(literal.left, scope), right: this.#term(literal.right, scope) };
      case "assign": {
        const right = this.#term(literal.right, scope);
        if (literal.left.kind !== "variable" && literal.left.kind !== "array" && literal.left.kind !== "object") {
          throw errorAt("policy.compile-error", literal.left.at, "expected a variable, array or object on the left of :=");
        }
        eachPatternName(literal.left, (name, place) => name !== "_" && scope.declareOnce(name, place));
        return { ...base, kind: "unify", left: this.#term(literal.left, scope), right };
      }
      case "not":
        return { ...base, kind: "not", statement: this.#literal(literal.literal, scope) };
      case "some-in": {
        const domain = this.#term(literal.domain, scope);
        this.#eachNew(literal, (name) => scope.declareOnce(name, at));
        const key = literal.key && this.#term(literal.key, scope);
        return { ...base, kind: "some-in", key, value: this.#term(literal.value, scope), domain };
      }
      case "every": {
        const domain = this.#term(literal.domain, scope);
        const inner = new Scope(scope.layout, scope);
        const free = new Set<Local>();
        this.#closures.push({ depth: inner.depth, free });
        this.#eachNew(literal, (name) => inner.declareOnce(name, at));
        const key = literal.key && this.#term(literal.key, inner);
        const value = this.#term(literal.value, inner);
        const body = this.#body(literal.body, inner, []);
        this.#closures.pop();
        return { ...base, kind: "every", key, value, domain, body, free };
      }
      case "some":
        throw errorAt("policy.compile-error", at, "expected an expression, got a declaration");
    }
  }

  #term(term: Term, scope: Scope): Node {
    const { at } = term;
    const inner = (child: Term) => this.#term(child, scope);
    switch (term.kind) {
      case "value":
        return term;
      case "variable":
        return this.#variable(term.name, term, scope);
      case "ref": {
        const head = inner(term.head);
        const path = term.path.map(inner);
        // A rule or import is a ref already, which the path goes on.
        return head.kind === "ref" ? { ...head, path: [...head.path, ...path] } : { kind: "ref", root: head, path, at };
      }
      case "call":
        if (METADATA.includes(this.#callee(term.name)) && this.#rule !== undefined) return this.#metadata(term, this.#rule);
        return { kind: "call", name: this.#known(this.#callee(term.name), at), args: term.args.map(inner), at };
      case "array":
      case "set":
        return { kind: term.kind, items: term.items.map(inner), at };
      case "object":
        return { kind: "object", entries: term.entries.map(([key, value]) => [inner(key), inner(value)] as const), at };
      case "template":
        return { kind: "template", parts: term.parts.map((part) => (typeof part === "string" ? part : inner(part))), at };
      case "comprehension": {
        const closure = new Scope(scope.layout, scope);
        const free = new Set<Local>();
        this.#closures.push({ depth: closure.depth, free });
        const body = this.#body(term.body, closure, [term.key, term.value]);
        const key = term.key && this.#term(term.key, closure);
        const value = this.#term(term.value, closure);
        this.#closures.pop();
        return { kind: "comprehension", of: term.of, key, value, body, free, at };
      }
    }
  }

  #variable(name: string, term: Term, scope: Scope): Node {
    const { at } = term;
    const local = name === "_" ? scope.declare("_") : scope.find(name, at);
    if (local !== undefined) {
      for (const { depth, free } of this.#closures) if (local.depth < depth) free.add(local);
      return { kind: "local", local, at };
    }
    const path = this.#global(name);
    if (path === undefined) {
      throw errorAt("policy.compile-error", at, `variable ${name} is unsafe: nothing gives it a value`, meant(name, this.#globals));
    }
    const [root, ...steps] = path;
    return { kind: "ref", root: root as "data" | "input", path: steps.map((value) => ({ kind: "value", value, at })), at };
  }

  /** The path that a name stands for where it is no variable. */
  #global(name: string): readonly string[] | undefined {
    if (this.#names.isRule(this.#package, name)) return ["data", ...this.#package, name];
    const imported = this.#imports.get(name);
    if (imported !== undefined) return imported;
    return name === "data" || name === "input" ? [name] : undefined;
  }

  #callee(name: string): string {
    const [first, ...rest] = name.split(".");
    const path = this.#global(first!);
    const full = path === undefined ? name : [...path, ...rest].join(".");
    return this.#names.isFunction(full) ? full : this.#names.isBuiltin(name) ? name : full;
  }

  /** What stands above a rule is known when it is compiled. */
  #metadata({ name, args, at }: Term & { readonly kind: "call" }, rule: Rule): Node {
    if (args.length > 0) throw errorAt("policy.compile-error", at, `${name} takes 0 arguments, got ${args.length}`);
    const annotations = this.#names.annotations();
    const value = name === METADATA[0] ? annotations.rule(rule) : annotations.chain(rule, this.#package);
    return { kind: "value", value, at };
  }

  /** @throws PolicyError where nothing has this name */
  #known(name: string, at: Position): string {
    if (this.#names.isFunction(name) || this.#names.isBuiltin(name)) return name;
    throw unknownFunction(name, this.#names.functionNames(), at);
  }

  #override({ target, value }: With, scope: Scope): Override {
    const { at } = target;
    const name = functionName(target);
    if (name !== undefined) {
      const callee = this.#callee(name);
      if (this.#names.isFunction(callee) || this.#names.isBuiltin(callee)) {
        this.#names.noteMock(callee);
        const replacement = functionName(value);
        const by = replacement === undefined ? undefined : this.#callee(replacement);
        if (by !== undefined && unavailableReason(by) !== undefined && !this.#names.isBuiltin(by)) throw unknownFunction(by, [], value.at);
        const isCallee = by !== undefined && (this.#names.isFunction(by) || this.#names.isBuiltin(by));
        const overridden = { kind: "function", name: callee } as const;
        if (isCallee) return { at, target: overridden, callee: by, value: undefined };
        return { at, target: overridden, callee: undefined, value: this.#term(value, scope) };
      }
      if (unavailableReason(callee) !== undefined) throw unknownFunction(callee, [], at);
    }
    const node = this.#term(target, scope);
    const path = node.kind === "ref" ? node.path.map((step) => (step.kind === "value" ? step.value : undefined)) : [undefined];
    if (node.kind !== "ref" || typeof node.root !== "string" || !path.every((step) => typeof step === "string")) {
      throw errorAt("policy.compile-error", at, "expected input, data or a function after with");
    }
    return { at, target: { kind: node.root, path: path as string[] }, callee: undefined, value: this.#term(value, scope) };
  }
}
