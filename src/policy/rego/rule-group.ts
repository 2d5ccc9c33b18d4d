import type { Exec } from "./code.ts";
import { ABSENT, type Context, type Frame } from "./context.ts";
import { Conflict, DocumentBuilder } from "./document-builder.ts";
import type { ResolvedRule } from "./ir.ts";
import { errorAt, type Position } from "./position.ts";
import type { RuleTree } from "./rule-tree.ts";
import { equal, RegoSet, type Value } from "./value.ts";

/** One rule's code: its branches are tried in order until one has a value. */
export interface RuleCode {
  readonly at: Position;
  /** slots of the frame */
  readonly size: number;
  readonly branches: readonly Exec[];
  /** the value of every branch where it is one constant; undefined otherwise */
  readonly constant: Value | undefined;
  readonly source: ResolvedRule;
}

export type GroupKind = "complete" | "function" | "set" | "document";

/**
 * All rules of one constant path below `data`: a complete rule, a function, a partial set, or a partial document (objects, and what has
 * variables in its path).
 */
export class RuleGroup {
  readonly path: readonly string[];
  readonly kind: GroupKind;
  readonly at: Position;
  /** number of arguments of a function */
  readonly arity: number;
  /** its place in the caches of contexts */
  readonly index: number;
  /** rules, and packages with all their rules, that its code reads */
  readonly dependencies = new Set<RuleGroup | RuleTree>();
  readonly rules: RuleCode[] = [];
  fallback: RuleCode | undefined;
  #uniform: boolean | undefined;

  constructor(path: readonly string[], kind: GroupKind, at: Position, arity: number, index: number) {
    this.path = path;
    this.kind = kind;
    this.at = at;
    this.arity = arity;
    this.index = index;
  }

  get name(): string {
    return `data.${this.path.join(".")}`;
  }

  /** @returns the document of this group, computed once a context */
  value(context: Context): Value | undefined {
    const cached = context.cache[this.index];
    if (cached !== undefined) return cached === ABSENT ? undefined : (cached as Value);
    context.run.enter();
    const value = this.kind === "complete" ? this.#complete(context, NO_ARGUMENTS) : this.#partial(context);
    context.run.leave();
    context.cache[this.index] = value === undefined ? ABSENT : value;
    return value;
  }

  /** Calls a function. */
  call(context: Context, args: readonly Value[]): Value | undefined {
    context.run.enter();
    const value = this.#complete(context, args);
    context.run.leave();
    return value;
  }

  #complete(context: Context, args: readonly Value[]): Value | undefined {
    // Where all rules can only give one constant, the first that holds is enough.
    this.#uniform ??= this.rules.every(({ constant }) => constant !== undefined && equal(constant, this.rules[0]!.constant!));
    let result: Value | undefined;
    for (let i = 0; i < this.rules.length; i++) {
      const value = this.#run(this.rules[i]!, context, args);
      if (value === undefined) continue;
      if (result !== undefined && !equal(result, value)) throw this.#conflict(this.rules[i]!.at);
      result = value;
      if (this.#uniform) break;
    }
    return result === undefined && this.fallback !== undefined ? this.#run(this.fallback, context, args) : result;
  }

  #run(rule: RuleCode, context: Context, args: readonly Value[]): Value | undefined {
    const frame: Frame = new Array(rule.size);
    for (let i = 0; i < args.length; i++) frame[i + 1] = args[i];
    try {
      for (let i = 0; i < rule.branches.length; i++) {
        rule.branches[i]!(context, frame);
        if (frame[0] !== undefined) return frame[0] as Value;
      }
    } catch (error) {
      throw error instanceof Conflict ? this.#conflict(rule.at) : error;
    }
    return undefined;
  }

  #partial(context: Context): Value {
    if (this.kind === "document") return this.collect(context).done();
    return this.#collected(context, new RegoSet());
  }

  /** Collects what the rules of a partial document contribute. */
  collect(context: Context): DocumentBuilder {
    return this.#collected(context, new DocumentBuilder());
  }

  /** Runs something that may find rules in conflict, which is then said of this group. */
  guarded<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw error instanceof Conflict ? this.#conflict(this.at) : error;
    }
  }

  #collected<T extends RegoSet | DocumentBuilder>(context: Context, collector: T): T {
    for (const rule of this.rules) {
      const frame: Frame = new Array(rule.size);
      frame[0] = collector;
      try {
        for (const branch of rule.branches) branch(context, frame);
      } catch (error) {
        throw error instanceof Conflict ? this.#conflict(rule.at) : error;
      }
      context.run.members(collector.size);
    }
    return collector;
  }

  #conflict(at: Position): Error {
    const what = this.kind === "complete" || this.kind === "function" ? "two different values" : "two different values for one key";
    return errorAt("policy.eval-error", at, `conflict: the rules of ${this.name} give ${what}`);
  }
}

const NO_ARGUMENTS: readonly Value[] = [];
