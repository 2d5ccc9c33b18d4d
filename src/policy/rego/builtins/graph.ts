import type { Run } from "../run.ts";
import { iterate, member, RegoSet, type Value } from "../value.ts";
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
};
