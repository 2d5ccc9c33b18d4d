import { z } from "zod";
import { CaiError, type JsonValue } from "../../../system/index.ts";
import type { ReferenceValue } from "../store/index.ts";
import { readSourceText } from "./source-file.ts";

/** More reference values than a trustee keeps fit in it. */
const MAX_FILE = 16 * 1024 * 1024;
/** Seconds that a value lives of which nobody said for how long: 12 months (trustee.md §7.2). */
const LIFE = 365 * 86_400;

const name = z
  .string()
  .min(1)
  .max(256)
  .regex(/^[^\p{Cc}]+$/u);
const present = z.json().refine((value) => value !== null, "expected a value, got null");

/** A stored reference value of either family (trustee.md §7.2). */
const stored = z
  .object({
    name,
    expiration: z.iso.datetime({ offset: true }),
    "hash-value": z
      .array(z.object({ value: z.string().max(1024) }))
      .max(4096)
      .optional(),
    value: present.optional(),
  })
  .refine((row) => row.value !== undefined || row["hash-value"] !== undefined, "expected a value or hash values");

/** One value with its name as far as it is known; `read` throws where it cannot be taken. */
export interface OldReference {
  readonly name: string;
  read(): ReferenceValue;
}

/**
 * Reads a file of reference values: an array of stored ones, or the object of names and values that `rvps/query` answers.
 *
 * @param now  seconds since 1970
 * @throws CaiError `trustee.import-unreadable`
 */
export function referencesIn(path: string, now: number): OldReference[] {
  const text = readSourceText(path, MAX_FILE);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new CaiError("trustee.import-unreadable", `${path} is not taken: it is no JSON`);
  }
  if (Array.isArray(value)) return value.map((item) => ({ name: nameOf(item), read: () => storedReference(item) }));
  if (typeof value === "object" && value !== null) {
    return Object.entries(value).map(([key, item]) => ({ name: key, read: () => answeredReference(key, item, now) }));
  }
  throw new CaiError(
    "trustee.import-unreadable",
    `${path} is not taken: expected an array of reference values, or an object of names and values`,
  );
}

/** @returns the reference value that the text of a key-value storage is */
export function storedReferenceText(text: string): ReferenceValue {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new CaiError("kbs.reference-invalid", "the reference value is no JSON");
  }
  return storedReference(value);
}

function storedReference(item: unknown): ReferenceValue {
  const row = parse(stored, item);
  const expires = Math.floor(Date.parse(row.expiration) / 1000);
  if (row.value !== undefined) return { name: row.name, expires, kind: "value", value: row.value as JsonValue };
  return { name: row.name, expires, kind: "hashes", value: (row["hash-value"] ?? []).map(({ value }) => value) };
}

function answeredReference(key: string, item: unknown, now: number): ReferenceValue {
  const value = parse(present, item) as JsonValue;
  const hashes = Array.isArray(value) && value.every((each) => typeof each === "string");
  return { name: parse(name, key), expires: now + LIFE, kind: hashes ? "hashes" : "value", value };
}

function nameOf(item: unknown): string {
  const found = z.object({ name }).safeParse(item);
  return found.success ? found.data.name : "without a name";
}

function parse<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw new CaiError("kbs.reference-invalid", `/${issue?.path.join("/") ?? ""}: ${issue?.message ?? "another value"}`);
}
