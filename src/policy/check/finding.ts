import type { ErrorId } from "../../system/index.ts";
import type { Position } from "../rego/index.ts";

/** What a check says of a policy without running it. */
export interface Finding {
  /** `error`: the policy does not compile. `warning`: it runs, and may decide otherwise than meant. `info`: nothing to mend */
  readonly severity: "error" | "warning" | "info";
  readonly id: ErrorId | LintId;
  readonly message: string;
  /** the module's name */
  readonly file: string;
  /** from 1 */
  readonly line: number;
  /** from 1, in UTF-16 units */
  readonly column: number;
  /** what to do, or empty */
  readonly hint: string;
}

export type LintId =
  | "lint.negation-of-input"
  | "lint.event-presence"
  | "lint.allow-without-default"
  | "lint.deprecated-builtin"
  | "lint.unused-import"
  | "lint.unused-variable"
  | "lint.assurance";

/** @returns a finding at a place */
export function finding(severity: Finding["severity"], id: Finding["id"], at: Position, message: string, hint = ""): Finding {
  return { severity, id, message, file: at.module, line: at.line, column: at.column, hint };
}
