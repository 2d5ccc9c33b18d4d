import { Annotations } from "./annotations.ts";
import type { Builtin } from "./builtins/builtin.ts";
import { builtins } from "./builtins/index.ts";
import { callBuiltin } from "./call-code.ts";
import { type Exec, valuesOf } from "./code.ts";
import { constantOf } from "./collection-code.ts";
import type { Context } from "./context.ts";
import { Conflict, type DocumentBuilder } from "./document-builder.ts";
import { type Attempts, Generator } from "./generator.ts";
import type { ResolvedBranch, ResolvedRule } from "./ir.ts";
import { Plan } from "./plan.ts";
import { errorAt, type Position } from "./position.ts";
import { type Names, Resolver } from "./resolver.ts";
import { type GroupKind, type RuleCode, RuleGroup } from "./rule-group.ts";
import { RuleTree } from "./rule-tree.ts";
import type { Module } from "./syntax.ts";
import { matchArguments } from "./unify-code.ts";
import { equal, type RegoSet, type Value } from "./value.ts";

export type NewGenerator = (...args: ConstructorParameters<typeof Generator>) => Generator;

/** Rules of a cycle that an error names. */
const SHOWN_OF_A_CYCLE = 8;

/** The compiled modules of a policy: every rule's code, linked. */
export class Program implements Names {
  readonly tree = new RuleTree();
  /** functions that some `with` replaces */
  readonly mocked = new Set<string>();
  /** the text of each module by its name */
  readonly sources: ReadonlyMap<string, string>;
  readonly #functionNames = new Set<string>();
  readonly #functions = new Map<string, RuleGroup>();
  readonly #packages = new Map<string, Set<string>>();
  #groups = 0;
  #annotations: Annotations | undefined;
  readonly #attempts: Attempts = { count: 0 };

  readonly modules: readonly Module[];
  readonly #newGenerator: NewGenerator;

  /**
   * @param newGenerator  makes the generator of each branch; another one than the usual adds code of its own to every body
   * @throws CaiError `policy.compile-error`, `policy.limit-exceeded`
   */
  constructor(modules: readonly Module[], newGenerator: NewGenerator = (...args) => new Generator(...args)) {
    this.modules = modules;
    this.#newGenerator = newGenerator;
    this.sources = new Map(modules.map(({ name, text }) => [name, text]));
    for (const module of modules) this.#declare(module);
    const resolved = modules.flatMap((module) => {
      const resolver = new Resolver(module, this);
      return module.rules.map((rule) => resolver.rule(rule));
    });
    for (const rule of resolved) this.#group(rule);
    this.tree.checkConflicts();
    for (const rule of resolved) this.#compile(rule);
    this.#checkRecursion();
  }

  isRule(packagePath: readonly string[], name: string): boolean {
    return this.#packages.get(packagePath.join("\0"))?.has(name) ?? false;
  }

  isFunction(name: string): boolean {
    return this.#functionNames.has(name);
  }

  annotations(): Annotations {
    this.#annotations ??= new Annotations(this.modules);
    return this.#annotations;
  }

  isBuiltin(name: string): boolean {
    return Object.hasOwn(builtins, name);
  }

  noteMock(name: string): void {
    this.mocked.add(name);
  }

  /** Every function that a call may name; those of the policy in full and as its own package writes them. */
  *functionNames(): Iterable<string> {
    for (const name of this.#functionNames) {
      yield name;
      yield name.slice(name.lastIndexOf(".") + 1);
    }
    for (const name of Object.keys(builtins)) if (!name.startsWith("internal.")) yield name;
  }

  /** The names of a package's rules. */
  ruleNames(packagePath: readonly string[]): Iterable<string> {
    return this.#packages.get(packagePath.join("\0")) ?? [];
  }

  functionNamed(name: string): RuleGroup | undefined {
    return this.#functions.get(name);
  }

  builtinNamed(name: string): Builtin | undefined {
    return this.isBuiltin(name) ? builtins[name] : undefined;
  }

  /** @returns the number of arguments of a function that always takes the same number */
  arityOf(name: string): number | undefined {
    const group = this.#functions.get(name);
    if (group !== undefined) return group.arity;
    const [least, most] = this.builtinNamed(name)?.arity ?? [0, -1];
    return least === most ? least : undefined;
  }

  /** Calls a function that stands in for another one. */
  callByName(name: string, context: Context, args: readonly Value[], at: Position): Value | undefined {
    const group = this.#functions.get(name);
    if (group === undefined) return callBuiltin(name, this.builtinNamed(name)!, context, args, at);
    if (group.arity !== args.length) {
      throw errorAt("policy.eval-error", at, `${name} stands in for a function of ${args.length} arguments and takes ${group.arity}`);
    }
    return group.call(context, args);
  }

