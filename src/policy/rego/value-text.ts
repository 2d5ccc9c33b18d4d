import { countWritten } from "./allowance.ts";
import { formatNumber } from "./number.ts";
import { entriesOf, type PlainObject, type RegoObject, RegoSet, type Value } from "./value.ts";

/** @returns the value as Rego text, with one space after each colon and comma */
export function termText(value: Value): string {
  countWritten(typeof value === "string" ? value.length : 0);
  switch (typeof value) {
    case "string":
      return JSON.stringify(value);
    case "number":
    case "bigint":
      return formatNumber(value);
    case "boolean":
      return String(value);
  }
  if (value === null) return "null";
  if (Array.isArray(value)) return `[${value.map(termText).join(", ")}]`;
  if (value instanceof RegoSet) return value.size === 0 ? "set()" : `{${value.values().map(termText).join(", ")}}`;
  const members = entriesOf(value as PlainObject | RegoObject).map(([key, item]) => `${termText(key)}: ${termText(item)}`);
  return `{${members.join(", ")}}`;
}

/** @returns the same, but a string as itself */
export function describeValue(value: Value): string {
  return typeof value === "string" ? value : termText(value);
}
