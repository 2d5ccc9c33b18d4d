import { countNodes, countWritten } from "./allowance.ts";

/**
 * A Rego value. JSON values stand for themselves, so that input is used without a copy. An integer outside ±(2^53 − 1) that the engine
 * makes is a bigint; a smaller one never is. An object whose keys are all strings is always a plain one.
 */
export type Value = null | boolean | number | bigint | string | readonly Value[] | PlainObject | RegoSet | RegoObject;

export interface PlainObject {
  readonly [key: string]: Value;
}

/** The names that `type_name` gives. */
export type TypeName = "null" | "boolean" | "number" | "string" | "array" | "object" | "set";

const RANK = { null: 0, boolean: 1, number: 2, string: 3, array: 4, object: 5, set: 6 } as const;

export function typeName(value: Value): TypeName {
  switch (typeof value) {
    case "string":
      return "string";
    case "number":
    case "bigint":
      return "number";
    case "boolean":
      return "boolean";
  }
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  return value instanceof RegoSet ? "set" : "object";
}

export function isObject(value: Value): value is PlainObject | RegoObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof RegoSet);
}

/** @returns what stands at `key`: an array's item, an object's member, a set's member itself; undefined where there is none */
export function member(of: Value, key: Value): Value | undefined {
  if (typeof of !== "object" || of === null) return undefined;
  if (Array.isArray(of)) return typeof key === "number" && Number.isInteger(key) && key >= 0 ? of[key] : undefined;
  if (of instanceof RegoSet) return of.has(key) ? key : undefined;
  if (of instanceof RegoObject) return of.get(key);
  const object = of as PlainObject;
  // Own members only: `__proto__` and `constructor` of a request must not lead to the runtime's.
  return typeof key === "string" && Object.hasOwn(object, key) ? object[key] : undefined;
}

/** @returns the keys of a plain object in Rego's order */
function sortedKeys(object: PlainObject): string[] {
  return Object.keys(object).sort(compareStrings);
}

/** Calls `visit` with each key and value in Rego's order, until it answers true; true where it did. Scalars have no members. */
export function iterate(of: Value, visit: (key: Value, value: Value) => boolean): boolean {
  if (typeof of !== "object" || of === null) return false;
  if (Array.isArray(of)) {
    for (let i = 0; i < of.length; i++) if (visit(i, of[i])) return true;
    return false;
  }
  if (of instanceof RegoSet) {
    for (const value of of.values()) if (visit(value, value)) return true;
    return false;
  }
  if (of instanceof RegoObject) {
    for (const [key, value] of of.entries()) if (visit(key, value)) return true;
    return false;
  }
  const object = of as PlainObject;
  for (const key of sortedKeys(object)) if (visit(key, object[key]!)) return true;
  return false;
}

/** @returns the number of members; undefined for scalars */
export function sizeOf(of: Value): number | undefined {
  if (typeof of !== "object" || of === null) return undefined;
  if (Array.isArray(of)) return of.length;
  if (of instanceof RegoSet || of instanceof RegoObject) return of.size;
  return Object.keys(of).length;
}

export function equal(a: Value, b: Value): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object") {
    // A JSON number beyond 2^53 may stand beside the engine's bigint of the same value.
    // biome-ignore lint/suspicious/noDoubleEquals: number and bigint compare by value only with ==
    return (typeof a === "bigint" || typeof b === "bigint") && typeName(a) === "number" && typeName(b) === "number" && a == b;
  }
  return a !== null && b !== null && compare(a, b) === 0;
}

/** Rego's total order: null < booleans < numbers < strings < arrays < objects < sets. */
export function compare(a: Value, b: Value): number {
  if (a === b) return 0;
  const type = typeName(a);
  const difference = RANK[type] - RANK[typeName(b)];
  if (difference !== 0) return difference;
  switch (type) {
    case "null":
      return 0;
    case "boolean":
      return a === false ? -1 : 1;
    case "number":
      return (a as number) < (b as number) ? -1 : (a as number) > (b as number) ? 1 : 0;
    case "string":
      return compareStrings(a as string, b as string);
    case "array":
      return compareLists(a as readonly Value[], b as readonly Value[]);
    case "set":
      return compareLists((a as RegoSet).values(), (b as RegoSet).values());
    case "object":
      return compareObjects(a as PlainObject | RegoObject, b as PlainObject | RegoObject);
  }
}

function compareLists(a: readonly Value[], b: readonly Value[]): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    countNodes(1);
    const order = compare(a[i]!, b[i]!);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

