import type { Node } from "./ir.ts";
import { termText } from "./value-text.ts";

const OPERATORS: { readonly [builtin: string]: string } = {
  equal: "==",
  neq: "!=",
  lt: "<",
  lte: "<=",
  gt: ">",
  gte: ">=",
  plus: "+",
  minus: "-",
  mul: "*",
  div: "/",
  rem: "%",
  and: "&",
  or: "|",
  "internal.member_2": "in",
};

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/**
 * Writes a resolved term as Rego text.
 *
 * @param home  the package it stands in: its rules are named without the package
 */
export function nodeText(node: Node, home: readonly string[]): string {
  const inner = (child: Node) => nodeText(child, home);
  switch (node.kind) {
    case "value":
      return termText(node.value);
    case "local":
      return node.local.name;
    case "ref":
      return refText(node, node.path.length, home);
    case "call": {
      const operator = Object.hasOwn(OPERATORS, node.name) ? OPERATORS[node.name] : undefined;
      const args = node.args.map(inner);
      if (operator !== undefined && args.length === 2) {
        return node.args.map((arg, i) => (isInfix(arg) ? `(${args[i]})` : args[i]!)).join(` ${operator} `);
      }
      if (node.name === "internal.member_3") return `(${args[0]}, ${args[1]} in ${args[2]})`;
      return `${withoutHome(node.name, home)}(${args.join(", ")})`;
    }
    case "array":
      return `[${node.items.map(inner).join(", ")}]`;
    case "set":
      return node.items.length === 0 ? "set()" : `{${node.items.map(inner).join(", ")}}`;
    case "object":
      return `{${node.entries.map(([key, value]) => `${inner(key)}: ${inner(value)}`).join(", ")}}`;
    case "comprehension": {
      const head = node.key === undefined ? inner(node.value) : `${inner(node.key)}: ${inner(node.value)}`;
      return node.of === "array" ? `[${head} | …]` : `{${head} | …}`;
    }
    case "template":
      return `$"${node.parts.map((part) => (typeof part === "string" ? part : `{${inner(part)}}`)).join("")}"`;
    case "slot":
      return "_";
  }
}

/** Writes the first `length` steps of a ref. */
export function refText(node: Node & { readonly kind: "ref" }, length: number, home: readonly string[]): string {
  let text = typeof node.root === "string" ? node.root : nodeText(node.root, home);
  for (const step of node.path.slice(0, length)) {
    const name = step.kind === "value" && typeof step.value === "string" && NAME.test(step.value) ? step.value : undefined;
    text += name === undefined ? `[${nodeText(step, home)}]` : `.${name}`;
  }
  return node.root === "data" ? withoutHome(text, home) : text;
}

/** @returns a name below `data` without the package it stands in */
export function withoutHome(text: string, home: readonly string[]): string {
  const prefix = `${["data", ...home].join(".")}.`;
  return home.length > 0 && text.startsWith(prefix) ? text.slice(prefix.length) : text;
}

function isInfix(node: Node): boolean {
  return node.kind === "call" && node.args.length === 2 && Object.hasOwn(OPERATORS, node.name);
}
