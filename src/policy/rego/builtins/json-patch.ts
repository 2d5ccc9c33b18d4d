import type { Run } from "../run.ts";
import { entriesOf, equal, isObject, KeyedMembers, member, objectOf, RegoSet, type Value } from "../value.ts";
import { arrayArg, BuiltinFailure, type Builtins, builtin, objectArg, stringArg } from "./builtin.ts";

type Path = readonly Value[];

/** One operation of RFC 6902 §4. */
interface Operation {
  readonly op: string;
  readonly path: Path;
  readonly from: Path | undefined;
  readonly value: Value | undefined;
}

const OPERATIONS = ["add", "remove", "replace", "move", "copy", "test"];

/** Thrown where an operation finds no place for what it does: the patch then has no value. */
class NoPlace extends Error {}

function pathOf(value: Value): Path {
  if (Array.isArray(value)) return value as readonly Value[];
  if (typeof value !== "string") throw new BuiltinFailure("expected each path as a string or an array");
  if (value === "") return [];
  const steps = value.replace(/^\//, "").split("/");
  return steps.map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
}

function operationOf(list: readonly Value[], index: number): Operation {
  const object = objectArg(list, index);
  const op = stringArg([member(object, "op") ?? null], 0);
  if (!OPERATIONS.includes(op)) throw new BuiltinFailure(`expected one of ${OPERATIONS.join(", ")}`);
  const [path, from, value] = [member(object, "path"), member(object, "from"), member(object, "value")];
  if (path === undefined) throw new BuiltinFailure("an operation has no path");
  if ((op === "move" || op === "copy") && from === undefined) throw new BuiltinFailure(`the operation ${op} has no from`);
  if ((op === "add" || op === "replace" || op === "test") && value === undefined)
    throw new BuiltinFailure(`the operation ${op} has no value`);
  return { op, path: pathOf(path), from: from === undefined ? undefined : pathOf(from), value };
}

/** An array's index, which may be given as text; `-` is the place after the last item. */
function indexOf(step: Value, length: number, mayAppend: boolean): number {
  if (step === "-" && mayAppend) return length;
  const index = typeof step === "string" && /^(?:0|[1-9]\d{0,8})$/.test(step) ? Number(step) : step;
  const last = mayAppend ? length : length - 1;
  if (typeof index !== "number" || !Number.isInteger(index) || index < 0 || index > last) throw new NoPlace();
  return index;
}

function found(document: Value, path: Path): Value {
  let value: Value | undefined = document;
  for (const step of path) {
    value = Array.isArray(value) ? (value as readonly Value[])[indexOf(step, value.length, false)] : member(value, step);
    if (value === undefined) throw new NoPlace();
  }
  return value;
}

/** The document with the value at a path changed; undefined removes it, and the old value is undefined where there is none. */
function changed(
  document: Value,
  path: Path,
  change: (old: Value | undefined) => Value | undefined,
  adds: boolean,
  run: Run,
): Value | undefined {
  run.tick();
  const [step, ...rest] = path;
  if (step === undefined) return change(document);
  const isLast = rest.length === 0;
  const inner = (old: Value | undefined): Value | undefined => {
    if (isLast) return change(old);
    if (old === undefined) throw new NoPlace();
    return changed(old, rest, change, adds, run);
  };
  if (Array.isArray(document)) {
    const items = [...(document as readonly Value[])];
    run.tick(items.length);
    const index = indexOf(step, items.length, isLast && adds);
    const value = inner(isLast && adds ? undefined : items[index]);
    items.splice(index, isLast && adds ? 0 : 1, ...(value === undefined ? [] : [value]));
    return items;
  }
  if (document instanceof RegoSet) {
    const has = document.has(step);
    if (!has && !(isLast && adds)) throw new NoPlace();
    const value = inner(has ? step : undefined);
    // A member of a set is its own key.
    if (isLast && value !== undefined && !equal(value, step)) throw new NoPlace();
    const members = document.values().filter((one) => !equal(one, step));
    run.tick(members.length);
    return new RegoSet(value === undefined ? members : [...members, value]);
  }
  if (!isObject(document)) throw new NoPlace();
  const old = member(document, step);
  if (old === undefined && !(isLast && adds)) throw new NoPlace();
  const value = inner(old);
  const members = new KeyedMembers<Value>();
  for (const [key, item] of entriesOf(document)) if (!equal(key, step)) members.set(key, item);
  run.tick(members.size);
  if (value !== undefined) members.set(step, value);
  return objectOf(members);
}

function applied(document: Value, { op, path, from, value }: Operation, run: Run): Value {
  const put = (into: Value, item: Value, adds: boolean) => changed(into, path, () => item, adds, run)!;
  const without = (of: Value, at: Path): Value => {
    const left = changed(of, at, () => undefined, false, run);
    if (left === undefined) throw new NoPlace();
    return left;
  };
  switch (op) {
    case "add":
      return put(document, value!, true);
    case "replace":
      return put(document, value!, false);
    case "remove":
      return without(document, path);
    case "copy":
      return put(document, found(document, from!), true);
    case "move":
      return put(without(document, from!), found(document, from!), true);
    default:
      if (!equal(found(document, path), value!)) throw new NoPlace();
      return document;
  }
}

/** Patches in the form of RFC 6902, which may reach into sets too. */
export const patches: Builtins = {
  "json.patch": builtin(2, ([document, ...args], run) => {
    const list = arrayArg([null, ...args], 1);
    const operations = list.map((_, i) => operationOf(list, i));
    try {
      return operations.reduce<Value>((value, operation) => applied(value, operation, run), document!);
    } catch (error) {
      if (error instanceof NoPlace) return undefined;
      throw error;
    }
  }),
};
