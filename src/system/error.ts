import { type CatalogueEntry, catalogue, type ErrorId } from "./errors/index.ts";

/** What an error tells besides its id and message. No member may hold a secret. */
export interface ErrorDetails {
  readonly expected?: string;
  readonly got?: string;
  readonly hint?: string;
  readonly cause?: unknown;
}

/** The only error class of the program: a stable id, a message with what was expected and got, and a hint where there is one. */
export class CaiError extends Error {
  readonly id: ErrorId;
  readonly expected?: string;
  readonly got?: string;
  readonly hint?: string;

  constructor(id: ErrorId, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = "CaiError";
    this.id = id;
    if (details.expected !== undefined) this.expected = details.expected;
    if (details.got !== undefined) this.got = details.got;
    if (details.hint !== undefined) this.hint = details.hint;
  }

  /** The exit status that the catalogue gives this id. */
  get exitCode(): CatalogueEntry["exit"] {
    return catalogue[this.id].exit;
  }

  /** The object that `--json` prints. */
  toJSON(): { id: ErrorId; message: string; expected?: string; got?: string; hint?: string } {
    return {
      id: this.id,
      message: this.message,
      ...(this.expected !== undefined && { expected: this.expected }),
      ...(this.got !== undefined && { got: this.got }),
      ...(this.hint !== undefined && { hint: this.hint }),
    };
  }

  /** @returns `error` itself where it is a CaiError, else one with id `internal.unexpected` that wraps it */
  static from(error: unknown): CaiError {
    if (error instanceof CaiError) return error;
    const message = error instanceof Error ? error.message : String(error);
    return new CaiError("internal.unexpected", message, { cause: error });
  }
}