  #declare(module: Module): void {
    this.tree.at(module.package);
    const key = module.package.join("\0");
    const names = this.#packages.get(key) ?? new Set();
    this.#packages.set(key, names);
    for (const rule of module.rules) {
      names.add(rule.name);
      if (rule.args === undefined) continue;
      const steps = rule.path.map((step) => (step.kind === "value" && typeof step.value === "string" ? step.value : undefined));
      if (!steps.every((step) => step !== undefined)) {
        throw errorAt("policy.compile-error", rule.at, `function ${rule.name}: expected a path of constant names`);
      }
      this.#functionNames.add(["data", ...module.package, rule.name, ...steps].join("."));
    }
  }

  #group(rule: ResolvedRule): RuleGroup {
    const tree = this.tree.at(rule.path);
    const kind = kindOf(rule);
    const arity = rule.args?.length ?? 0;
    tree.group ??= new RuleGroup(rule.path, kind, rule.at, arity, this.#groups++);
    const { group } = tree;
    if (group.kind !== kind || group.arity !== arity) {
      const what = group.kind === kind ? "different numbers of arguments" : `different kinds (${group.kind} and ${kind})`;
      throw errorAt("policy.compile-error", rule.at, `conflict: the rules of ${group.name} are of ${what}`);
    }
    if (kind === "function") this.#functions.set(group.name, group);
    return group;
  }

  #compile(rule: ResolvedRule): void {
    const group = this.tree.find(rule.path)!.group!;
    const branches = rule.branches.map((branch) => this.#branch(rule, branch, group));
    const constants = rule.branches.map(({ value }) => constantOf(value));
    const [constant] = constants;
    const isConstant = constant !== undefined && constants.every((other) => other !== undefined && equal(other, constant));
    const code: RuleCode = { at: rule.at, size: rule.layout.size, branches, constant: isConstant ? constant : undefined, source: rule };
    if (!rule.isDefault) group.rules.push(code);
    else if (group.fallback === undefined) group.fallback = code;
    else throw errorAt("policy.compile-error", rule.at, `conflict: ${group.name} has two defaults`);
  }

  #branch(rule: ResolvedRule, branch: ResolvedBranch, group: RuleGroup): Exec {
    const generator = this.#newGenerator(this, rule.layout, group, this.#attempts);
    const plan = new Plan();
    matchArguments(generator, rule, plan);
    const isComplete = group.kind === "complete" || group.kind === "function";
    const head = [...branch.keys, branch.element ?? branch.value];
    const finish = (inner: Plan) => (isComplete ? completeCode(generator, branch, inner) : partialCode(generator, branch, inner));
    return generator.body(branch.body, plan, branch.at, finish, head);
  }

  /** @throws CaiError `policy.compile-error` where a rule reads itself, by whatever way */
  #checkRecursion(): void {
    const done = new Set<RuleGroup | RuleTree>();
    const path = new Set<RuleGroup | RuleTree>();
    const visit = (reader: RuleGroup | RuleTree): void => {
      if (done.has(reader)) return;
      if (path.has(reader)) {
        const members = [...path].slice([...path].indexOf(reader));
        const at = members.find((one) => one instanceof RuleGroup)!.at;
        const cycle = [...members.slice(0, SHOWN_OF_A_CYCLE), reader].map(({ name }) => name);
        if (members.length > SHOWN_OF_A_CYCLE) cycle.splice(SHOWN_OF_A_CYCLE, 0, `(${members.length - SHOWN_OF_A_CYCLE} more)`);
        throw errorAt("policy.compile-error", at, `rule ${reader.name} is recursive: ${cycle.join(" -> ")}`);
      }
      path.add(reader);
      for (const part of reader.dependencies) visit(part);
      path.delete(reader);
      done.add(reader);
    };
    for (const group of this.tree.groups()) visit(group);
  }
}

function kindOf({ args, branches }: ResolvedRule): GroupKind {
  if (args !== undefined) return "function";
  const { keys, element } = branches[0]!;
  if (keys.length > 0) return "document";
  return element === undefined ? "complete" : "set";
}

/** Gives the frame's result a value; a second, different one is a conflict. */
function completeCode(generator: Generator, branch: ResolvedBranch, plan: Plan): Exec | null {
  const constant = constantOf(branch.value);
  if (constant !== undefined) {
    return (_, frame) => {
      frame[0] = constant;
      return true;
    };
  }
  const value = generator.value(branch.value, plan);
  if (value === null) return null;
  return (context, frame) => {
    const result = value(context, frame);
    if (result === undefined) return false;
    if (frame[0] === undefined) frame[0] = result;
    else if (!equal(frame[0] as Value, result)) throw new Conflict();
    return false;
  };
}

/** Adds to the set or document that stands in the frame. */
function partialCode(generator: Generator, branch: ResolvedBranch, plan: Plan): Exec | null {
  const keys = generator.values(branch.keys, plan);
  const value = keys && generator.value(branch.element ?? branch.value, plan);
  if (keys === null || value === null) return null;
  const isElement = branch.element !== undefined;
  return (context, frame) => {
    const path = valuesOf(keys, context, frame);
    if (path === undefined) return false;
    const result = value(context, frame);
    if (result === undefined) return false;
    context.run.tick();
    if (keys.length === 0) (frame[0] as RegoSet).add(result);
    else if (isElement) (frame[0] as DocumentBuilder).addTo(path, result);
    else (frame[0] as DocumentBuilder).put(path, result);
    return false;
  };
}
