import { z } from "zod";
import { decodeBase64, encodeBase64 } from "../../crypto/index.ts";
import { CaiError, type JsonObject, type JsonValue } from "../../system/index.ts";

/** Evidence of a TDX machine as the KBS protocol carries it (trustee.md §6.1), as far as it is verified. */
export interface TdxEvidence {
  readonly quote: Uint8Array;
}

/** Base64 of the largest quote that is looked at. */
const MAX_QUOTE_TEXT = 90_000;
const MAX_LOG_TEXT = 4 * 1024 * 1024;

// Members that other agents send besides are nothing to believe: no claim is made of them (security.md I18).
const schema = z.object({
  quote: z.string().min(1).max(MAX_QUOTE_TEXT),
  cc_eventlog: z.string().max(MAX_LOG_TEXT).nullish(),
});

/** @throws CaiError `tdx.evidence-malformed` */
export function readEvidence(evidence: JsonValue): TdxEvidence {
  try {
    return { quote: decodeBase64(schema.parse(evidence).quote) };
  } catch (cause) {
    const issue = cause instanceof z.ZodError ? cause.issues[0] : undefined;
    if (issue === undefined && !(cause instanceof CaiError)) throw cause;
    const [where, got] = issue ? [issue.path.join("/"), issue.message] : ["quote", "text that is no base64"];
    const expected = '{"quote": base64, "cc_eventlog": base64 or null}';
    throw new CaiError("tdx.evidence-malformed", `TDX evidence, /${where}: expected ${expected}, got ${got}`, { expected, got, cause });
  }
}

/** The evidence of a quote alone. */
export const formatEvidence = (quote: Uint8Array): JsonObject => ({ quote: encodeBase64(quote), cc_eventlog: null });

/** The quote in what a user has: a quote as it is, or the evidence of a machine in JSON. @throws CaiError `tdx.evidence-malformed` */
export function readQuote(bytes: Uint8Array): Uint8Array {
  if (bytes[0] !== 0x7b) return bytes;
  let evidence: JsonValue;
  try {
    evidence = JSON.parse(new TextDecoder().decode(bytes)) as JsonValue;
  } catch (cause) {
    throw new CaiError("tdx.evidence-malformed", "TDX evidence: expected a JSON object, got other text", { cause });
  }
  return readEvidence(evidence).quote;
}
