import { type Cipheriv, createCipheriv, createDecipheriv, type Decipheriv, timingSafeEqual } from "node:crypto";
import { CaiError } from "../system/index.ts";

const SEMIBLOCK = 8;
const INTEGRITY_VALUE = new Uint8Array(SEMIBLOCK).fill(0xa6);
const ROUNDS = 6;

/**
 * Wraps a key with AES (RFC 3394 §2.2.1, index form). The runtime's own cipher list has no key wrap.
 *
 * @param kek  16, 24 or 32 bytes
 * @param key  a multiple of 8, at least 16 bytes
 * @returns 8 bytes more than `key`
 */
export function wrapKey(kek: Uint8Array, key: Uint8Array): Uint8Array {
  if (key.length < 2 * SEMIBLOCK || key.length % SEMIBLOCK !== 0) {
    throw new RangeError(`a key of ${key.length} bytes cannot be wrapped`);
  }
  const out = new Uint8Array(key.length + SEMIBLOCK);
  out.set(INTEGRITY_VALUE);
  out.set(key, SEMIBLOCK);
  const cipher = createCipheriv(cipherName(kek), kek, null).setAutoPadding(false);
  const n = key.length / SEMIBLOCK;
  for (let j = 0; j < ROUNDS; j++) {
    for (let i = 1; i <= n; i++) {
      const block = oneBlock(cipher, out, i);
      xorCounter(block, n * j + i);
      putBlock(out, i, block);
    }
  }
  return out;
}

/**
 * Unwraps a key (RFC 3394 §2.2.2).
 *
 * @throws CaiError `crypto.key-unwrap-failed`: another wrapping key, or altered bytes
 */
export function unwrapKey(kek: Uint8Array, wrapped: Uint8Array): Uint8Array {
  if (wrapped.length < 3 * SEMIBLOCK || wrapped.length % SEMIBLOCK !== 0) throw failed(`${wrapped.length} bytes`);
  const out = Uint8Array.from(wrapped);
  const decipher = createDecipheriv(cipherName(kek), kek, null).setAutoPadding(false);
  const n = wrapped.length / SEMIBLOCK - 1;
  for (let j = ROUNDS - 1; j >= 0; j--) {
    for (let i = n; i >= 1; i--) {
      xorCounter(out, n * j + i);
      putBlock(out, i, oneBlock(decipher, out, i));
    }
  }
  if (!timingSafeEqual(out.subarray(0, SEMIBLOCK), INTEGRITY_VALUE)) {
    out.fill(0);
    throw failed("an integrity value that does not match");
  }
  const key = out.slice(SEMIBLOCK);
  out.fill(0);
  return key;
}

function cipherName(kek: Uint8Array): string {
  if (![16, 24, 32].includes(kek.length)) throw new RangeError(`a wrapping key of ${kek.length} bytes is not an AES key`);
  return `aes-${kek.length * 8}-ecb`;
}

/** Runs the block cipher over A ‖ R[i], where A is the first semiblock of `out` and R[i] the i-th after it. */
function oneBlock(cipher: Cipheriv | Decipheriv, out: Uint8Array, i: number): Uint8Array {
  const block = new Uint8Array(2 * SEMIBLOCK);
  block.set(out.subarray(0, SEMIBLOCK));
  block.set(out.subarray(i * SEMIBLOCK, (i + 1) * SEMIBLOCK), SEMIBLOCK);
  return cipher.update(block);
}

function putBlock(out: Uint8Array, i: number, block: Uint8Array): void {
  out.set(block.subarray(0, SEMIBLOCK));
  out.set(block.subarray(SEMIBLOCK), i * SEMIBLOCK);
}

// The counter stays below 2^32 for every key that fits a message.
function xorCounter(block: Uint8Array, counter: number): void {
  const view = new DataView(block.buffer, block.byteOffset);
  view.setUint32(4, view.getUint32(4) ^ counter);
}

function failed(got: string): CaiError {
  return new CaiError("crypto.key-unwrap-failed", "a wrapped key does not open with this key", { got });
}
