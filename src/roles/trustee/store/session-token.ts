import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";
import { packToken, unpackToken } from "./packed-token.ts";
import { tampered } from "./seal.ts";

const IV_SIZE = 12;
const TAG_SIZE = 16;

/**
 * Seals a session's token under its id, of which the database has a hash only: whoever reads it finds no token (security.md I25), and none
 * moved from another session is given out. It is packed before, for tokens are long, and every session writes one.
 *
 * @param id  the session id, 128 random bits as text
 * @returns base64 of iv ‖ ciphertext ‖ tag, AES-256-GCM
 */
export function sealToken(id: string, token: string): string {
  const iv = randomBytes(IV_SIZE);
  const cipher = createCipheriv("aes-256-gcm", keyOf(id), iv);
  return Buffer.concat([iv, cipher.update(packToken(token)), cipher.final(), cipher.getAuthTag()]).toString("base64");
}

/** @throws CaiError `store.record-tampered` where the row is not as it was written */
export function unsealToken(id: string, sealed: string): string {
  const bytes = Buffer.from(sealed, "base64");
  if (bytes.length < IV_SIZE + TAG_SIZE) throw tampered({ table: "sessions" });
  const decipher = createDecipheriv("aes-256-gcm", keyOf(id), bytes.subarray(0, IV_SIZE));
  decipher.setAuthTag(bytes.subarray(bytes.length - TAG_SIZE));
  try {
    return unpackToken(Buffer.concat([decipher.update(bytes.subarray(IV_SIZE, bytes.length - TAG_SIZE)), decipher.final()]));
  } catch {
    throw tampered({ table: "sessions" });
  }
}

function keyOf(id: string): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", id, new Uint8Array(0), "cai/session/token", 32));
}
