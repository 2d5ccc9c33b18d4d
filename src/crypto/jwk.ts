import { createHash, createPublicKey, type KeyObject } from "node:crypto";
import { CaiError } from "../system/index.ts";
import { decodeBase64Url, encodeBase64Url } from "./encoding.ts";
import { jcs } from "./jcs.ts";

/** A public key on a NIST curve; `x` and `y` are base64url, as long as the curve's field. */
export interface EcPublicJwk {
  readonly kty: "EC";
  readonly crv: EcCurve;
  readonly x: string;
  readonly y: string;
  readonly alg?: string;
}

/** An RSA public key; `n` and `e` are base64url, big-endian, without leading zeros. */
export interface RsaPublicJwk {
  readonly kty: "RSA";
  readonly n: string;
  readonly e: string;
  readonly alg?: string;
}

/** An Ed25519 public key; `x` is base64url, 32 bytes. */
export interface OkpPublicJwk {
  readonly kty: "OKP";
  readonly crv: "Ed25519";
  readonly x: string;
  readonly alg?: string;
}

export type PublicJwk = EcPublicJwk | RsaPublicJwk | OkpPublicJwk;
export type EcCurve = keyof typeof FIELD_BYTES;

const FIELD_BYTES = { "P-256": 32, "P-384": 48, "P-521": 66 } as const;
const MIN_RSA_BYTES = 2048 / 8;
const MAX_RSA_BYTES = 8192 / 8;
const MAX_RSA_EXPONENT_BYTES = 4;

/**
 * Parses a public JWK. Members other than the key's own and `alg` do not survive, so that a private part or a foreign hint never
 * travels on.
 *
 * @throws CaiError `crypto.jwk-invalid`
 */
export function parsePublicJwk(value: unknown): PublicJwk {
  if (typeof value !== "object" || value === null) throw invalid("an object", typeof value);
  const members = value as Readonly<Record<string, unknown>>;
  const alg = members["alg"];
  if (alg !== undefined && (typeof alg !== "string" || alg.length > 64)) throw invalid("`alg` as a short string", typeof alg);
  const withAlg = alg === undefined ? {} : { alg };
  switch (members["kty"]) {
    case "EC": {
      const crv = members["crv"];
      if (typeof crv !== "string" || !Object.hasOwn(FIELD_BYTES, crv)) throw invalid("`crv` P-256, P-384 or P-521", "another curve");
      const size = FIELD_BYTES[crv as EcCurve];
      return { kty: "EC", crv: crv as EcCurve, x: fixed(members, "x", size), y: fixed(members, "y", size), ...withAlg };
    }
    case "RSA":
      return { kty: "RSA", n: modulus(members), e: exponent(members), ...withAlg };
    case "OKP":
      if (members["crv"] !== "Ed25519") throw invalid("`crv` Ed25519", "another curve");
      return { kty: "OKP", crv: "Ed25519", x: fixed(members, "x", 32), ...withAlg };
    default:
      throw invalid("`kty` EC, RSA or OKP", "another kind of key");
  }
}

/**
 * @returns the runtime's form of a key
 * @throws CaiError `crypto.jwk-invalid` where the point is not on its curve
 */
export function publicKeyOf(jwk: PublicJwk): KeyObject {
  try {
    return createPublicKey({ key: { ...jwk }, format: "jwk" });
  } catch {
    throw invalid(`a valid ${jwk.kty} key`, "a key that the runtime refuses");
  }
}

/** @returns the JWK of a public key, or of the public half of a private one; without `alg` */
export function publicJwkOf(key: KeyObject): PublicJwk {
  return parsePublicJwk((key.type === "private" ? createPublicKey(key) : key).export({ format: "jwk" }));
}

/** @returns the SHA-256 thumbprint of a key (RFC 7638), base64url, 43 characters */
export function jwkThumbprint(jwk: PublicJwk): string {
  return encodeBase64Url(
    createHash("sha256")
      .update(jcs(requiredMembers(jwk)))
      .digest(),
  );
}

function requiredMembers(jwk: PublicJwk): Readonly<Record<string, string>> {
  switch (jwk.kty) {
    case "EC":
      return { crv: jwk.crv, kty: jwk.kty, x: jwk.x, y: jwk.y };
    case "RSA":
      return { e: jwk.e, kty: jwk.kty, n: jwk.n };
    case "OKP":
      return { crv: jwk.crv, kty: jwk.kty, x: jwk.x };
  }
}

function fixed(members: Readonly<Record<string, unknown>>, name: string, size: number): string {
  const { text, bytes } = integer(members, name);
  if (bytes.length !== size) throw invalid(`\`${name}\` of ${size} bytes`, `${bytes.length} bytes`);
  return text;
}

function modulus(members: Readonly<Record<string, unknown>>): string {
  const { text, bytes } = integer(members, "n");
  if (bytes[0] === 0 || bytes.length < MIN_RSA_BYTES || bytes.length > MAX_RSA_BYTES) {
    throw invalid("an RSA modulus of 2048 to 8192 bits", `${bytes.length} bytes`);
  }
  return text;
}

function exponent(members: Readonly<Record<string, unknown>>): string {
  const { text, bytes } = integer(members, "e");
  const value = bytes.reduce((sum, byte) => sum * 256 + byte, 0);
  if (bytes[0] === 0 || bytes.length > MAX_RSA_EXPONENT_BYTES || value < 3 || value % 2 === 0) {
    throw invalid("an odd RSA exponent of at least 3 and at most 32 bits", `${bytes.length} bytes`);
  }
  return text;
}

function integer(members: Readonly<Record<string, unknown>>, name: string): { text: string; bytes: Uint8Array } {
  const text = members[name];
  if (typeof text !== "string" || text.length > 2 * MAX_RSA_BYTES) throw invalid(`\`${name}\` as base64url`, typeof text);
  try {
    return { text, bytes: decodeBase64Url(text) };
  } catch {
    throw invalid(`\`${name}\` as base64url without padding`, "another text");
  }
}

function invalid(expected: string, got: string): CaiError {
  return new CaiError("crypto.jwk-invalid", `a public key is not valid: expected ${expected}, got ${got}`, { expected, got });
}
