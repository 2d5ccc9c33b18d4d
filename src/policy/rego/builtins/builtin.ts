import type { RegoNumber } from "../number.ts";
import { isInteger } from "../number.ts";
import type { Run } from "../run.ts";
import type { Value } from "../value.ts";
import { isObject, type PlainObject, type RegoObject, RegoSet, typeName } from "../value.ts";

/** A built-in function. It answers undefined where it has no value, and throws {@link BuiltinFailure} for what it cannot take. */
export interface Builtin {
  /** least and most number of arguments */
  readonly arity: readonly [number, number];
  /** true where the result is an array of answers, through which the call goes one by one */
  readonly isRelation?: true;
  readonly run: (args: readonly Value[], run: Run) => Value | undefined;
}

/** By name, as policies call them. */
export type Builtins = { readonly [name: string]: Builtin };

/** What a built-in says of arguments it cannot take. */
export class BuiltinFailure extends Error {}

export function builtin(arity: number | readonly [number, number], run: Builtin["run"]): Builtin {
  return { arity: typeof arity === "number" ? [arity, arity] : arity, run };
}

function wrong(expected: string, index: number, got: Value | undefined): never {
  throw new BuiltinFailure(`argument ${index + 1}: expected ${expected}, got ${got === undefined ? "nothing" : typeName(got)}`);
}

// Each takes the argument at `index` or fails, naming what was expected.

export function stringArg(args: readonly Value[], index: number): string {
  const value = args[index];
  return typeof value === "string" ? value : wrong("string", index, value);
}

export function numberArg(args: readonly Value[], index: number): RegoNumber {
  const value = args[index];
  return typeof value === "number" || typeof value === "bigint" ? value : wrong("number", index, value);
}

export function integerArg(args: readonly Value[], index: number): RegoNumber {
  const value = numberArg(args, index);
  return isInteger(value) ? value : wrong("integer", index, value);
}

/** An integer that a JavaScript number holds. */
export function indexArg(args: readonly Value[], index: number): number {
  const value = integerArg(args, index);
  return typeof value === "number" ? value : wrong("integer below 2^53", index, value);
}

export function arrayArg(args: readonly Value[], index: number): readonly Value[] {
  const value = args[index];
  return Array.isArray(value) ? value : wrong("array", index, value);
}

export function setArg(args: readonly Value[], index: number): RegoSet {
  const value = args[index];
  return value instanceof RegoSet ? value : wrong("set", index, value);
}

export function objectArg(args: readonly Value[], index: number): PlainObject | RegoObject {
  const value = args[index];
  return value !== undefined && isObject(value) ? value : wrong("object", index, value);
}

/** The members of an array or set. */
export function listArg(args: readonly Value[], index: number): readonly Value[] {
  const value = args[index];
  if (value instanceof RegoSet) return value.values();
  return Array.isArray(value) ? value : wrong("array or set", index, value);
}

export function stringsArg(args: readonly Value[], index: number): readonly string[] {
  return listArg(args, index).map((value) => (typeof value === "string" ? value : wrong("strings", index, value)));
}
