import { z } from "zod";
import type { JsonValue } from "../system/index.ts";
import { malformed } from "./json-text.ts";

/** A JSON value that was parsed from text, so its shape needs no second walk. */
export const jsonValue = z.custom<JsonValue>((value) => value !== undefined, "a value is missing");

/** A trustee's identity: an RFC 7638 SHA-256 thumbprint, base64url (security.md §3.4). */
export const tid = z.string().regex(/^[A-Za-z0-9_-]{43}$/, "expected a thumbprint of 43 base64url characters");

/**
 * Applies a schema to something from outside.
 *
 * @param what  names the message in the error
 * @throws CaiError `kbs.message-malformed`, naming the place and not the value
 */
export function parseWith<Schema extends z.ZodType>(schema: Schema, value: unknown, what: string): z.output<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw malformed(what, "the members of the protocol", `/${issue?.path.join("/") ?? ""}: ${issue?.message ?? "another value"}`);
}
