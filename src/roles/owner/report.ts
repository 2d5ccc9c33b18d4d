import { formatTable, type JsonObject, type JsonValue, printable } from "../../system/index.ts";

/** One titled part of a report for a person: rows in columns, and lines around them. */
export interface Section {
  readonly title: string;
  readonly before?: readonly string[];
  readonly rows: readonly (readonly string[])[];
  readonly after?: readonly string[];
}

/** Whoever made what is reported chooses how long its texts are, and a table makes every row as wide as the widest; programs get them whole. */
const MAX_CELL = 1000;

/** Lays sections out, each below its title; empty ones are left out, and texts of more than 1000 characters are cut. */
export function formatSections(sections: readonly Section[]): string {
  const parts = sections.map(({ title, before = [], rows, after = [] }) => {
    const table = rows.length === 0 ? [] : formatTable(padded(rows)).split("\n");
    return {
      title: printable(title),
      lines: [...before.map((line) => printable(line)), ...table, ...after.map((line) => printable(line))],
    };
  });
  return parts
    .filter(({ lines }) => lines.length > 0)
    .map(({ title, lines }) => [title, ...lines.map((line) => (line === "" ? "" : `  ${line}`))].join("\n"))
    .join("\n\n");
}

/** A text of at most `size` characters, and a mark where some were left out. */
export const cut = (text: string, size: number): string => (text.length > size ? `${text.slice(0, size)}…` : text);

/** Rows of one length, as a table needs them. */
function padded(rows: readonly (readonly string[])[]): string[][] {
  const columns = Math.max(...rows.map((row) => row.length));
  return rows.map((row) => [...row.map((cell) => cut(cell, MAX_CELL)), ...Array<string>(columns - row.length).fill("")]);
}

/** The members of an object as rows of name and value, nested ones by their path. Arrays of objects are left out, for they are tables of their own. */
export function memberRows(members: JsonObject, prefix = ""): string[][] {
  return Object.entries(members).flatMap(([name, value]) => {
    const path = cut(prefix === "" ? name : `${prefix}.${name}`, MAX_CELL);
    if (Array.isArray(value)) return value.some(isObject) ? [] : [[path, value.length === 0 ? "none" : value.map(valueText).join(", ")]];
    return isObject(value) ? memberRows(value, path) : [[path, valueText(value)]];
  });
}

/** A value for a cell: texts as they are, everything else as JSON. */
export const valueText = (value: JsonValue): string => (typeof value === "string" ? value : JSON.stringify(value));

function isObject(value: JsonValue): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
