import type { Run } from "../run.ts";
import {
  entriesOf,
  equal,
  isObject,
  KeyedMembers,
  keysOf,
  member,
  objectOf,
  type PlainObject,
  type RegoObject,
  RegoSet,
  type Value,
} from "../value.ts";
import { arrayArg, BuiltinFailure, type Builtins, builtin, listArg, objectArg } from "./builtin.ts";

type ObjectValue = PlainObject | RegoObject;

function filtered(object: ObjectValue, keep: (key: Value) => boolean): ObjectValue {
  const members = new KeyedMembers<Value>();
  for (const [key, value] of entriesOf(object)) if (keep(key)) members.set(key, value);
  return objectOf(members);
}

/** The keys that an array, a set or an object's keys name. */
function keysArg(args: readonly Value[], index: number): RegoSet {
  const value = args[index]!;
  return new RegoSet(isObject(value) ? keysOf(value) : listArg(args, index));
}

/** Deep union: where both have an object the members are united, else the right one wins. */
function union(a: Value, b: Value, run: Run): Value {
  if (!isObject(a) || !isObject(b)) return b;
  const members = new KeyedMembers<Value>();
  for (const [key, value] of entriesOf(a)) members.set(key, value);
  for (const [key, value] of entriesOf(b)) {
    const old = members.get(key);
    members.set(key, old === undefined ? value : union(old, value, run));
  }
  run.members(members.size);
  return objectOf(members);
}

function isSubset(large: Value, small: Value, run: Run): boolean {
  run.tick();
  if (small instanceof RegoSet) {
    const has = large instanceof RegoSet ? large : new RegoSet(Array.isArray(large) ? (large as readonly Value[]) : []);
    return small.values().every((value) => has.has(value));
  }
  if (Array.isArray(small) && Array.isArray(large)) {
    const [part, whole] = [small as readonly Value[], large as readonly Value[]];
    const stands = (start: number) =>
      part.every((value, i) => {
        run.tick();
        return start + i < whole.length && equal(value, whole[start + i]!);
      });
    return part.length > 0 && whole.some((_, start) => stands(start));
  }
  if (!isObject(small) || !isObject(large)) return false;
  return entriesOf(small).every(([key, value]) => {
    const other = member(large, key);
    if (other === undefined) return false;
    const isCollection = typeof value === "object" && value !== null;
    return isCollection && typeof other === "object" && other !== null ? isSubset(other, value, run) : equal(value, other);
  });
}

/** A path as an array of keys, or as text whose steps stand between slashes, with `~1` for a slash and `~0` for a tilde. */
function pathOf(value: Value): readonly Value[] {
  if (Array.isArray(value)) return value as readonly Value[];
  if (typeof value !== "string") throw new BuiltinFailure("expected each path as a string or an array");
  const steps = value.replace(/^\//, "").split("/");
  return value === "" ? [] : steps.map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
}

function pathsArg(args: readonly Value[], index: number): (readonly Value[])[] {
  return listArg(args, index).map(pathOf);
}

/** The paths that go on below a key; an array's index may be given as text. */
function below(paths: readonly (readonly Value[])[], key: Value): (readonly Value[])[] {
  const index = typeof key === "number" ? String(key) : undefined;
  return paths.filter(([step]) => step !== undefined && (equal(step, key) || step === index)).map((path) => path.slice(1));
}

function withoutPaths(value: Value, paths: readonly (readonly Value[])[], run: Run): Value | undefined {
  run.tick();
  if (paths.length === 0) return value;
  if (paths.some((path) => path.length === 0)) return undefined;
  return rebuilt(value, (key, item) => withoutPaths(item, below(paths, key), run));
}

function onlyPaths(value: Value, paths: readonly (readonly Value[])[], run: Run): Value | undefined {
  run.tick();
  if (paths.some((path) => path.length === 0)) return value;
  return rebuilt(value, (key, item) => {
    const deeper = below(paths, key);
    return deeper.length === 0 ? undefined : onlyPaths(item, deeper, run);
  });
}

function rebuilt(value: Value, change: (key: Value, item: Value) => Value | undefined): Value {
  if (Array.isArray(value)) {
    return (value as readonly Value[]).map((item, i) => change(i, item)).filter((item): item is Value => item !== undefined);
  }
  if (value instanceof RegoSet) {
    return new RegoSet(
      value
        .values()
        .map((item) => change(item, item))
        .filter((item): item is Value => item !== undefined),
    );
  }
  if (!isObject(value)) return value;
  const members = new KeyedMembers<Value>();
  for (const [key, item] of entriesOf(value)) {
    const kept = change(key, item);
    if (kept !== undefined) members.set(key, kept);
  }
  return objectOf(members);
}

/** Functions over objects. */
export const objects: Builtins = {
  "object.get": builtin(3, (args) => {
    const object = objectArg(args, 0);
    const [, key, fallback] = args;
    let value: Value | undefined = object;
    for (const step of Array.isArray(key) ? (key as readonly Value[]) : [key!])
      value = value === undefined ? undefined : member(value, step);
    // Not ??: a member that is null is there.
    return value === undefined ? fallback! : value;
  }),
  "object.keys": builtin(1, (args) => new RegoSet(keysOf(objectArg(args, 0)))),
  "object.union": builtin(2, (args, run) => union(objectArg(args, 0), objectArg(args, 1), run)),
  "object.union_n": builtin(1, (args, run) => {
    const list = arrayArg(args, 0);
    return list.reduce<Value>((all, _, i) => union(all, objectArg(list, i), run), {});
  }),
  "object.remove": builtin(2, (args) => {
    const keys = keysArg(args, 1);
    return filtered(objectArg(args, 0), (key) => !keys.has(key));
  }),
  "object.filter": builtin(2, (args) => {
    const keys = keysArg(args, 1);
    return filtered(objectArg(args, 0), (key) => keys.has(key));
  }),
  "object.subset": builtin(2, ([large, small], run) => {
    const alike = compareKinds(large!, small!);
    if (!alike) throw new BuiltinFailure("expected two objects, two sets, two arrays, or an array and a set");
    return isSubset(large!, small!, run);
  }),
  "json.remove": builtin(2, (args, run) => withoutPaths(objectArg(args, 0), pathsArg(args, 1), run)),
  "json.filter": builtin(2, (args, run) => onlyPaths(objectArg(args, 0), pathsArg(args, 1), run)),
};

function compareKinds(large: Value, small: Value): boolean {
  if (isObject(large)) return isObject(small);
  if (large instanceof RegoSet) return small instanceof RegoSet;
  return Array.isArray(large) && (Array.isArray(small) || small instanceof RegoSet);
}
