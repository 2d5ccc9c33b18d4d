import { zstdDecompressSync } from "node:zlib";

/** What a packed token begins with; no token does. */
const PACKED = 1;
/** Parts of a compact JWS (RFC 7515 §7.1). */
const PARTS = 3;
/** The sizes of the parts stand before them, big-endian, 32 bits each. */
const HEAD = 4 * PARTS;

/** The longest token that is unpacked, bytes: above every one that is made. */
const MAX_UNPACKED = 2 * 1024 * 1024;

/**
 * Packs a token: its parts are compressed as what they are the base64url of, a quarter to a third of the token. One that is not exactly what
 * base64url would make of its parts is kept as it is.
 */
export function packToken(token: string): Uint8Array {
  const parts = token.split(".").map((part) => Buffer.from(part, "base64url"));
  if (parts.length !== PARTS || textOf(parts) !== token) return Buffer.from(token);
  const head = Buffer.alloc(HEAD);
  for (const [i, part] of parts.entries()) head.writeUInt32BE(part.length, 4 * i);
  const packed = Bun.zstdCompressSync(Buffer.concat([head, ...parts]), { level: 1 });
  return Buffer.concat([Buffer.of(PACKED), packed]);
}

/** @throws Error where {@link packToken} made no such bytes */
export function unpackToken(bytes: Uint8Array): string {
  if (bytes[0] !== PACKED) return Buffer.from(bytes).toString();
  const unpacked = zstdDecompressSync(bytes.subarray(1), { maxOutputLength: MAX_UNPACKED });
  let at = HEAD;
  const parts = Array.from({ length: PARTS }, (_, i) => {
    const part = unpacked.subarray(at, at + unpacked.readUInt32BE(4 * i));
    at += part.length;
    return part;
  });
  if (at !== unpacked.length) throw new Error("the parts of a packed token are not as long as it says");
  return textOf(parts);
}

function textOf(parts: readonly Buffer[]): string {
  return parts.map((part) => part.toString("base64url")).join(".");
}
