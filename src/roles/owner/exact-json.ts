import type { JsonValue } from "../../system/index.ts";

// The runtime has both (ECMAScript's JSON.parse source text access); the compiler's library does not yet.
const json = JSON as unknown as {
  parse(text: string, reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown): unknown;
  rawJSON(text: string): unknown;
};

/**
 * Reads the engine's JSON text for printing: an integer beyond 2^53 becomes a value that `JSON.stringify` writes with all its digits.
 * Nothing else may be done with it.
 */
export function exactJson(text: string): JsonValue {
  return json.parse(text, (_, value, { source }) =>
    typeof value === "number" && !Number.isSafeInteger(value) && source !== undefined ? json.rawJSON(source) : value,
  ) as JsonValue;
}
