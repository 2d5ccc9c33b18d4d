import { type Eval, type Exec, type Step, sequence } from "./code.ts";
import { Context, type Mock, replaced } from "./context.ts";
import type { Generator } from "./generator.ts";
import { eachLocalOf, type Node, type Override, type Statement } from "./ir.ts";
import type { Plan } from "./plan.ts";
import { errorAt } from "./position.ts";
import type { Program } from "./program.ts";
import { iterateStep, unifyCode } from "./unify-code.ts";
import { iterate, type Value } from "./value.ts";

/**
 * Plans one statement.
 *
 * @returns false where it needs a variable that has no value yet
 */
export function statementCode(generator: Generator, statement: Statement, plan: Plan): boolean {
  return statement.overrides.length === 0 ? plainCode(generator, statement, plan) : overriddenCode(generator, statement, plan);
}

function plainCode(generator: Generator, statement: Statement, plan: Plan): boolean {
  switch (statement.kind) {
    case "expression":
      return expressionCode(generator, statement.term, plan);
    case "unify":
      return unifyCode(generator, statement.left, statement.right, plan);
    case "some-in": {
      const domain = generator.value(statement.domain, plan);
      return domain !== null && iterateStep(generator, domain, statement.key, statement.value, plan);
    }
    case "not":
      return notCode(generator, statement.statement, plan);
    case "every":
      return everyCode(generator, statement, plan);
  }
}

function expressionCode(generator: Generator, term: Node, plan: Plan): boolean {
  if (term.kind === "call") {
    // Printing a value that there is not holds too, so the arguments are planned for their variables and never run.
    if (term.name === "print") return generator.values(term.args, plan.fork()) !== null;
  }
  const output = outputOf(generator.program, term);
  if (output !== undefined) return unifyCode(generator, output.left, output.right, plan);
  const value = generator.value(term, plan);
  if (value === null) return false;
  plan.steps.push({ test: truthCode(value) });
  return true;
}

/** @returns what a call is unified with that has one argument too many, and the call without that argument; undefined for other terms */
export function outputOf(program: Program, term: Node): { readonly left: Node; readonly right: Node } | undefined {
  if (term.kind !== "call") return undefined;
  const arity = program.arityOf(term.name);
  if (arity === undefined || term.args.length !== arity + 1) return undefined;
  return { left: term.args[arity]!, right: { ...term, args: term.args.slice(0, arity) } };
}

function truthCode(value: Eval): Exec {
  return (context, frame) => {
    const result = value(context, frame);
    return result !== undefined && result !== false;
  };
}

/** A negation binds nothing: every variable in it needs a value before. */
function notCode(generator: Generator, statement: Statement, plan: Plan): boolean {
  let ready = true;
  eachLocalOf(statement, (local) => {
    ready &&= plan.isBound(local);
  });
  if (!ready) return false;
  const holds = generator.body([statement], plan.fork(), statement.at, () => () => true);
  plan.steps.push({ test: (context, frame) => !holds(context, frame) });
  return true;
}

function everyCode(generator: Generator, statement: Statement & { readonly kind: "every" }, plan: Plan): boolean {
  for (const local of statement.free) if (!plan.isBound(local)) return false;
  const domain = generator.value(statement.domain, plan);
  if (domain === null) return false;
  const keySlot = generator.layout.allocate();
  const valueSlot = generator.layout.allocate();
  const inner = plan.fork();
  for (const [pattern, slot] of [
    [statement.key, keySlot],
    [statement.value, valueSlot],
  ] as const) {
    if (pattern !== undefined && !unifyCode(generator, pattern, { kind: "slot", slot, at: pattern.at }, inner)) return false;
  }
  const holds = generator.body(statement.body, inner, statement.at, () => () => true);
  plan.steps.push({
    test: (context, frame) => {
      const of = domain(context, frame);
      if (of === undefined || typeof of !== "object" || of === null) return false;
      return !iterate(of, (key, value) => {
        context.run.tick();
        frame[keySlot] = key;
        frame[valueSlot] = value;
        return !holds(context, frame);
      });
    },
  });
  return true;
}

/** Runs the statement in a context where `with` has replaced documents or functions, and what follows in the one before. */
function overriddenCode(generator: Generator, statement: Statement, plan: Plan): boolean {
  const changes: ((context: Context, frame: unknown[]) => Context | undefined)[] = [];
  for (const override of statement.overrides) {
    const value = override.value === undefined ? undefined : generator.value(override.value, plan);
    if (value === null) return false;
    changes.push(overrideCode(generator, override, value));
  }
  const inner = plan.fork();
  if (!plainCode(generator, statement, inner)) return false;
  plan.adoptVariables(inner);
  const slot = generator.layout.allocate();
  const steps: readonly Step[] = inner.steps;
  plan.steps.push({
    wrap: (next) => {
      const body = sequence(steps, (_, frame) => next(frame[slot] as Context, frame));
      return (context, frame) => {
        let changed = context;
        for (const change of changes) {
          const result = change(changed, frame);
          if (result === undefined) return false;
          changed = result;
        }
        frame[slot] = context;
        return body(changed, frame);
      };
    },
  });
  return true;
}

/** @returns what makes the context of a `with` from the one around it; undefined where the value has none */
export function overrideCode(generator: Generator, { target, callee, at }: Override, value: Eval | undefined) {
  if (target.kind === "data") {
    for (let length = 1; length < target.path.length; length++) {
      const group = generator.program.tree.find(target.path.slice(0, length))?.group;
      if (group !== undefined && group.kind !== "document") {
        throw errorAt("policy.compile-error", at, `with cannot replace a part of ${group.name}`);
      }
    }
  }
  if (target.kind === "function" && callee !== undefined) {
    const group = generator.program.functionNamed(callee);
    if (group !== undefined) generator.owner?.dependencies.add(group);
  }
  return (context: Context, frame: unknown[]): Context | undefined => {
    const result = value?.(context, frame);
    if (value !== undefined && result === undefined) return undefined;
    const { run, input, data, replaced: paths, mocks } = context;
    switch (target.kind) {
      case "input":
        return new Context(run, replaced(input, target.path, result!), data, paths, mocks);
      case "data":
        return new Context(run, input, replaced(data, target.path, result!), [...paths, target.path], mocks);
      case "function": {
        const mock: Mock = callee === undefined ? { value: result as Value } : { callee };
        return new Context(run, input, data, paths, new Map(mocks).set(target.name, mock));
      }
    }
  };
}
