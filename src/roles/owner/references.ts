import { z } from "zod";
import { CaiError, type JsonValue } from "../../system/index.ts";
import type { TrusteeAdmin } from "./trustee-admin.ts";

const name = z.string().min(1).max(256);
const referenceFile = z.record(name, z.json());

/** What `cai reference ls --json` and `cai reference learn --json` print. */
const listedFile = z.object({
  references: z.array(z.object({ name, value: z.json(), expiration: z.string().max(32).optional() })).max(100_000),
});

/** A value to set. */
export interface NewReference {
  readonly name: string;
  readonly value: JsonValue;
  /** RFC 3339, whole seconds in UTC; the trustee's default is twelve months from now */
  readonly expiration?: string | undefined;
}

/** @returns the reference values of a JSON object, name to value. @throws CaiError `cli.input-unreadable` */
export function parseReferences(text: string, name: string): Record<string, JsonValue> {
  try {
    return referenceFile.parse(JSON.parse(text)) as Record<string, JsonValue>;
  } catch (error) {
    throw unreadable(name, error);
  }
}

/** @returns the values of a file in either form: an object of names and values, or what `ls` and `learn` print with --json */
export function readReferenceFile(text: string, name: string): NewReference[] {
  let listed: ReturnType<typeof listedFile.safeParse>;
  try {
    listed = listedFile.safeParse(JSON.parse(text));
  } catch (error) {
    throw unreadable(name, error);
  }
  if (listed.success) return listed.data.references as NewReference[];
  return Object.entries(parseReferences(text, name)).map(([name, value]) => ({ name, value }));
}

/**
 * Sets reference values.
 *
 * @param merge  whether lists grow by what is given; otherwise each value replaces what its name had before
 */
export async function setReferences(
  admin: TrusteeAdmin,
  references: readonly NewReference[],
  { realm, merge }: { readonly realm: string | undefined; readonly merge: boolean },
): Promise<void> {
  await admin.call({ method: "POST", path: "cai/references", realm, body: JSON.stringify({ references, merge }) });
}

const listedReferences = z.array(
  z.object({
    name: z.string(),
    value: z.json(),
    expiration: z.string(),
    expired: z.boolean(),
    uses: z.number(),
    last_used: z.string().nullable(),
  }),
);
export type ListedReference = z.output<typeof listedReferences>[number];

/** @returns the reference values of a realm with their ends and uses, also expired ones */
export async function listReferences(admin: TrusteeAdmin, realm: string | undefined): Promise<ListedReference[]> {
  const answer = await admin.call({ method: "GET", path: "cai/references", realm });
  return listedReferences.parse(JSON.parse(new TextDecoder().decode(answer)));
}

function unreadable(name: string, cause: unknown): CaiError {
  return new CaiError("cli.input-unreadable", `${name} holds no reference values`, {
    expected: "a JSON object: name to value, or to an array of allowed values",
    cause,
  });
}
