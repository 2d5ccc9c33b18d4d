import type { Run } from "./run.ts";
import { isObject, type PlainObject, type Value } from "./value.ts";

/** A rule's variables; slot 0 holds its result. A slot may also hold what generated code parks there. */
export type Frame = unknown[];

/** A function that stands in for another one. */
export type Mock = { readonly value: Value } | { readonly callee: string };

/** The documents of one evaluation. A `with` makes another one, with caches of its own. */
export class Context {
  readonly run: Run;
  readonly input: Value | undefined;
  readonly data: Value;
  /** results by rule group */
  readonly cache: (Value | undefined | typeof ABSENT)[] = [];
  /** paths below `data` that a `with` replaced: no rule counts there */
  readonly replaced: readonly (readonly string[])[];
  readonly mocks: ReadonlyMap<string, Mock> | undefined;

  constructor(run: Run, input: Value | undefined, data: Value, replaced: readonly (readonly string[])[] = [], mocks?: Context["mocks"]) {
    this.run = run;
    this.input = input;
    this.data = data;
    this.replaced = replaced;
    this.mocks = mocks;
  }

  /** @returns a context where this function is no longer replaced */
  withoutMock(name: string): Context {
    const mocks = new Map(this.mocks);
    mocks.delete(name);
    return new Context(this.run, this.input, this.data, this.replaced, mocks);
  }

  /** @returns true where a `with` stands at this path or above it */
  isReplaced(path: readonly string[]): boolean {
    return this.replaced.some((prefix) => prefix.length <= path.length && prefix.every((step, i) => step === path[i]));
  }
}

/** Marks a result that was computed and is undefined. */
export const ABSENT = Symbol("absent");

/** @returns `document` with `value` at `path`; what lies beside the path is shared */
export function replaced(document: Value | undefined, path: readonly string[], value: Value): Value {
  const [step, ...rest] = path;
  if (step === undefined) return value;
  const old = document !== undefined && isObject(document) ? (document as PlainObject) : {};
  const copy: { [key: string]: Value } = Object.assign(Object.create(null), old);
  copy[step] = replaced(Object.hasOwn(old, step) ? old[step] : undefined, rest, value);
  return copy;
}
