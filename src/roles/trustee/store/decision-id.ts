import { createHmac } from "node:crypto";

const SIZE = 10;
const ALPHABET = "abcdefghijklmnopqrstuvwxyz234567";

/**
 * The public id of a decision: it lets a denied caller name the decision to the admin, and tells nothing, not even how many there were
 * (security.md I27).
 *
 * @param key     the store's decision-id key
 * @param number  the decision's number
 * @returns 16 characters of base32 (RFC 4648 alphabet in lower case)
 */
export function publicDecisionId(key: Uint8Array, number: number): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(number));
  const bytes = createHmac("sha256", key).update(counter).digest().subarray(0, SIZE);
  let bits = bytes.reduce((all, byte) => (all << 8n) | BigInt(byte), 0n);
  let text = "";
  for (let i = 0; i < (SIZE * 8) / 5; i++, bits >>= 5n) text = `${ALPHABET[Number(bits & 31n)]}${text}`;
  return text;
}
