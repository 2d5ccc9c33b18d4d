import type { JsonObject } from "../../../system/index.ts";
import type { ShownField } from "../../../tee/tdx/index.ts";

/** Bytes of a field that one line shows. */
const SHOWN_BYTES = 64;

/** Fields as the rows of a table: offset, size, name, value, meaning. */
export function fieldRows(fields: readonly ShownField[], meaning: (field: ShownField) => string = () => ""): string[][] {
  return fields.map((field) => {
    const { offset, name, value } = field;
    const hex = value.length > SHOWN_BYTES ? `${value.subarray(0, SHOWN_BYTES / 2).toHex()}… (${value.length} bytes)` : value.toHex();
    return [`${offset}`, `${value.length}`, name, hex, meaning(field)];
  });
}

/** Fields by their parts and names, each as lower-case hexadecimal. */
export function fieldsJson(fields: readonly ShownField[]): JsonObject {
  const parts: Record<string, Record<string, string>> = {};
  for (const { part, name, value } of fields) {
    const key = part.toLowerCase().replaceAll(" ", "_");
    parts[key] ??= {};
    parts[key][name] = value.toHex();
  }
  return parts;
}

/** The fields grouped by their parts, in order of first appearance. */
export function byPart(fields: readonly ShownField[]): ReadonlyMap<string, readonly ShownField[]> {
  return Map.groupBy(fields, ({ part }) => part);
}
