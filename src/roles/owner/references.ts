import { z } from "zod";
import { encodeBase64 } from "../../crypto/index.ts";
import { CaiError, type JsonValue } from "../../system/index.ts";
import type { TrusteeAdmin } from "./trustee-admin.ts";

const referenceFile = z.record(z.string().min(1).max(256), z.json());

/** @returns the reference values of a JSON object, name to value. @throws CaiError `cli.input-unreadable` */
export function parseReferences(text: string, name: string): Record<string, JsonValue> {
  try {
    return referenceFile.parse(JSON.parse(text)) as Record<string, JsonValue>;
  } catch (error) {
    throw new CaiError("cli.input-unreadable", `${name} holds no reference values`, {
      expected: "a JSON object: name to value, or to an array of allowed values",
      cause: error,
    });
  }
}

/** Sets reference values: each replaces what its name had before. */
export async function setReferences(admin: TrusteeAdmin, values: Readonly<Record<string, JsonValue>>): Promise<void> {
  const payload = encodeBase64(new TextEncoder().encode(JSON.stringify(values)));
  await admin.call({ method: "POST", path: "reference-value", body: JSON.stringify({ version: "0.1.0", type: "sample", payload }) });
}

/** @returns the reference values that policies see. @param realm  that of a realm's own policies; default: the root's */
export async function listReferences(admin: TrusteeAdmin, realm = ""): Promise<Record<string, JsonValue>> {
  const answer = await admin.call({ method: "GET", path: realm === "" ? "rvps/query" : `rvps/query?realm=${encodeURIComponent(realm)}` });
  return parseReferences(new TextDecoder().decode(answer), "the trustee's answer");
}
