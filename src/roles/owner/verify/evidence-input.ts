import { decodeBase64Tolerant } from "../../../crypto/index.ts";
import { parseJsonText } from "../../../protocol/index.ts";
import { CaiError, type JsonValue } from "../../../system/index.ts";
import { readEvidence, type TdxEvidence } from "../../../tee/tdx/index.ts";

/** Evidence with an event log in base64 is the largest that is looked at. */
export const MAX_EVIDENCE = 8 * 1024 * 1024;

/** Objects around evidence that are opened before giving up. */
const MAX_DEPTH = 6;

/** Evidence as a user has it, and in which form. */
export interface EvidenceInput {
  readonly form: "raw quote" | "quote in hexadecimal" | "quote in base64" | "evidence JSON";
  readonly evidence: TdxEvidence;
}

/**
 * Recognises evidence by its content: a raw quote, a quote in hexadecimal or base64, or JSON with the evidence of an attester, also inside the
 * messages that carry it (trustee.md §1.6, §4.2). What is nothing of these is taken for a raw quote, which the verifier then refuses.
 *
 * @throws CaiError `tdx.evidence-malformed` for JSON without evidence
 */
export function readEvidenceInput(bytes: Uint8Array): EvidenceInput {
  const text = textOf(bytes);
  if (text === undefined) return { form: "raw quote", evidence: { quote: bytes } };
  if (/^\s*[[{]/.test(text)) return { form: "evidence JSON", evidence: readEvidence(evidenceIn(parse(text))) };
  const compact = text.replaceAll(/\s/g, "");
  const hex = /^(?:0x)?((?:[0-9a-f]{2})+)$/i.exec(compact)?.[1];
  if (hex !== undefined) return { form: "quote in hexadecimal", evidence: { quote: Uint8Array.fromHex(hex) } };
  const quote = base64(compact);
  return quote === undefined ? { form: "raw quote", evidence: { quote: bytes } } : { form: "quote in base64", evidence: { quote } };
}

/** The text, where the bytes are one: a quote has zeros and other bytes that no text has. */
function textOf(bytes: Uint8Array): string | undefined {
  if (bytes.length === 0 || bytes.includes(0)) return undefined;
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function base64(compact: string): Uint8Array | undefined {
  try {
    const quote = decodeBase64Tolerant(compact);
    return quote.length === 0 ? undefined : quote;
  } catch {
    return undefined;
  }
}

function parse(text: string): JsonValue {
  try {
    return parseJsonText(new TextEncoder().encode(text), "evidence", MAX_EVIDENCE);
  } catch (cause) {
    throw malformed("JSON that is not nested deep", "another text", cause);
  }
}

/** Opens the messages around evidence until an object with a quote is there. More than one piece of evidence is for nobody to choose from. */
function evidenceIn(value: JsonValue, depth = 0): JsonValue {
  if (depth > MAX_DEPTH) throw malformed(`evidence within ${MAX_DEPTH} levels`, "deeper ones");
  if (Array.isArray(value)) {
    if (value.length !== 1) throw malformed("one piece of evidence", `an array of ${value.length}`);
    return evidenceIn(value[0] as JsonValue, depth + 1);
  }
  if (typeof value !== "object" || value === null) throw malformed("an object with a quote", value === null ? "null" : typeof value);
  const members = value as { readonly [name: string]: JsonValue };
  if (Object.hasOwn(members, "quote")) return members;
  for (const name of ["tee-evidence", "primary_evidence", "verification_requests"]) {
    if (Object.hasOwn(members, name)) return evidenceIn(members[name]!, depth + 1);
  }
  if (!Object.hasOwn(members, "evidence")) throw malformed("an object with a quote", "another object");
  const inner = members["evidence"]!;
  return evidenceIn(typeof inner === "string" ? parse(encodedText(inner)) : inner, depth + 1);
}

/** The attestation service's requests carry evidence as base64url of its JSON. */
function encodedText(text: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(decodeBase64Tolerant(text));
  } catch (cause) {
    throw malformed("base64url of JSON in /evidence", "another text", cause);
  }
}

function malformed(expected: string, got: string, cause?: unknown): CaiError {
  return new CaiError("tdx.evidence-malformed", `evidence: expected ${expected}, got ${got}`, { expected, got, cause });
}
