import type { JsonValue } from "../../system/index.ts";
import { countWritten } from "./allowance.ts";
import { formatNumber } from "./number.ts";
import { entriesOf, type PlainObject, type RegoObject, RegoSet, type Value } from "./value.ts";

/** @returns the value as JSON: sets as sorted arrays, keys that are no strings as their JSON text, bigints as the nearest number */
export function toJson(value: Value): JsonValue {
  countWritten();
  if (typeof value === "bigint") return Number(value);
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(toJson);
  if (value instanceof RegoSet) return value.values().map(toJson);
  const result: { [key: string]: JsonValue } = Object.create(null);
  for (const [key, item] of entriesOf(value as PlainObject | RegoObject)) {
    result[typeof key === "string" ? key : JSON.stringify(toJson(key))] = toJson(item);
  }
  return result;
}

/** @returns the same as JSON text: members sorted, integers exact whatever their size */
export function jsonText(value: Value): string {
  countWritten(typeof value === "string" ? value.length : 0);
  if (typeof value === "number" || typeof value === "bigint") return formatNumber(value);
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(jsonText).join()}]`;
  if (value instanceof RegoSet) return `[${value.values().map(jsonText).join()}]`;
  const members = entriesOf(value as PlainObject | RegoObject).map(([key, item]) => {
    const name = typeof key === "string" ? key : jsonText(key);
    return `${JSON.stringify(name)}:${jsonText(item)}`;
  });
  return `{${members.join()}}`;
}
