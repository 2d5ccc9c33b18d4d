import type { Run } from "../run.ts";
import { equal, iterate, member, RegoSet, sizeOf, type Value } from "../value.ts";
import { type Builtin, type Builtins, builtin, listArg, objectArg } from "./builtin.ts";

/** Every value inside a value, with the path that leads to it. */
function walk(of: Value, run: Run): Value[] {
  const found: Value[] = [];
  const visit = (path: readonly Value[], value: Value): false => {
    run.tick(1 + path.length);
    found.push([path, value]);
    iterate(value, (key, item) => visit([...path, key], item));
    return false;
  };
  visit([], of);
  run.members(found.length);
  return found;
}

const relation: Builtin = { ...builtin(1, ([of], run) => walk(of!, run)), isRelation: true };

/**
 * The paths from the given nodes to where they cannot go on. Below each neighbour of a start a node is gone through once: a path that
 * meets it again ends there.
 */
function paths(graph: Value, starts: readonly Value[], run: Run): RegoSet {
  const found = new RegoSet();
  const end = (path: readonly Value[]) => {
    found.add(path);
    run.members(found.size);
  };
  const visit = (path: readonly Value[], node: Value, reached: RegoSet) => {
    run.tick(1 + path.length);
    const edges = member(graph, node);
    if (edges === undefined) return end(path);
    const next = [...path, node];
    if ((sizeOf(edges) ?? 0) === 0) return end(next);
    iterate(edges, (_, neighbour) => {
      if (reached.has(neighbour)) end(next);
      else {
        reached.add(node);
        visit(next, neighbour, reached);
      }
      return false;
    });
  };
  for (const start of starts) {
    const edges = member(graph, start);
    if (edges === undefined) continue;
    if ((sizeOf(edges) ?? 0) === 0) end([start]);
    iterate(edges, (_, neighbour) => {
      if (equal(neighbour, start)) end([start]);
      else visit([start], neighbour, new RegoSet([start]));
      return false;
    });
  }
  return found;
}

/** Functions over nested values and graphs. */
export const graphs: Builtins = {
  walk: relation,
  "graph.reachable": builtin(2, (args, run) => {
    const graph = objectArg(args, 0);
    const reached = new RegoSet();
    const waiting = [...listArg(args, 1)];
    for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
      run.tick();
      const edges = member(graph, node);
      if (edges === undefined || reached.has(node)) continue;
      reached.add(node);
      iterate(edges, (_, next) => {
        run.tick();
        waiting.push(next);
        return false;
      });
    }
    return reached;
  }),
  "graph.reachable_paths": builtin(2, (args, run) => paths(objectArg(args, 0), listArg(args, 1), run)),
};
