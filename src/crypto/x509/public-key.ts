import { createPublicKey, type KeyObject, verify } from "node:crypto";
import { CaiError } from "../../system/index.ts";
import { type DerElement, DerReader, TAG } from "./der.ts";
import { encodeBits, encodeElement, encodeOid, encodeSequence, encodeUnsignedBytes } from "./der-writer.ts";

const OID_EC_PUBLIC_KEY = "1.2.840.10045.2.1";
const OID_P256 = "1.2.840.10045.3.1.7";
const OID_ECDSA_WITH_SHA256 = "1.2.840.10045.4.3.2";

/** AlgorithmIdentifier of ECDSA with SHA-256 (RFC 5758 §3.2: no parameters). */
export const ECDSA_WITH_SHA256: Uint8Array = encodeSequence(encodeOid(OID_ECDSA_WITH_SHA256));

const P256_ALGORITHM = encodeSequence(encodeOid(OID_EC_PUBLIC_KEY), encodeOid(OID_P256));

/** The key of a certificate's subject. */
export interface SubjectPublicKey {
  /** DER of the SubjectPublicKeyInfo */
  readonly spki: Uint8Array;
  /** 65 bytes, 04 ‖ x ‖ y, where the key is an uncompressed P-256 point; undefined for every other kind */
  readonly point: Uint8Array | undefined;
}

export function readPublicKey(element: DerElement): SubjectPublicKey {
  const reader = new DerReader(element.content, "public key");
  const algorithm = reader.element(TAG.sequence).whole;
  const key = reader.bits();
  reader.end();
  const p256 = Buffer.compare(algorithm, P256_ALGORITHM) === 0 && key.length === 65 && key[0] === 4;
  return { spki: element.whole, point: p256 ? key : undefined };
}

/**
 * DER SubjectPublicKeyInfo of a P-256 point.
 *
 * @param point  65 bytes 04 ‖ x ‖ y, or 64 bytes x ‖ y
 * @throws CaiError `crypto.key-invalid` for any other length
 */
export function encodeP256PublicKey(point: Uint8Array): Uint8Array {
  if (point.length === 64) return encodeSequence(P256_ALGORITHM, encodeBits(Buffer.concat([Uint8Array.of(4), point])));
  if (point.length === 65 && point[0] === 4) return encodeSequence(P256_ALGORITHM, encodeBits(point));
  throw new CaiError("crypto.key-invalid", `P-256 point: expected 64 bytes, or 65 that start with 04, got ${point.length} bytes`);
}

/** @throws CaiError `crypto.key-invalid` where the bytes are no key, for example a point that is not on the curve */
export function importPublicKey(spki: Uint8Array): KeyObject {
  try {
    return createPublicKey({ key: Buffer.from(spki.buffer, spki.byteOffset, spki.length), format: "der", type: "spki" });
  } catch (cause) {
    throw new CaiError("crypto.key-invalid", "expected a public key, got bytes that are none", { cause });
  }
}

/**
 * True where `signature` (r ‖ s, 64 bytes big-endian) over SHA-256 of `message` was made with the key of the P-256 `point`.
 *
 * @param point  64 or 65 bytes
 * @throws CaiError `crypto.key-invalid` where the point is not on the curve
 */
export function verifyP256(point: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (signature.length !== 64) return false;
  return verify("sha256", message, { key: importPublicKey(encodeP256PublicKey(point)), dsaEncoding: "ieee-p1363" }, signature);
}

/** Reads an AlgorithmIdentifier, which must be ECDSA with SHA-256: the only one that the chains of this program use. */
export function readEcdsaAlgorithm(reader: DerReader, what: string): void {
  const algorithm = reader.element(TAG.sequence);
  if (Buffer.compare(algorithm.whole, ECDSA_WITH_SHA256) === 0) return;
  const got = new DerReader(algorithm.content, what).oid();
  throw new CaiError("crypto.algorithm-unsupported", `${what}: expected ecdsa-with-SHA256 without parameters, got ${got}`, {
    expected: OID_ECDSA_WITH_SHA256,
    got,
  });
}

/** The r ‖ s of an ECDSA signature in DER (RFC 3279 §2.2.3) for P-256. @throws CaiError `crypto.der-malformed` */
function readEcdsaSignature(der: Uint8Array, what: string): Uint8Array {
  const outer = new DerReader(der, what);
  const body = outer.enter(TAG.sequence);
  outer.end();
  const raw = new Uint8Array(64);
  for (const end of [32, 64]) {
    const hex = body.unsigned().toString(16).padStart(64, "0");
    if (hex.length > 64) throw new CaiError("crypto.der-malformed", `${what}: expected numbers of 256 bits, got a longer one`);
    raw.set(Buffer.from(hex, "hex"), end - 32);
  }
  body.end();
  return raw;
}

/** DER of an ECDSA signature. @param raw  r ‖ s, 64 bytes */
const encodeEcdsaSignature = (raw: Uint8Array): Uint8Array =>
  encodeSequence(encodeUnsignedBytes(raw.subarray(0, 32)), encodeUnsignedBytes(raw.subarray(32)));

/**
 * Opens the envelope that certificates and revocation lists share: the signed part, the algorithm, the signature; nothing may follow.
 *
 * @param name  what it is, for errors
 * @param max   bytes that it may have at most
 * @throws CaiError `crypto.der-malformed`
 */
export function readSigned(der: Uint8Array, name: string, max: number): { readonly tbs: DerElement; readonly signature: Uint8Array } {
  if (der.length > max) throw new CaiError("crypto.der-malformed", `expected at most ${max} bytes, got ${der.length}`);
  const outer = new DerReader(der, name);
  const signed = outer.enter(TAG.sequence);
  outer.end();
  const tbs = signed.element(TAG.sequence);
  readEcdsaAlgorithm(signed, "signature algorithm");
  const signature = readEcdsaSignature(signed.bits(), "signature");
  signed.end();
  return { tbs, signature };
}

/** tbs ‖ algorithm ‖ signature in their SEQUENCE, as certificates and revocation lists are. */
export function encodeSigned(tbs: Uint8Array, sign: (tbs: Uint8Array) => Uint8Array): Uint8Array {
  const signature = sign(tbs);
  if (signature.length !== 64) {
    throw new CaiError("crypto.key-invalid", `signature: expected r ‖ s of 64 bytes, got ${signature.length}`);
  }
  return encodeElement(TAG.sequence, tbs, ECDSA_WITH_SHA256, encodeBits(encodeEcdsaSignature(signature)));
}
