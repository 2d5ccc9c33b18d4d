import { CaiError, type ErrorDetails, type QuoteReason } from "../../system/index.ts";

/** The kinds of TEE that a DCAP quote can be of; also the prefix of error ids (tdx.md §2.1). */
export type QuotedTee = "tdx" | "sgx";

/** The error `<tee>.<reason>`, with a message that ends in what was expected and got. */
export function refusal(
  tee: QuotedTee,
  reason: QuoteReason,
  what: string,
  expected: string,
  got: string,
  details: ErrorDetails = {},
): CaiError {
  return new CaiError(`${tee}.${reason}`, `${what}: expected ${expected}, got ${got}`, { expected, got, ...details });
}

/** Runs `read`, turning each error of a room below into `<tee>.<reason>` with that error as its cause. */
export function refuseAs<T>(tee: QuotedTee, reason: QuoteReason, what: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (!(cause instanceof CaiError) || cause.id.startsWith(`${tee}.`)) throw cause;
    throw new CaiError(`${tee}.${reason}`, `${what}: ${cause.message}`, {
      ...(cause.expected !== undefined && { expected: cause.expected }),
      ...(cause.got !== undefined && { got: cause.got }),
      cause,
    });
  }
}
