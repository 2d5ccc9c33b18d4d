import { CaiError, type ErrorDetails, type ErrorId } from "../../system/index.ts";

/** Where something stands in a policy: lines and columns count from 1, columns in UTF-16 units. */
export interface Position {
  readonly module: string;
  readonly line: number;
  readonly column: number;
}

export type EngineErrorId = Extract<
  ErrorId,
  "policy.parse-error" | "policy.compile-error" | "policy.builtin-unavailable" | "policy.eval-error" | "policy.limit-exceeded"
>;

/** An error of the engine that belongs to a place of the policy. */
export class PolicyError extends CaiError {
  readonly at: Position;
  /** the message without the position in front */
  readonly problem: string;
  readonly details: ErrorDetails;

  constructor(id: EngineErrorId, at: Position, problem: string, details: ErrorDetails = {}, line = "") {
    super(id, `${at.module}:${at.line}:${at.column}: ${problem}${line === "" ? "" : `, in: ${line}`}`, details);
    this.at = at;
    this.problem = problem;
    this.details = details;
  }

  /** @returns the same error with the line of its source at the end of the message, shortened where it is long */
  withSource(text: string): PolicyError {
    return new PolicyError(this.id as EngineErrorId, this.at, this.problem, this.details, sourceLine(text, this.at.line));
  }
}

/** Most UTF-16 units of a source line that an error shows. */
const SHOWN = 120;

/** @returns a line of a text without the space around it, shortened where it is long */
function sourceLine(text: string, line: number): string {
  const found = text.split("\n", line)[line - 1]?.trim() ?? "";
  return found.length > SHOWN ? `${found.slice(0, SHOWN)}…`.toWellFormed() : found;
}

/** @returns an error whose message starts with `module:line:column:` */
export function errorAt(id: EngineErrorId, at: Position, problem: string, details: ErrorDetails = {}): PolicyError {
  return new PolicyError(id, at, problem, details);
}
