import { createHash } from "node:crypto";

/**
 * Derives a key from an ECDH secret: the single-step Concat KDF of NIST SP 800-56A with SHA-256, in the form of RFC 7518 §4.6.2.
 *
 * @param z            raw ECDH secret: the x coordinate, as long as the curve's field
 * @param algorithmId  the JOSE algorithm name; for key-wrap modes the `alg` value
 * @param bits         length of the key in bits, a multiple of 8
 * @param partyU       PartyUInfo; the KBS protocol leaves it empty (trustee.md §1.9)
 * @param partyV       PartyVInfo; likewise
 */
export function concatKdf(
  z: Uint8Array,
  algorithmId: string,
  bits: number,
  partyU: Uint8Array = new Uint8Array(),
  partyV: Uint8Array = new Uint8Array(),
): Uint8Array {
  const length = bits / 8;
  const otherInfo = [...lengthPrefixed(new TextEncoder().encode(algorithmId)), ...lengthPrefixed(partyU), ...lengthPrefixed(partyV)];
  const key = new Uint8Array(length);
  for (let round = 1, at = 0; at < length; round++) {
    const hash = createHash("sha256").update(uint32(round)).update(z);
    for (const part of otherInfo) hash.update(part);
    const block = hash.update(uint32(bits)).digest();
    key.set(block.subarray(0, length - at), at);
    block.fill(0);
    at += block.length;
  }
  return key;
}

function lengthPrefixed(bytes: Uint8Array): readonly Uint8Array[] {
  return [uint32(bytes.length), bytes];
}

function uint32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}
