import { parseModule } from "../rego/module-parser.ts";
import type { PolicyModule } from "../rego/policy.ts";
import { Layout, type PlacedToken } from "./layout.ts";
import { scan } from "./scanner.ts";

/**
 * Lays a module out anew: tabs, one space between words and around operators, a line for every statement of a body, at most one empty line in a
 * row. Comments, names, values and the writer's other line breaks stay. The result means the same, and is its own layout.
 *
 * @returns text that ends with a line end
 * @throws CaiError `policy.parse-error`, `policy.limit-exceeded`
 */
export function formatPolicy({ name, text }: PolicyModule): string {
  parseModule(name, text);
  return `${new Layout(scan(text)).place().map(written).join("")}\n`;
}

const SEPARATORS = { blank: "\n\n", line: "\n", space: " ", none: "" } as const;

function written({ text, before, indent }: PlacedToken): string {
  const startsLine = before === "blank" || before === "line";
  return `${SEPARATORS[before]}${startsLine ? "\t".repeat(indent) : ""}${text}`;
}
