import type { z } from "zod";
import { CaiError } from "../../system/index.ts";

/**
 * Reads an administrator's JSON.
 *
 * @throws CaiError `kbs.message-malformed`, naming the place and not the value
 */
export function parseJsonBody<Schema extends z.ZodType>(schema: Schema, body: Uint8Array): z.output<Schema> {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch {
    throw new CaiError("kbs.message-malformed", "the body cannot be read: expected JSON in UTF-8");
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw new CaiError(
    "kbs.message-malformed",
    `the body cannot be read: /${issue?.path.join("/") ?? ""}: ${issue?.message ?? "another value"}`,
  );
}
