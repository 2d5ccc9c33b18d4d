import type { Eval } from "./code.ts";
import type { Generator } from "./generator.ts";
import type { Node } from "./ir.ts";
import type { Plan } from "./plan.ts";
import { errorAt } from "./position.ts";
import type { RuleTree } from "./rule-tree.ts";
import { iterateStep } from "./unify-code.ts";
import { member, type Value } from "./value.ts";

type Ref = Node & { readonly kind: "ref" };

/** Code of a ref. A variable in its path that has no value yet goes through all keys there. */
export function refCode(generator: Generator, node: Ref, plan: Plan): Eval | null {
  if (node.root === "data") {
    const { base, rest } = dataCode(generator, node);
    return followed(generator, base, rest, plan);
  }
  if (node.root === "input") return followed(generator, (context) => context.input, node.path, plan);
  const root = generator.value(node.root, plan);
  return root && followed(generator, root, node.path, plan);
}

function followed(generator: Generator, from: Eval, path: readonly Node[], plan: Plan): Eval | null {
  let base = from;
  let constants: Value[] = [];
  const flush = () => {
    if (constants.length > 0) base = constantPath(base, constants);
    constants = [];
  };
  for (const operand of path) {
    if (operand.kind === "value") {
      constants.push(operand.value);
      continue;
    }
    flush();
    if (plan.isPattern(operand)) {
      const slot = generator.layout.allocate();
      if (!iterateStep(generator, base, operand, { kind: "slot", slot, at: operand.at }, plan)) return null;
      base = (_, frame) => frame[slot] as Value;
    } else {
      const key = generator.value(operand, plan);
      if (key === null) return null;
      base = memberCode(base, key);
    }
  }
  flush();
  return base;
}

function constantPath(base: Eval, keys: readonly Value[]): Eval {
  const [first, second] = keys;
  if (keys.length === 1) {
    return (context, frame) => {
      const of = base(context, frame);
      return of === undefined ? undefined : member(of, first!);
    };
  }
  if (keys.length === 2) {
    return (context, frame) => {
      const outer = base(context, frame);
      const inner = outer === undefined ? undefined : member(outer, first!);
      return inner === undefined ? undefined : member(inner, second!);
    };
  }
  return (context, frame) => {
    let value = base(context, frame);
    for (let i = 0; i < keys.length && value !== undefined; i++) value = member(value, keys[i]!);
    return value;
  };
}

function memberCode(base: Eval, key: Eval): Eval {
  return (context, frame) => {
    const of = base(context, frame);
    if (of === undefined) return undefined;
    const at = key(context, frame);
    return at === undefined ? undefined : member(of, at);
  };
}

/** Follows the constant start of a path below `data` through packages and rules; what is left is followed in the document there. */
function dataCode(generator: Generator, node: Ref): { base: Eval; rest: readonly Node[] } {
  let tree: RuleTree = generator.program.tree;
  for (const [i, operand] of node.path.entries()) {
    if (tree.group !== undefined && (tree.group.kind !== "document" || tree.children.size > 0)) {
      return { base: treeCode(generator, tree, node), rest: node.path.slice(i) };
    }
    const name = operand.kind === "value" ? operand.value : undefined;
    const child = typeof name === "string" ? tree.children.get(name) : undefined;
    if (child !== undefined) {
      tree = child;
      continue;
    }
    if (tree.group === undefined && operand.kind === "value") {
      // No rule can stand there.
      const path = tree.path;
      return { base: (context) => baseAt(context.data, path), rest: node.path.slice(i) };
    }
    return { base: treeCode(generator, tree, node), rest: node.path.slice(i) };
  }
  return { base: treeCode(generator, tree, node), rest: [] };
}

function baseAt(data: Value, path: readonly string[]): Value | undefined {
  let value: Value | undefined = data;
  for (let i = 0; i < path.length && value !== undefined; i++) value = member(value, path[i]!);
  return value;
}

function treeCode(generator: Generator, tree: RuleTree, node: Ref): Eval {
  const { group } = tree;
  if (group?.kind === "function" && tree.children.size === 0) {
    throw errorAt("policy.compile-error", node.at, `${group.name} is a function: expected a call`);
  }
  generator.owner?.dependencies.add(group !== undefined && tree.children.size === 0 ? group : tree);
  if (group !== undefined && tree.children.size === 0) {
    return (context) => (context.replaced.length === 0 ? group.value(context) : tree.value(context));
  }
  return (context) => tree.value(context);
}
