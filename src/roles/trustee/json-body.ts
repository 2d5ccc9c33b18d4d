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
  const issue = firstIssue(result.error.issues);
  throw new CaiError(
    "kbs.message-malformed",
    `the body cannot be read: /${issue?.path.join("/") ?? ""}: ${issue?.message ?? "another value"}`,
  );
}

type Issue = z.core.$ZodIssue;

/** @returns what is wrong first; of a value that may have several forms, what is wrong with the one that it comes nearest to */
function firstIssue(
  [issue]: readonly Issue[],
  above: readonly PropertyKey[] = [],
): { path: readonly string[]; message: string } | undefined {
  if (issue === undefined) return undefined;
  const path = [...above, ...issue.path];
  const forms = issue.code === "invalid_union" ? issue.errors.map((issues) => firstIssue(issues, path)) : [];
  const deepest = forms.reduce((one, other) => ((other?.path.length ?? 0) > (one?.path.length ?? 0) ? other : one), undefined);
  return deepest !== undefined && deepest.path.length > path.length ? deepest : { path: path.map(String), message: issue.message };
}
