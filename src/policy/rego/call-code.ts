import { type Builtin, BuiltinFailure } from "./builtins/builtin.ts";
import type { Eval } from "./code.ts";
import type { Context } from "./context.ts";
import type { Generator } from "./generator.ts";
import type { Node } from "./ir.ts";
import type { Plan } from "./plan.ts";
import { errorAt, type Position } from "./position.ts";
import { iterateStep } from "./unify-code.ts";
import { compare, equal, type Value } from "./value.ts";

type Call = Node & { readonly kind: "call" };

/** Code of a call: of a built-in, or of a function of the policy. A call with an argument that has no value has none. */
export function callCode(generator: Generator, node: Call, plan: Plan): Eval | null {
  const { name, at } = node;
  const args = generator.values(node.args, plan);
  if (args === null) return null;
  const call = targetCode(generator, name, args.length, at);
  if (generator.program.builtinNamed(name)?.isRelation === true) {
    const slot = generator.layout.allocate();
    iterateStep(generator, argumentsThen(args, call), undefined, { kind: "slot", slot, at }, plan);
    return (_, frame) => frame[slot] as Value;
  }
  const direct = args.length === 2 ? operatorCode(name, args[0]!, args[1]!) : undefined;
  const usual = direct ?? argumentsThen(args, call);
  if (!generator.program.mocked.has(name)) return usual;
  return argumentsThen(args, (context, values) => {
    const mock = context.mocks?.get(name);
    if (mock === undefined) return call(context, values);
    if ("value" in mock) return mock.value;
    // Inside the function that stands in, the name means what it meant before.
    return generator.program.callByName(mock.callee, context.withoutMock(name), values, at);
  });
}

export type Target = (context: Context, args: readonly Value[]) => Value | undefined;

/** @throws CaiError `policy.compile-error` for a wrong number of arguments */
function targetCode(generator: Generator, name: string, count: number, at: Position): Target {
  const group = generator.program.functionNamed(name);
  if (group !== undefined) {
    if (count !== group.arity) throw errorAt("policy.compile-error", at, `${name} takes ${group.arity} arguments, got ${count}`);
    generator.owner?.dependencies.add(group);
    return generator.functionCode(group);
  }
  const builtin = generator.program.builtinNamed(name)!;
  const [least, most] = builtin.arity;
  if (count < least || count > most) {
    const expected = least === most ? String(least) : `${least} to ${most}`;
    throw errorAt("policy.compile-error", at, `${name} takes ${expected} arguments, got ${count}`);
  }
  return (context, args) => callBuiltin(name, builtin, context, args, at);
}

function argumentsThen(args: readonly Eval[], call: Target): Eval {
  const [first, second] = args;
  if (args.length === 1) {
    return (context, frame) => {
      const a = first!(context, frame);
      return a === undefined ? undefined : call(context, [a]);
    };
  }
  if (args.length === 2) {
    return (context, frame) => {
      const a = first!(context, frame);
      if (a === undefined) return undefined;
      const b = second!(context, frame);
      return b === undefined ? undefined : call(context, [a, b]);
    };
  }
  return (context, frame) => {
    const values: Value[] = [];
    for (const arg of args) {
      const value = arg(context, frame);
      if (value === undefined) return undefined;
      values.push(value);
    }
    return call(context, values);
  };
}

/** Calls a built-in. Its failure ends the evaluation, or makes the expression undefined where the caller asked for that. */
export function callBuiltin(name: string, builtin: Builtin, context: Context, args: readonly Value[], at: Position): Value | undefined {
  context.run.tick();
  try {
    return builtin.run(args, context.run);
  } catch (error) {
    if (!(error instanceof BuiltinFailure)) throw error;
    if (context.run.settings.lenient) return undefined;
    throw errorAt("policy.eval-error", at, `${name}: ${error.message}`);
  }
}

/** Comparisons, without the detour of an argument list. */
const COMPARISONS: { readonly [name: string]: (a: Value, b: Value) => boolean } = {
  equal,
  neq: (a, b) => !equal(a, b),
  lt: (a, b) => compare(a, b) < 0,
  lte: (a, b) => compare(a, b) <= 0,
  gt: (a, b) => compare(a, b) > 0,
  gte: (a, b) => compare(a, b) >= 0,
};

function operatorCode(name: string, left: Eval, right: Eval): Eval | undefined {
  const holds = Object.hasOwn(COMPARISONS, name) ? COMPARISONS[name] : undefined;
  if (holds === undefined) return undefined;
  return (context, frame) => {
    const a = left(context, frame);
    if (a === undefined) return undefined;
    const b = right(context, frame);
    return b === undefined ? undefined : holds(a, b);
  };
}
