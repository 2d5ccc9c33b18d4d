import { CaiError, type JsonValue } from "../system/index.ts";

/** The deepest nesting that is canonicalised: far more than any message has, far less than the stack holds. */
const MAX_DEPTH = 256;

/**
 * Writes canonical JSON (RFC 8785): members sorted by UTF-16 code units, no white space, shortest escapes, numbers as ECMAScript
 * prints them.
 *
 * @returns UTF-8 bytes
 * @throws CaiError `crypto.json-not-canonical` for what has no canonical form: a lone surrogate, a number that is not finite,
 *   nesting deeper than 256, a value that JSON does not have
 */
export function jcs(value: JsonValue): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text(value, 0));
}

function text(value: JsonValue, depth: number): string {
  if (depth > MAX_DEPTH) throw notCanonical(`nesting deeper than ${MAX_DEPTH}`);
  if (value === null || typeof value === "boolean") return String(value);
  if (typeof value === "string") return stringText(value);
  if (typeof value === "number") {
    if (!Number.isFinite(value)) throw notCanonical("a number that is not finite");
    return JSON.stringify(value);
  }
  if (Array.isArray(value)) return `[${value.map((item: JsonValue) => text(item, depth + 1)).join(",")}]`;
  if (typeof value !== "object") throw notCanonical(`a value of type ${typeof value}`);
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, member]) => `${stringText(name)}:${text(member, depth + 1)}`).join(",")}}`;
}

function stringText(value: string): string {
  if (!value.isWellFormed()) throw notCanonical("a string with a lone surrogate");
  return JSON.stringify(value);
}

function notCanonical(got: string): CaiError {
  return new CaiError("crypto.json-not-canonical", `a value has no canonical JSON form: ${got}`, { got });
}
