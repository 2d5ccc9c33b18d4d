import { z } from "zod";
import { decodeBase64, encodeBase64 } from "../../crypto/index.ts";
import { CaiError, type JsonObject, type JsonValue } from "../../system/index.ts";
import { MAX_LOG_BYTES } from "../eventlog/index.ts";
import { Fingerprint } from "./cache.ts";

/** Evidence of a TDX machine as the KBS protocol carries it (trustee.md §6.1), as far as it is verified. */
export interface TdxEvidence {
  readonly quote: Uint8Array;
  /** absent where the evidence has none, or an empty one */
  readonly eventLog?: Uint8Array;
}

/** Base64 of the largest quote that is looked at. */
const MAX_QUOTE_TEXT = 90_000;
/** Base64 of the largest event log. */
const MAX_LOG_TEXT = Math.ceil(MAX_LOG_BYTES / 3) * 4;

// Members that other agents send besides are nothing to believe: no claim is made of them (security.md I18).
const schema = z.object({
  quote: z.string().min(1).max(MAX_QUOTE_TEXT),
  cc_eventlog: z.string().max(MAX_LOG_TEXT).nullish(),
});

/** Characters of a quote's base64 after which a machine's quotes are the same: what the quote says and its signature lie before. */
const RECURRING_FROM = 1360;

/** The digest of the QE report, the certificates and the log, as texts; see `Verifier.recurring`. */
export function recurringEvidence(evidence: JsonValue): string | undefined {
  const parsed = schema.safeParse(evidence);
  if (!parsed.success) return undefined;
  const { quote, cc_eventlog: log } = parsed.data;
  return new Fingerprint(quote.slice(RECURRING_FROM), log ?? "").digest;
}

/** @throws CaiError `tdx.evidence-malformed` */
export function readEvidence(evidence: JsonValue): TdxEvidence {
  const parsed = schema.safeParse(evidence);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw malformedEvidence(issue?.path.join("/") ?? "", issue?.message ?? "another value", parsed.error);
  }
  const { quote, cc_eventlog: log } = parsed.data;
  return { quote: decoded("quote", quote), ...(log && { eventLog: decoded("cc_eventlog", log) }) };
}

function decoded(member: string, text: string): Uint8Array {
  try {
    return decodeBase64(text);
  } catch (cause) {
    throw malformedEvidence(member, "text that is no base64", cause);
  }
}

function malformedEvidence(where: string, got: string, cause: unknown): CaiError {
  const expected = '{"quote": base64, "cc_eventlog": base64 or null}';
  return new CaiError("tdx.evidence-malformed", `TDX evidence, /${where}: expected ${expected}, got ${got}`, { expected, got, cause });
}

/**
 * Evidence as the KBS protocol carries it.
 *
 * @param eventLog  as `joinEventLog` gives it; absent where the machine has no log
 */
export const formatEvidence = (quote: Uint8Array, eventLog?: Uint8Array): JsonObject => ({
  quote: encodeBase64(quote),
  cc_eventlog: eventLog === undefined ? null : encodeBase64(eventLog),
});
