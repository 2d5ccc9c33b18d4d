import { createCipheriv, createDecipheriv } from "node:crypto";
import { chunkNonce } from "./keys.ts";
import { TAG_SIZE } from "./layout.ts";

const CIPHER = "aes-256-gcm";

/**
 * Seals one chunk: ciphertext ‖ tag into `into`, which must be exactly 16 bytes longer than the plaintext (model-format.md §3.5).
 *
 * @param chunk  its number within the file, or within the index
 * @param last   true for the last chunk of the file
 */
export function sealChunk(key: Uint8Array, chunk: number, last: boolean, plain: Uint8Array, into: Uint8Array): void {
  const cipher = createCipheriv(CIPHER, key, chunkNonce(chunk, last));
  into.set(cipher.update(plain));
  cipher.final();
  into.set(cipher.getAuthTag(), plain.length);
}

/**
 * Opens one chunk.
 *
 * @param sealed  ciphertext ‖ tag
 * @returns the plaintext in a buffer of its own, or undefined where the tag does not hold: then nothing of it is given out
 */
export function openChunk(key: Uint8Array, chunk: number, last: boolean, sealed: Uint8Array): Uint8Array | undefined {
  const decipher = createDecipheriv(CIPHER, key, chunkNonce(chunk, last));
  decipher.setAuthTag(sealed.subarray(sealed.length - TAG_SIZE));
  const plain = decipher.update(sealed.subarray(0, sealed.length - TAG_SIZE));
  try {
    decipher.final();
  } catch {
    return undefined;
  }
  return plain;
}
