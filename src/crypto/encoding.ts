import { CaiError } from "../system/index.ts";

/** @returns standard base64 with padding (RFC 4648 §4) */
export function encodeBase64(bytes: Uint8Array): string {
  return bytes.toBase64();
}

/** @returns URL-safe base64 without padding (RFC 4648 §5) */
export function encodeBase64Url(bytes: Uint8Array): string {
  return bytes.toBase64({ alphabet: "base64url", omitPadding: true });
}

/** @returns lower-case hexadecimal */
export function encodeHex(bytes: Uint8Array): string {
  return bytes.toHex();
}

/**
 * Decodes standard base64 strictly: padding required, no white space, unused bits zero, so that one value has one text.
 *
 * @throws CaiError `crypto.encoding-invalid`
 */
export function decodeBase64(text: string): Uint8Array<ArrayBuffer> {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text)) throw invalid("base64");
  return decode(text, "base64", "base64");
}

/**
 * Decodes URL-safe base64 strictly: no padding, no white space, unused bits zero, so that one value has one text.
 *
 * @throws CaiError `crypto.encoding-invalid`
 */
export function decodeBase64Url(text: string): Uint8Array<ArrayBuffer> {
  if (!/^[A-Za-z0-9_-]*$/.test(text)) throw invalid("base64url without padding");
  return decode(text + "=".repeat(-text.length & 3), "base64url", "base64url without padding");
}

/**
 * Decodes either alphabet, padded or not: for what a peer sends where the families of peers differ (trustee.md, vocabulary).
 *
 * @throws CaiError `crypto.encoding-invalid`
 */
export function decodeBase64Tolerant(text: string): Uint8Array<ArrayBuffer> {
  return decodeBase64Url(
    text
      .replace(/={1,2}$/, "")
      .replaceAll("+", "-")
      .replaceAll("/", "_"),
  );
}

/**
 * Decodes hexadecimal of either case, without separators.
 *
 * @throws CaiError `crypto.encoding-invalid`
 */
export function decodeHex(text: string): Uint8Array<ArrayBuffer> {
  if (!/^(?:[0-9A-Fa-f]{2})*$/.test(text)) throw invalid("hexadecimal");
  return Uint8Array.fromHex(text);
}

/** The bytes up to the last that is no NUL, sharing their memory. Whoever sends them chooses how many NULs there are, so it takes one pass. */
export function withoutTrailingNuls(bytes: Uint8Array): Uint8Array {
  return bytes.subarray(0, bytes.findLastIndex((byte) => byte !== 0) + 1);
}

function decode(text: string, alphabet: "base64" | "base64url", name: string): Uint8Array<ArrayBuffer> {
  try {
    return Uint8Array.fromBase64(text, { alphabet, lastChunkHandling: "strict" });
  } catch {
    throw invalid(name);
  }
}

// The text itself is never shown: what is decoded here may be a secret.
function invalid(name: string): CaiError {
  return new CaiError("crypto.encoding-invalid", `a text is not valid ${name}`, { expected: name });
}
