import { z } from "zod";
import { decodeBase64Tolerant } from "../../crypto/index.ts";
import { CaiError, type JsonObject, type JsonValue } from "../../system/index.ts";
import type { ReferenceValue } from "./store/index.ts";

/** Seconds that a reference value lives where the message does not say: 12 months (trustee.md §7.2). */
const LIFE = 365 * 86_400;
const MAX_NAMES = 1024;
/** Values beyond these are refused, so that what is kept in memory stays bounded. */
const MAX_NAME = 256;
const MAX_DEPTH = 32;

const message = z.object({ version: z.literal("0.1.0").default("0.1.0"), type: z.string().max(64), payload: z.string() });
const name = z
  .string()
  .min(1)
  .max(MAX_NAME)
  // A key is part of what its row's MAC covers, and of the head's digest: no NUL or other control character.
  .regex(/^[^\p{Cc}]+$/u);
/** A policy cannot tell a value that is null from one that was never given. */
const payload = z.record(
  name,
  z.json().refine((value) => value !== null, "expected a value, got null"),
);
const hashes = z.array(z.string());
const register = z.object({ message: z.string().describe("the message's JSON, as a text") });

const listedBody = z.strictObject({
  references: z
    .array(z.strictObject({ name, value: payload.valueType, expiration: z.string().max(32).optional() }))
    .min(1)
    .max(MAX_NAMES),
  /** whether lists grow by what is given, as by `rvps/register`, instead of being replaced */
  merge: z.boolean().default(false),
});

/** The schemas of reference value messages, for those who describe them. */
export const referenceSchemas = { message, register, list: listedBody } as const;

/**
 * Reads an RVPS message of type `sample` (trustee.md §7.1).
 *
 * @param body  the message's JSON
 * @param now   seconds since 1970
 * @returns one value a name: an array of texts becomes a list of hashes, anything else a plain value
 * @throws CaiError `kbs.reference-invalid`
 */
export function parseReferenceMessage(body: string, now: number): ReferenceValue[] {
  const { type, payload: encoded } = parse(message, json(body, "the message"), "the message");
  if (PROVENANCE_TYPES.includes(type)) throw unverifiedProvenance(type);
  if (type !== "sample") {
    throw new CaiError("kbs.reference-invalid", "the reference value message is of a type that is not known", {
      expected: "sample",
      got: type,
    });
  }
  const entries = Object.entries(parse(payload, json(decode(encoded), "the payload"), "the payload"));
  if (entries.length === 0 || entries.length > MAX_NAMES)
    throw invalid(`the payload: expected 1 to ${MAX_NAMES} names, got ${entries.length}`);
  return entries.map(([name, value]) => referenceValue(name, value as JsonValue, now + LIFE));
}

/** @returns a list of hashes for an array of texts, a plain value for anything else (trustee.md §7.1) */
function referenceValue(name: string, value: JsonValue, expires: number): ReferenceValue {
  return { name, expires, kind: hashes.safeParse(value).success ? "hashes" : "value", value };
}

/** Messages whose values are worth what the provenance beside them proves (trustee.md §7.1). */
const PROVENANCE_TYPES: readonly string[] = ["slsa", "in-toto", "reproducible-build", "swid", "corim"];

/** @returns the error for provenance, which nothing here verifies: unverified, anybody could have written it */
export function unverifiedProvenance(what: string): CaiError {
  return new CaiError("kbs.provenance-unsupported", `provenance of the form ${what} cannot be verified here`, {
    expected: "type sample",
    got: what,
  });
}

/** A date as reference values have it on the wire, `%Y-%m-%dT%H:%M:%SZ` (trustee.md §7.2). */
const EXPIRATION = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$/;

/**
 * Reads reference values as `cai reference set` sends them.
 *
 * @param now  seconds since 1970; a value that has expired by then is refused
 * @throws CaiError `kbs.reference-invalid`
 */
export function parseReferenceList(body: string, now: number): { readonly values: ReferenceValue[]; readonly merge: boolean } {
  const { references, merge } = parse(listedBody, json(body, "the body"), "the body");
  const values = references.map(({ name, value, expiration }) => {
    const expires = expiration === undefined ? now + LIFE : parseExpiration(expiration);
    if (expires > now) return referenceValue(name, value as JsonValue, expires);
    throw invalid(`${name}: expected a date to come, got ${expiration}`);
  });
  return { values, merge };
}

function parseExpiration(text: string): number {
  const seconds = EXPIRATION.test(text) ? Date.parse(text) / 1000 : Number.NaN;
  // The runtime takes 30 February for 2 March.
  if (Number.isFinite(seconds) && formatExpiration(seconds) === text) return seconds;
  throw invalid(`the expiration ${JSON.stringify(text)}: expected for example 2027-08-01T00:00:00Z`);
}

/** @param seconds  since 1970 */
export function formatExpiration(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace(/\.\d+Z$/, "Z");
}

/** Reads the body of `rvps/register`: the message, as a text in a member (trustee.md §7.1). @returns the message's JSON */
export function unwrapRegisterBody(body: string): string {
  return parse(register, json(body, "the body"), "the body").message;
}

/**
 * Joins a value that is registered again with the one that is there, as upstream does: lists of hashes grow and never shrink, the later
 * expiry holds, any other value replaces (trustee.md §7.2).
 */
export function mergeReference(before: ReferenceValue | undefined, after: ReferenceValue): ReferenceValue {
  if (before?.kind !== "hashes" || after.kind !== "hashes") return after;
  const union = [...new Set([...(before.value as readonly string[]), ...(after.value as readonly string[])])];
  return { ...after, expires: Math.max(before.expires, after.expires), value: union };
}

/** @returns what policies see: the values that have not expired, by name */
export function referencesInForce(all: ReadonlyMap<string, ReferenceValue>, now: number): JsonObject {
  return Object.fromEntries([...all.values()].filter(({ expires }) => expires > now).map(({ name, value }) => [name, value]));
}

function json(text: string, what: string): unknown {
  if (depthOf(text) > MAX_DEPTH) throw invalid(`${what}: expected at most ${MAX_DEPTH} levels`);
  try {
    return JSON.parse(text);
  } catch {
    throw invalid(`${what}: expected JSON`);
  }
}

/** How deep brackets nest, those in texts included: no more than a bound that is cheap to know before anything is parsed. */
function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  for (const character of text) {
    if (character === "[" || character === "{") deepest = Math.max(deepest, ++depth);
    else if (character === "]" || character === "}") depth--;
  }
  return deepest;
}

function decode(encoded: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(decodeBase64Tolerant(encoded));
  } catch {
    throw invalid("the payload: expected base64 of JSON in UTF-8");
  }
}

function parse<Schema extends z.ZodType>(schema: Schema, value: unknown, what: string): z.output<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw invalid(`${what}: /${issue?.path.join("/") ?? ""}: ${issue?.message ?? "another value"}`);
}

function invalid(text: string): CaiError {
  return new CaiError("kbs.reference-invalid", text);
}
