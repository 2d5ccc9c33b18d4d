import type { Node } from "../rego/ir.ts";
import type { Program } from "../rego/program.ts";
import type { RuleGroup } from "../rego/rule-group.ts";

/** Rules of one package that a reference to the whole package names. */
const MAXIMUM_RULES = 32;

/** @returns the rules that a reference below `data` reads: one, those of a package, or none */
export function rulesOf(program: Program, { path }: Node & { readonly kind: "ref" }): RuleGroup[] {
  let tree = program.tree;
  for (const step of path) {
    const child = step.kind === "value" && typeof step.value === "string" ? tree.children.get(step.value) : undefined;
    if (child !== undefined) tree = child;
    else if (tree.group === undefined && step.kind === "value") return [];
    else break;
  }
  const groups: RuleGroup[] = [];
  for (const group of tree.groups()) {
    if (group.kind !== "function") groups.push(group);
    if (groups.length === MAXIMUM_RULES) break;
  }
  return groups;
}
