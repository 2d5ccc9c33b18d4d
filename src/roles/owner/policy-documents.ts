import { type EvaluateOptions, loadFixtures, parsePolicyJson } from "../../policy/index.ts";
import { CaiError, type JsonObject, type JsonValue } from "../../system/index.ts";
import { readInput } from "./input.ts";

/** The largest document that a policy is given. */
const MAX_DOCUMENT = 16 * 1024 * 1024;

/** The flags of every verb that evaluates a policy. */
export const DOCUMENT_FLAGS = {
  input: { kind: "text", value: "FILE", short: "i", about: "JSON for `input`; `-` reads standard input", commandLineOnly: true },
  data: {
    kind: "text",
    value: "FILE",
    short: "d",
    about: "a JSON object for `data`; its member `reference` answers query_reference_value, too",
    commandLineOnly: true,
  },
  fixtures: { kind: "switch", about: "put the policy inputs that cai brings at data.fixtures", commandLineOnly: true },
} as const;

/**
 * Reads what a policy is evaluated with: documents, reference values, and the time.
 *
 * @param now  seconds since 1970
 * @throws CaiError `cli.usage`, `cli.input-unreadable`, `policy.input-invalid`
 */
export async function readDocuments(
  flags: { readonly input: string | undefined; readonly data: string | undefined; readonly fixtures: boolean },
  now: number,
): Promise<EvaluateOptions> {
  if (flags.input === "-" && flags.data === "-") throw new CaiError("cli.usage", "--input and --data cannot both be standard input");
  const input = flags.input === undefined ? undefined : await readJson(flags.input);
  const given = flags.data === undefined ? {} : asObject(await readJson(flags.data), flags.data);
  return evaluationOf(input, flags.fixtures ? { ...given, fixtures: await loadFixtures() } : given, now);
}

/** @returns the options of an evaluation whose reference values are those of `data.reference` (trustee.md §5.7) */
export function evaluationOf(input: JsonValue | undefined, data: JsonObject, now: number): EvaluateOptions {
  const references = Object.hasOwn(data, "reference") ? data["reference"] : undefined;
  return { ...(input !== undefined && { input }), data, now, referenceValue: (id) => memberOf(references, id) ?? null };
}

/** @throws CaiError `cli.input-unreadable`, `policy.input-invalid` */
export async function readJson(path: string): Promise<JsonValue> {
  const bytes = await readInput(path, MAX_DOCUMENT);
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new CaiError("policy.input-invalid", `${path} is no UTF-8 text`, { expected: "JSON in UTF-8", cause });
  }
  try {
    return parsePolicyJson(text);
  } catch (error) {
    const { id, message, cause } = CaiError.from(error);
    throw new CaiError(id, `${path}: ${message}`, {
      expected: "JSON",
      got: cause instanceof Error ? cause.message : message,
      cause: error,
    });
  }
}

/** @throws CaiError `policy.input-invalid` for JSON that is no object */
export function asObject(value: JsonValue, path: string): JsonObject {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as JsonObject;
  throw new CaiError("policy.input-invalid", `${path} is no JSON object`, { expected: "an object for data" });
}

function memberOf(value: JsonValue | undefined, name: string): JsonValue | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value) || !Object.hasOwn(value, name)) return undefined;
  return (value as JsonObject)[name];
}
