import { CaiError, type JsonValue } from "../../system/index.ts";
import { parseNumber } from "./number.ts";

/**
 * Parses JSON for `input` and `data`: an integer beyond 2^53 keeps its value, as a bigint that only the engine and its JSON writer read.
 *
 * @throws CaiError `policy.input-invalid` where the text is no JSON or a number is out of range
 */
export function parsePolicyJson(text: string): JsonValue {
  try {
    return exactJson(text) as JsonValue;
  } catch (cause) {
    if (cause instanceof RangeError) throw new CaiError("policy.limit-exceeded", "the JSON is nested too deeply", { cause });
    const problem = cause instanceof OutOfRange ? "a number is out of range" : "it does not parse";
    throw new CaiError("policy.input-invalid", `the document is no JSON that a policy can read: ${problem}`, { cause });
  }
}

/** Said of a number that no Rego number holds. */
export class OutOfRange extends Error {}

/**
 * Parses JSON with exact integers.
 *
 * @throws SyntaxError, OutOfRange
 */
export function exactJson(text: string): unknown {
  return JSON.parse(text, exactNumber);
}

function exactNumber(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  if (typeof value !== "number" || context?.source === undefined) return value;
  const exact = parseNumber(context.source);
  if (exact === undefined) throw new OutOfRange("a number is out of range");
  return exact;
}
