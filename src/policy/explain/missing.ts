import type { Context, Frame } from "../rego/context.ts";
import type { Node } from "../rego/ir.ts";
import { refText } from "../rego/node-text.ts";
import type { Program } from "../rego/program.ts";
import { isObject, iterate, member, sizeOf, typeName, type Value } from "../rego/value.ts";
import { shortText } from "./short-text.ts";

const MAXIMUM_KEYS = 6;

interface Walked {
  readonly value?: Value;
  readonly note?: string;
}

type Ref = Node & { readonly kind: "ref" };

/** @returns where the path of a ref without a value ends, in words; undefined where that cannot be said shortly */
export function missingText(program: Program, node: Ref, home: readonly string[], context: Context, frame: Frame): string | undefined {
  return walk(program, node, home, context, frame).note;
}

/** Follows a ref step by step. */
function walk(program: Program, node: Ref, home: readonly string[], context: Context, frame: Frame): Walked {
  let value: Value | undefined;
  let start = 0;
  if (node.root === "input") {
    if (context.input === undefined) return { note: "there is no input" };
    value = context.input;
  } else if (node.root === "data") {
    const rule = ruleOf(program, node);
    if (rule === "package") return {};
    value = rule === undefined ? context.data : rule.tree.value(context);
    start = rule?.length ?? 0;
  } else if (node.root.kind === "local") value = frame[node.root.local.slot] as Value | undefined;
  for (let i = start; i < node.path.length && value !== undefined; i++) {
    const step = node.path[i]!;
    const key = keyOf(step);
    const name = refText(node, i, home);
    if (key === undefined) return { note: `${name} is ${shortText(value)}` };
    const next = member(value, key);
    if (next === undefined) return { note: `${name} ${contents(value)}, not ${shortText(key)}` };
    value = next;
  }
  return value === undefined ? {} : { value };

  function keyOf(step: Node): Value | undefined {
    if (step.kind === "value") return step.value;
    if (step.kind === "local") return frame[step.local.slot] as Value | undefined;
    return step.kind === "ref" ? walk(program, step, home, context, frame).value : undefined;
  }
}

function contents(value: Value): string {
  const size = sizeOf(value);
  if (size === undefined) return `is ${shortText(value)}`;
  if (size === 0) return `is an empty ${typeName(value)}`;
  if (Array.isArray(value)) return `has ${size} items`;
  const keys: string[] = [];
  iterate(value, (key) => {
    keys.push(shortText(key));
    return keys.length === MAXIMUM_KEYS;
  });
  const rest = size > keys.length ? ` and ${size - keys.length} more` : "";
  return `${isObject(value) ? "has" : "contains"} ${keys.join(", ")}${rest}`;
}

/** The rule at the start of a path below `data`; "package" where the path ends at, or asks a package for, what no rule gives. */
function ruleOf(program: Program, { path }: Ref) {
  let tree = program.tree;
  for (const [i, step] of path.entries()) {
    if (tree.group !== undefined) return { tree, length: i };
    const child = step.kind === "value" && typeof step.value === "string" ? tree.children.get(step.value) : undefined;
    if (child === undefined) return tree === program.tree ? undefined : "package";
    tree = child;
  }
  return tree.group === undefined ? "package" : { tree, length: path.length };
}
