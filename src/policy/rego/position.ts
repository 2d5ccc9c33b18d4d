import { CaiError, type ErrorId } from "../../system/index.ts";

/** Where something stands in a policy: lines and columns count from 1, columns in UTF-16 units. */
export interface Position {
  readonly module: string;
  readonly line: number;
  readonly column: number;
}

export type EngineErrorId = Extract<ErrorId, "policy.parse-error" | "policy.compile-error" | "policy.eval-error" | "policy.limit-exceeded">;

/** @returns an error whose message starts with `module:line:column:` */
export function errorAt(
  id: EngineErrorId,
  at: Position,
  message: string,
  details: { expected?: string; got?: string; hint?: string } = {},
) {
  return new CaiError(id, `${at.module}:${at.line}:${at.column}: ${message}`, details);
}
