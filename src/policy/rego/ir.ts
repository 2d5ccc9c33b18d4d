import type { Position } from "./position.ts";
import type { Value } from "./value.ts";

/** A variable of one rule: where its value stands in the rule's frame. */
export interface Local {
  /** `_` for a wildcard, each of which is a variable of its own */
  readonly name: string;
  readonly slot: number;
  /** how many bodies enclose the one that declares it */
  readonly depth: number;
}

/** The slots of a rule's frame. Slot 0 is the rule's result. */
export class Layout {
  size = 1;
  /** what a name that is no variable may mean in this module, for the hints of errors */
  readonly globals: readonly string[];

  constructor(globals: readonly string[] = ["input", "data"]) {
    this.globals = globals;
  }

  allocate(): number {
    return this.size++;
  }
}

/** A term whose names are resolved. */
export type Node = { readonly at: Position } & (
  | { readonly kind: "value"; readonly value: Value }
  | { readonly kind: "local"; readonly local: Local }
  | { readonly kind: "ref"; readonly root: "input" | "data" | Node; readonly path: readonly Node[] }
  /** `name` starts with `data.` for a rule of the policy; otherwise it is a built-in's */
  | { readonly kind: "call"; readonly name: string; readonly args: readonly Node[] }
  | { readonly kind: "array" | "set"; readonly items: readonly Node[] }
  | { readonly kind: "object"; readonly entries: readonly (readonly [Node, Node])[] }
  | {
      readonly kind: "comprehension";
      readonly of: "array" | "set" | "object";
      readonly key: Node | undefined;
      readonly value: Node;
      readonly body: readonly Statement[];
      /** variables of enclosing bodies that it reads */
      readonly free: ReadonlySet<Local>;
    }
  | { readonly kind: "template"; readonly parts: readonly (string | Node)[] }
  /** what code generation has put into a slot already */
  | { readonly kind: "slot"; readonly slot: number }
);

/** What a `with` replaces. */
export interface Override {
  readonly at: Position;
  readonly target:
    | { readonly kind: "input" | "data"; readonly path: readonly string[] }
    | { readonly kind: "function"; readonly name: string };
  /** a function's name where the value names one */
  readonly callee: string | undefined;
  readonly value: Node | undefined;
}

/** One statement of a body. */
export type Statement = { readonly at: Position; readonly overrides: readonly Override[] } & (
  | { readonly kind: "expression"; readonly term: Node }
  | { readonly kind: "unify"; readonly left: Node; readonly right: Node }
  | { readonly kind: "not"; readonly statement: Statement }
  | { readonly kind: "some-in"; readonly key: Node | undefined; readonly value: Node; readonly domain: Node }
  | {
      readonly kind: "every";
      readonly key: Node | undefined;
      readonly value: Node;
      readonly domain: Node;
      readonly body: readonly Statement[];
      readonly free: ReadonlySet<Local>;
    }
);

export interface ResolvedBranch {
  readonly at: Position;
  /** the steps of the head after its constant part */
  readonly keys: readonly Node[];
  readonly element: Node | undefined;
  readonly value: Node;
  readonly body: readonly Statement[];
}

export interface ResolvedRule {
  readonly at: Position;
  /** constant path below `data` */
  readonly path: readonly string[];
  readonly args: readonly Node[] | undefined;
  readonly isDefault: boolean;
  readonly branches: readonly ResolvedBranch[];
  readonly layout: Layout;
}

/** Calls `visit` with each variable that a term reads or binds itself, and with those that its closures read. */
export function eachLocal(node: Node, visit: (local: Local) => void): void {
  const inner = (child: Node) => eachLocal(child, visit);
  switch (node.kind) {
    case "local":
      visit(node.local);
      break;
    case "ref":
      if (typeof node.root !== "string") inner(node.root);
      node.path.forEach(inner);
      break;
    case "call":
      node.args.forEach(inner);
      break;
    case "array":
    case "set":
      node.items.forEach(inner);
      break;
    case "object":
      for (const entry of node.entries) entry.forEach(inner);
      break;
    case "template":
      for (const part of node.parts) if (typeof part !== "string") inner(part);
      break;
    case "comprehension":
      node.free.forEach(visit);
      break;
  }
}

/** The same for a statement. */
export function eachLocalOf(statement: Statement, visit: (local: Local) => void): void {
  const inner = (node: Node | undefined) => node !== undefined && eachLocal(node, visit);
  for (const override of statement.overrides) inner(override.value);
  switch (statement.kind) {
    case "expression":
      inner(statement.term);
      break;
    case "unify":
      inner(statement.left);
      inner(statement.right);
      break;
    case "not":
      eachLocalOf(statement.statement, visit);
      break;
    case "some-in":
      inner(statement.key);
      inner(statement.value);
      inner(statement.domain);
      break;
    case "every":
      inner(statement.domain);
      statement.free.forEach(visit);
      break;
  }
}
