import { narrow, type RegoNumber, toBigInt } from "../number.ts";
import type { Run } from "../run.ts";
import type { Value } from "../value.ts";
import { type Builtin, BuiltinFailure, type Builtins, builtin, indexArg, integerArg, numberArg } from "./builtin.ts";
import { bounded } from "./operators.ts";

function rounding(round: (value: number) => number): Builtin {
  return builtin(1, (args) => {
    const value = numberArg(args, 0);
    return typeof value === "bigint" ? value : round(value) || 0;
  });
}

function bitwise(operation: (a: bigint, b: bigint) => bigint): Builtin {
  return builtin(2, (args, run) => bounded(narrow(operation(toBigInt(integerArg(args, 0)), toBigInt(integerArg(args, 1)))), run));
}

const MAXIMUM_SHIFT = 65_536;

function shift(operation: (a: bigint, by: bigint) => bigint): Builtin {
  return builtin(2, (args, run) => {
    const by = indexArg(args, 1);
    if (by < 0) throw new BuiltinFailure("argument 2: expected a shift that is not negative");
    if (by > MAXIMUM_SHIFT) throw new BuiltinFailure(`argument 2: expected a shift of at most ${MAXIMUM_SHIFT}`);
    return bounded(narrow(operation(toBigInt(integerArg(args, 0)), BigInt(by))), run);
  });
}

function range(args: readonly Value[], step: bigint, run: Run): Value {
  const [from, to] = [toBigInt(integerArg(args, 0)), toBigInt(integerArg(args, 1))];
  const down = from > to;
  const count = (down ? from - to : to - from) / step + 1n;
  run.members(Number(count));
  const [first, last, stride] = [narrow(from), narrow(to), narrow(step)];
  if (typeof first === "number" && typeof last === "number" && typeof stride === "number" && Number.isSafeInteger(last - first)) {
    const way = down ? -stride : stride;
    return Array.from({ length: Number(count) }, (_, i) => first + way * i);
  }
  return Array.from({ length: Number(count) }, (_, i): RegoNumber => narrow(down ? from - step * BigInt(i) : from + step * BigInt(i)));
}

/** Functions over numbers. */
export const numbers: Builtins = {
  abs: builtin(1, (args) => {
    const value = numberArg(args, 0);
    return value < 0 ? -value : value;
  }),
  ceil: rounding(Math.ceil),
  floor: rounding(Math.floor),
  // Halves go away from zero.
  round: rounding((value) => Math.sign(value) * Math.round(Math.abs(value))),
  "numbers.range": builtin(2, (args, run) => range(args, 1n, run)),
  "numbers.range_step": builtin(3, (args, run) => {
    const step = toBigInt(integerArg(args, 2));
    if (step <= 0n) throw new BuiltinFailure("step must be a positive integer");
    return range(args, step, run);
  }),
  "bits.and": bitwise((a, b) => a & b),
  "bits.or": bitwise((a, b) => a | b),
  "bits.xor": bitwise((a, b) => a ^ b),
  "bits.negate": builtin(1, (args) => narrow(~toBigInt(integerArg(args, 0)))),
  "bits.lsh": shift((a, by) => a << by),
  "bits.rsh": shift((a, by) => a >> by),
};
