import { add, multiply } from "../number.ts";
import type { Run } from "../run.ts";
import { compare, RegoSet, sizeOf, type Value } from "../value.ts";
import { arrayArg, type Builtin, type Builtins, builtin, listArg, numberArg, setArg } from "./builtin.ts";
import { bounded } from "./operators.ts";

function folded(start: number, operation: typeof add): Builtin {
  return builtin(1, (args, run) => {
    const list = listArg(args, 0);
    run.tick(list.length);
    return list.reduce<ReturnType<typeof numberArg>>((sum, _, i) => bounded(operation(sum, numberArg(list, i)), run), start);
  });
}

function extreme(sign: number): Builtin {
  return builtin(1, (args, run) => {
    const list = listArg(args, 0);
    run.tick(list.length);
    return list.reduce<Value | undefined>(
      (best, value) => (best === undefined || compare(value, best) * sign > 0 ? value : best),
      undefined,
    );
  });
}

/** The members of a set of sets. */
function sets(args: readonly Value[]): readonly RegoSet[] {
  const members = setArg(args, 0).values();
  return members.map((_, i) => setArg(members, i));
}

function union(parts: readonly RegoSet[], run: Run): RegoSet {
  const all = new RegoSet();
  for (const part of parts) {
    for (const value of part.values()) all.add(value);
    run.members(all.size);
  }
  return all;
}

/** Functions over whole collections. */
export const aggregates: Builtins = {
  count: builtin(1, ([of], run) => {
    if (typeof of === "string") {
      run.characters(of.length);
      let points = 0;
      for (const _ of of) points++;
      return points;
    }
    return sizeOf(of!) ?? listArg([of!], 0).length;
  }),
  sum: folded(0, add),
  product: folded(1, multiply),
  max: extreme(1),
  min: extreme(-1),
  sort: builtin(1, (args, run) => {
    const list = listArg(args, 0);
    run.members(list.length);
    return [...list].sort(compare);
  }),
  all: builtin(1, (args) => listArg(args, 0).every((value) => value === true)),
  any: builtin(1, (args) => listArg(args, 0).some((value) => value === true)),
  union: builtin(1, (args, run) => union(sets(args), run)),
  intersection: builtin(1, (args) => {
    const [first, ...others] = sets(args);
    return new RegoSet(first?.values().filter((value) => others.every((other) => other.has(value))));
  }),
  set_diff: builtin(2, (args) => {
    const without = setArg(args, 1);
    return new RegoSet(
      setArg(args, 0)
        .values()
        .filter((value) => !without.has(value)),
    );
  }),
  "array.concat": builtin(2, (args, run) => {
    const [a, b] = [arrayArg(args, 0), arrayArg(args, 1)];
    run.members(a.length + b.length);
    return [...a, ...b];
  }),
  "array.slice": builtin(3, (args, run) => {
    const list = arrayArg(args, 0);
    const clamp = (value: number) => Math.min(Math.max(value, 0), list.length);
    const [start, stop] = [clamp(Number(numberArg(args, 1))), clamp(Number(numberArg(args, 2)))];
    run.members(Math.max(stop - start, 0));
    return start < stop ? list.slice(start, stop) : [];
  }),
  "array.reverse": builtin(1, (args, run) => {
    const list = arrayArg(args, 0);
    run.members(list.length);
    return [...list].reverse();
  }),
  "array.flatten": builtin(1, (args, run) => {
    const flat = arrayArg(args, 0).flatMap((item) => (Array.isArray(item) ? (item as readonly Value[]) : [item]));
    run.members(flat.length);
    return flat;
  }),
};
