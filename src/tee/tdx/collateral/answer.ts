import { decodePem } from "../../../crypto/index.ts";
import { CaiError, type HttpResponse } from "../../../system/index.ts";
import { JsonRefused, type SignedText, splitSignedJson } from "../signed-json.ts";

const MAX_CHAIN = 16 * 1024;
const CRL_LABEL = "X509 CRL";
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Reads a revocation list in any of the encodings that services use, whatever they call it: DER, hexadecimal of DER, PEM (tdx.md §2.8).
 *
 * @returns DER, which nothing has looked into yet
 * @throws CaiError `net.response-invalid`
 */
export function readRevocationList(body: Uint8Array, what: string): Uint8Array {
  if (body[0] === 0x30) return body;
  const text = Buffer.from(body).toString("latin1").trim();
  if (/^(?:[0-9A-Fa-f]{2})+$/.test(text)) return Uint8Array.fromHex(text);
  if (text.startsWith(`-----BEGIN ${CRL_LABEL}-----`)) {
    try {
      return decodePem(text, CRL_LABEL, 1)[0]!;
    } catch (cause) {
      throw invalid(what, "one revocation list in PEM", "another text", cause);
    }
  }
  throw invalid(what, "a revocation list in DER, hexadecimal or PEM", `${body.length} other bytes`);
}

/**
 * The certificates that came in a header: PEM, percent-encoded or not. A `+` is a plus (tdx.md §2.8).
 *
 * @param names  the header's names, the first that is there counts
 * @throws CaiError `net.response-invalid`
 */
export function readChainHeader({ headers }: HttpResponse, names: readonly string[], what: string): string {
  const value = names.map((name) => headers.get(name)).find((each) => each !== null);
  if (value === undefined || value === null) throw invalid(what, `the header ${names[0]}`, "none");
  if (value.length > MAX_CHAIN) throw invalid(what, `at most ${MAX_CHAIN} characters in ${names[0]}`, `${value.length}`);
  const chain = decodeChain(value);
  if (chain === undefined) throw invalid(what, `certificates in ${names[0]}`, "another text");
  return chain;
}

/** PEM that may be percent-encoded. @returns undefined for what is neither */
export function decodeChain(value: string): string | undefined {
  if (value.includes("-----BEGIN ")) return value;
  try {
    const text = decodeURIComponent(value);
    return text.includes("-----BEGIN CERTIFICATE-----") ? text : undefined;
  } catch {
    return undefined;
  }
}

/** @throws CaiError `net.response-invalid` where the body is no `{"<member>":{…},"signature":"…"}` */
export function readSignedBody(body: Uint8Array, member: string, what: string): SignedText {
  try {
    return splitSignedJson(utf8.decode(body), member);
  } catch (cause) {
    if (cause instanceof JsonRefused) throw invalid(what, cause.expected, cause.got, cause);
    if (cause instanceof TypeError) throw invalid(what, "text in UTF-8", "other bytes", cause);
    throw cause;
  }
}

export function invalid(what: string, expected: string, got: string, cause?: unknown): CaiError {
  return new CaiError("net.response-invalid", `${what}: expected ${expected}, got ${got}`, { expected, got, cause });
}