function compareObjects(a: PlainObject | RegoObject, b: PlainObject | RegoObject): number {
  const left = entriesOf(a);
  const right = entriesOf(b);
  const length = Math.min(left.length, right.length);
  for (let i = 0; i < length; i++) {
    countNodes(2);
    const order = compare(left[i]![0], right[i]![0]) || compare(left[i]![1], right[i]![1]);
    if (order !== 0) return order;
  }
  return left.length - right.length;
}

/** @returns an object's members in Rego's order */
export function entriesOf(object: PlainObject | RegoObject): readonly (readonly [Value, Value])[] {
  if (object instanceof RegoObject) return object.entries();
  return sortedKeys(object).map((key) => [key, object[key]!]);
}

/** @returns an object's keys; no value is read */
export function keysOf(object: PlainObject | RegoObject): readonly Value[] {
  return object instanceof RegoObject ? object.entries().map(([key]) => key) : Object.keys(object);
}

/** Orders strings by their code points, as UTF-8 bytes would be. */
function compareStrings(a: string, b: string): number {
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x === y) continue;
    const surrogates = Number(isSurrogate(x)) - Number(isSurrogate(y));
    // A surrogate belongs to a code point above every unit that is none.
    return surrogates !== 0 ? surrogates : x - y;
  }
  return a.length - b.length;
}

function isSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdfff;
}

/** What a Map finds a value by: equal values have equal keys. */
type Key = null | boolean | number | bigint | string;

/** @returns a scalar as itself, a collection as canonical text that no string value's key equals */
function keyOf(value: Value): Key {
  switch (typeof value) {
    case "string":
      return value.charCodeAt(0) === 0 ? `\0s${value}` : value;
    case "number":
      return Number.isInteger(value) && !Number.isSafeInteger(value) ? BigInt(value) : value;
    case "bigint":
    case "boolean":
      return value;
  }
  return value === null ? null : `\0c${canonical(value)}`;
}

function canonical(value: Value): string {
  countWritten(typeof value === "string" ? value.length : 0);
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value !== "object" || value === null) return String(keyOf(value));
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (value instanceof RegoSet) return `<${value.values().map(canonical).join()}>`;
  const members = entriesOf(value as PlainObject | RegoObject).map(([key, item]) => `${canonical(key)}:${canonical(item)}`);
  return `{${members.join()}}`;
}

/** A set of Rego values. Written only while it is made. */
export class RegoSet {
  readonly #members = new Map<Key, Value>();
  #sorted: Value[] | undefined;

  constructor(values: Iterable<Value> = []) {
    for (const value of values) this.add(value);
  }

  add(value: Value): void {
    const key = keyOf(value);
    if (this.#members.has(key)) return;
    this.#members.set(key, value);
    this.#sorted = undefined;
  }

  has(value: Value): boolean {
    return this.#members.has(keyOf(value));
  }

  get size(): number {
    return this.#members.size;
  }

  /** The members in Rego's order. */
  values(): readonly Value[] {
    this.#sorted ??= [...this.#members.values()].sort(compare);
    return this.#sorted;
  }
}

/** An object with at least one key that is no string. Made by {@link objectOf}. */
export class RegoObject {
  readonly #members: KeyedMembers<Value>;
  #sorted: (readonly [Value, Value])[] | undefined;

  constructor(members: KeyedMembers<Value>) {
    this.#members = members;
  }

  get(key: Value): Value | undefined {
    return this.#members.get(key);
  }

  get size(): number {
    return this.#members.size;
  }

  /** The members in Rego's order of their keys. */
  entries(): readonly (readonly [Value, Value])[] {
    this.#sorted ??= [...this.#members.all()].sort((a, b) => compare(a[0], b[0]));
    return this.#sorted;
  }
}

/** Gathers members under keys of any kind. */
export class KeyedMembers<T> {
  readonly #members = new Map<Key, readonly [Value, T]>();

  get(key: Value): T | undefined {
    return this.#members.get(keyOf(key))?.[1];
  }

  set(key: Value, value: T): void {
    this.#members.set(keyOf(key), [key, value]);
  }

  get size(): number {
    return this.#members.size;
  }

  /** The members in the order they came. */
  all(): Iterable<readonly [Value, T]> {
    return this.#members.values();
  }
}

/** @returns an object of members whose keys are of any kind; a plain one where all are strings */
export function objectOf(members: KeyedMembers<Value>): PlainObject | RegoObject {
  const object: { [key: string]: Value } = Object.create(null);
  for (const [key, value] of members.all()) {
    if (typeof key !== "string") return new RegoObject(members);
    object[key] = value;
  }
  return object;
}
