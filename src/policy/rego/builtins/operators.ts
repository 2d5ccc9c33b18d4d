import { add, divide, isInteger, multiply, type RegoNumber, remainder, subtract } from "../number.ts";
import type { Run } from "../run.ts";
import { compare, equal, iterate, member, RegoSet, type Value } from "../value.ts";
import { type Builtin, BuiltinFailure, type Builtins, builtin, numberArg, setArg } from "./builtin.ts";

/** Integers beyond this many bits are refused, so that repeated multiplication cannot eat the memory. */
const MAXIMUM_BITS = 65_536n;
const LARGEST = 1n << MAXIMUM_BITS;

/** @returns the number itself where it is finite and not too large */
export function bounded(value: RegoNumber, run: Run): RegoNumber {
  if (typeof value === "number") {
    if (!Number.isFinite(value)) throw new BuiltinFailure("the result is out of range");
    return value;
  }
  run.tick(4);
  if (value > LARGEST || value < -LARGEST) throw new BuiltinFailure(`the result has more than ${MAXIMUM_BITS} bits`);
  return value;
}

function arithmetic(operation: (a: RegoNumber, b: RegoNumber) => RegoNumber): Builtin {
  return builtin(2, (args, run) => bounded(operation(numberArg(args, 0), numberArg(args, 1)), run));
}

function comparison(holds: (a: Value, b: Value) => boolean): Builtin {
  return builtin(2, ([a, b]) => holds(a!, b!));
}

function nonZero(operation: (a: RegoNumber, b: RegoNumber) => RegoNumber) {
  return (a: RegoNumber, b: RegoNumber): RegoNumber => {
    if (b === 0 || b === 0n) throw new BuiltinFailure("divide by zero");
    return operation(a, b);
  };
}

function modulo(a: RegoNumber, b: RegoNumber): RegoNumber {
  if (!isInteger(a) || !isInteger(b)) throw new BuiltinFailure("modulo on a number that is no integer");
  return remainder(a, b);
}

function isMember(value: Value, collection: Value): boolean {
  if (collection instanceof RegoSet) return collection.has(value);
  return iterate(collection, (_, item) => equal(item, value));
}

/** What the operators of the language call. */
export const operators: Builtins = {
  equal: comparison(equal),
  neq: comparison((a, b) => !equal(a, b)),
  lt: comparison((a, b) => compare(a, b) < 0),
  lte: comparison((a, b) => compare(a, b) <= 0),
  gt: comparison((a, b) => compare(a, b) > 0),
  gte: comparison((a, b) => compare(a, b) >= 0),
  plus: arithmetic(add),
  minus: builtin(2, (args, run) => {
    const [a, b] = args;
    if (!(a instanceof RegoSet) && !(b instanceof RegoSet)) return bounded(subtract(numberArg(args, 0), numberArg(args, 1)), run);
    const without = setArg(args, 1);
    return new RegoSet(
      setArg(args, 0)
        .values()
        .filter((value) => !without.has(value)),
    );
  }),
  mul: arithmetic(multiply),
  div: arithmetic(nonZero(divide)),
  rem: arithmetic(nonZero(modulo)),
  and: builtin(2, (args) => {
    const other = setArg(args, 1);
    return new RegoSet(
      setArg(args, 0)
        .values()
        .filter((value) => other.has(value)),
    );
  }),
  or: builtin(2, (args, run) => {
    const [a, b] = [setArg(args, 0), setArg(args, 1)];
    run.members(a.size + b.size);
    return new RegoSet([...a.values(), ...b.values()]);
  }),
  "internal.member_2": builtin(2, ([value, collection]) => isMember(value!, collection!)),
  "internal.member_3": builtin(3, ([key, value, collection]) => {
    if (collection instanceof RegoSet) return equal(key!, value!) && collection.has(value!);
    const found = member(collection!, key!);
    return found !== undefined && equal(found, value!);
  }),
};
