import { constants, createDecipheriv, type KeyObject, privateDecrypt, publicEncrypt, randomBytes } from "node:crypto";
import { z } from "zod";
import { decodeBase64, encodeBase64 } from "../../../crypto/index.ts";
import { parseJsonText } from "../../../protocol/index.ts";
import { CaiError } from "../../../system/index.ts";

const CEK_BYTES = 32;
const IV_BYTES = 12;
const TAG_BYTES = 16;
/** No resource is larger, so no envelope is. */
const MAX_TEXT = 4 * 1024 * 1024;

const members = z.object({ alg: z.string(), enc_key: z.string(), iv: z.string(), ciphertext: z.string(), tag: z.string() });
type EnvelopeText = z.output<typeof members>;

/** A secret that was encrypted before it was stored: to the public key of this trustee, by whoever stored it (trustee.md §3.3). */
export interface Envelope {
  readonly alg: "RSA-OAEP-256" | "RSA1_5";
  /** the wrapped content key, as long as the modulus of the key it is for */
  readonly wrapped: Uint8Array;
  readonly iv: Uint8Array;
  readonly ciphertext: Uint8Array;
  readonly tag: Uint8Array;
}

/** A key that envelopes are encrypted to. */
export interface EnvelopeKey {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  /** bytes of the modulus */
  readonly size: number;
}

/**
 * @returns the envelope that stored content is, or undefined where it is anything but a JSON object with the five members of one: that is given out as
 *   it is
 * @throws CaiError `kbs.envelope-unreadable` for an envelope of another algorithm, or whose members cannot be decoded
 */
export function parseEnvelope(content: Uint8Array): Envelope | undefined {
  const text = envelopeText(content);
  if (text === undefined) return undefined;
  const { alg } = text;
  if (alg !== "RSA-OAEP-256" && alg !== "RSA1_5") throw unreadable();
  const [wrapped, iv, ciphertext, tag] = [text.enc_key, text.iv, text.ciphertext, text.tag].map(bytesOf) as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ];
  if (iv.length !== IV_BYTES || tag.length !== TAG_BYTES) throw unreadable();
  return { alg, wrapped, iv, ciphertext, tag };
}

/**
 * Opens an envelope with the first of the keys that does.
 *
 * Whoever may store resources may send envelopes of his choice, so nothing tells him why one does not open: each key is tried to the end, a
 * wrapped key that is none counts as a random one, and the tag over the content decides (the way out of padding oracles that TLS
 * took, RFC 5246 §7.4.7.1).
 *
 * @returns the plaintext and the key that it was encrypted to
 * @throws CaiError `kbs.envelope-unreadable`, the same for every reason
 */
export function openEnvelope<Key extends EnvelopeKey>(envelope: Envelope, keys: readonly Key[]): { plaintext: Uint8Array; key: Key } {
  for (const key of keys) {
    const plaintext = opened(envelope, key);
    if (plaintext !== undefined) return { plaintext, key };
  }
  throw unreadable();
}

/**
 * Wraps the content key of an envelope for another key; the content stays as it is.
 *
 * @param from  the key that opens it
 * @returns the JSON text of the new envelope
 * @throws CaiError `kbs.envelope-unreadable`
 */
export function rewrapEnvelope(envelope: Envelope, from: EnvelopeKey, to: EnvelopeKey): Uint8Array {
  const cek = contentKey(envelope, from);
  try {
    // A wrapped key that is none has become a random one, which must not be kept.
    const plaintext = decrypted(envelope, cek);
    if (plaintext === undefined) throw unreadable();
    plaintext.fill(0);
    const wrapped = publicEncrypt({ key: to.publicKey, oaepHash: "sha256", padding: constants.RSA_PKCS1_OAEP_PADDING }, cek);
    const text: EnvelopeText = {
      alg: "RSA-OAEP-256",
      enc_key: encodeBase64(wrapped),
      iv: encodeBase64(envelope.iv),
      ciphertext: encodeBase64(envelope.ciphertext),
      tag: encodeBase64(envelope.tag),
    };
    return Buffer.from(JSON.stringify(text));
  } finally {
    cek.fill(0);
  }
}

function opened(envelope: Envelope, key: EnvelopeKey): Uint8Array | undefined {
  const cek = contentKey(envelope, key);
  try {
    return decrypted(envelope, cek);
  } finally {
    cek.fill(0);
  }
}

function decrypted({ iv, ciphertext, tag }: Envelope, cek: Uint8Array): Uint8Array | undefined {
  const decipher = createDecipheriv("aes-256-gcm", cek, iv, { authTagLength: TAG_BYTES });
  decipher.setAuthTag(tag);
  const plaintext = decipher.update(ciphertext);
  try {
    decipher.final();
    return plaintext;
  } catch {
    plaintext.fill(0);
    return undefined;
  }
}

/** @returns the content key, or a random one where the wrapped key is none of this key's */
function contentKey({ alg, wrapped }: Envelope, { privateKey, size }: EnvelopeKey): Uint8Array {
  const other = randomBytes(CEK_BYTES);
  // The length is no secret: it stands in the envelope.
  if (wrapped.length !== size) return other;
  return alg === "RSA1_5" ? firstContentKey(wrapped, privateKey, other) : (oaepContentKey(wrapped, privateKey) ?? other);
}

function oaepContentKey(wrapped: Uint8Array, privateKey: KeyObject): Uint8Array | undefined {
  try {
    const cek = privateDecrypt({ key: privateKey, oaepHash: "sha256", padding: constants.RSA_PKCS1_OAEP_PADDING }, wrapped);
    return cek.length === CEK_BYTES ? cek : undefined;
  } catch {
    return undefined;
  }
}

/** RSAES-PKCS1-v1_5 for a key whose length is known, so that the separator has one place; no branch depends on what was decrypted. */
function firstContentKey(wrapped: Uint8Array, privateKey: KeyObject, other: Uint8Array): Uint8Array {
  let block: Uint8Array;
  try {
    block = privateDecrypt({ key: privateKey, padding: constants.RSA_NO_PADDING }, wrapped);
  } catch {
    // The number is not below the modulus, which anybody can tell.
    return other;
  }
  const separator = block.length - CEK_BYTES - 1;
  let wrong = block[0]! | (block[1]! ^ 2) | block[separator]!;
  // 0 − 1 sets the bits above a byte, and nothing else does.
  for (let at = 2; at < separator; at++) wrong |= ((block[at]! - 1) >> 8) & 1;
  const mask = -Number(wrong !== 0) & 0xff;
  const cek = new Uint8Array(CEK_BYTES);
  for (let i = 0; i < CEK_BYTES; i++) cek[i] = (other[i]! & mask) | (block[separator + 1 + i]! & ~mask);
  block.fill(0);
  return cek;
}

function envelopeText(content: Uint8Array): EnvelopeText | undefined {
  const first = content.find((byte) => byte > 0x20);
  if (first !== 0x7b) return undefined;
  try {
    return members.safeParse(parseJsonText(content, "envelope", MAX_TEXT)).data;
  } catch {
    return undefined;
  }
}

function bytesOf(text: string): Uint8Array {
  try {
    return decodeBase64(text);
  } catch {
    throw unreadable();
  }
}

function unreadable(): CaiError {
  return new CaiError("kbs.envelope-unreadable", "the resource is an envelope that no key of this trustee opens");
}
