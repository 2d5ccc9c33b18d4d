import {
  constants,
  createCipheriv,
  createDecipheriv,
  diffieHellman,
  generateKeyPairSync,
  type KeyObject,
  privateDecrypt,
  publicEncrypt,
  randomBytes,
} from "node:crypto";
import { CaiError } from "../system/index.ts";
import { concatKdf } from "./concat-kdf.ts";
import { decodeBase64Tolerant, encodeBase64Url } from "./encoding.ts";
import { type PublicJwk, parsePublicJwk, publicJwkOf, publicKeyOf } from "./jwk.ts";
import { unwrapKey, wrapKey } from "./key-wrap.ts";

/** A JWE in flattened JSON serialisation (RFC 7516 §7.2.2); every member is base64url. */
export interface FlattenedJwe {
  readonly protected: string;
  readonly encrypted_key: string;
  readonly iv: string;
  readonly ciphertext: string;
  readonly tag: string;
}

export interface OpenedJwe {
  readonly plaintext: Uint8Array<ArrayBuffer>;
  /** the resource that the sealer says this is, from the authenticated header (security.md §3.4); absent in upstream answers */
  readonly caiUri?: string;
}

const ECDH_ALG = "ECDH-ES+A256KW";
const RSA_ALG = "RSA-OAEP-256";
const ENC = "A256GCM";
const CEK_BYTES = 32;
const IV_BYTES = 12;
const TAG_BYTES = 16;
const NODE_CURVES = { "P-256": "P-256", "P-384": "P-384", "P-521": "P-521" } as const;
const MAX_HEADER = 8192;

/**
 * Seals bytes to a public key (trustee.md §1.9).
 *
 * The protected header has exactly the member order `alg`, `enc`, then the others sorted: peers of the upstream families build it
 * anew from its parsed form and use that as additional data, so any other order or white space would lock them out.
 *
 * @param jwk      its `alg` decides: `ECDH-ES+A256KW` (EC) or `RSA-OAEP-256` (RSA)
 * @param caiUri   the resource's URI, for sessions that negotiated it (security.md §3.4)
 * @throws CaiError `crypto.jwk-unsupported` for another `alg`, `crypto.jwk-invalid` for a point off its curve
 */
export function sealJwe(plaintext: Uint8Array, jwk: PublicJwk, { caiUri }: { readonly caiUri?: string } = {}): FlattenedJwe {
  const recipient = publicKeyOf(jwk);
  const cek = randomBytes(CEK_BYTES);
  const named = caiUri === undefined ? {} : { "cai-uri": caiUri };
  try {
    if (jwk.kty === "EC" && jwk.alg === ECDH_ALG) {
      const ephemeral = generateKeyPairSync("ec", { namedCurve: NODE_CURVES[jwk.crv] });
      const epk = publicJwkOf(ephemeral.publicKey);
      if (epk.kty !== "EC") throw new TypeError("an EC key was made");
      const kek = agreedKey(ephemeral.privateKey, recipient);
      const header = { alg: ECDH_ALG, enc: ENC, ...named, epk: { crv: epk.crv, kty: epk.kty, x: epk.x, y: epk.y } };
      const wrapped = wrapKey(kek, cek);
      kek.fill(0);
      return encrypt(plaintext, cek, header, wrapped);
    }
    if (jwk.kty === "RSA" && jwk.alg === RSA_ALG) {
      const wrapped = publicEncrypt({ key: recipient, oaepHash: "sha256", padding: constants.RSA_PKCS1_OAEP_PADDING }, cek);
      return encrypt(plaintext, cek, { alg: RSA_ALG, enc: ENC, ...named }, wrapped);
    }
    throw new CaiError("crypto.jwk-unsupported", "nothing can be encrypted to this key", {
      expected: `an EC key with alg ${ECDH_ALG}, or an RSA key with alg ${RSA_ALG}`,
      got: `${jwk.kty} with alg ${jwk.alg ?? "missing"}`,
    });
  } finally {
    cek.fill(0);
  }
}

/**
 * Opens a JWE. The received header text is the additional data as it is: right for every sealer.
 *
 * @param jwe         the parsed JSON of an answer, not yet checked
 * @param privateKey  EC or RSA private key; the header's `alg` must fit its kind
 * @throws CaiError `crypto.jwe-malformed`, or `crypto.jwe-not-for-this-key`: it was sealed to another key, or altered
 */
export function openJwe(jwe: unknown, privateKey: KeyObject): OpenedJwe {
  const parts = parseJwe(jwe);
  const header = parseHeader(parts.protected);
  const cek = contentKey(header, bytesOf(parts, "encrypted_key"), privateKey);
  const iv = bytesOf(parts, "iv");
  const tag = bytesOf(parts, "tag");
  if (iv.length !== IV_BYTES || tag.length !== TAG_BYTES)
    throw malformed("`iv` of 12 and `tag` of 16 bytes", `${iv.length} and ${tag.length}`);
  try {
    const decipher = createDecipheriv("aes-256-gcm", cek, iv, { authTagLength: TAG_BYTES });
    decipher.setAAD(Buffer.from(parts.protected, "ascii"));
    decipher.setAuthTag(tag);
    const ciphertext = bytesOf(parts, "ciphertext");
    const plaintext = new Uint8Array(ciphertext.length);
    const body = decipher.update(ciphertext);
    decipher.final();
    plaintext.set(body);
    body.fill(0);
    const caiUri = header["cai-uri"];
    if (caiUri === undefined) return { plaintext };
    if (typeof caiUri !== "string") throw malformed("`cai-uri` as a string", typeof caiUri);
    return { plaintext, caiUri };
  } catch (error) {
    throw error instanceof CaiError ? error : notForThisKey();
  } finally {
    cek.fill(0);
  }
}

function encrypt(plaintext: Uint8Array, cek: Uint8Array, header: object, wrapped: Uint8Array): FlattenedJwe {
  const protectedText = encodeBase64Url(new TextEncoder().encode(JSON.stringify(header)));
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv("aes-256-gcm", cek, iv, { authTagLength: TAG_BYTES });
  cipher.setAAD(Buffer.from(protectedText, "ascii"));
  const ciphertext = cipher.update(plaintext);
  cipher.final();
  return {
    protected: protectedText,
    encrypted_key: encodeBase64Url(wrapped),
    iv: encodeBase64Url(iv),
    ciphertext: encodeBase64Url(ciphertext),
    tag: encodeBase64Url(cipher.getAuthTag()),
  };
}

function parseJwe(value: unknown): FlattenedJwe {
  if (typeof value !== "object" || value === null) throw malformed("an object", typeof value);
  const members = value as Readonly<Record<string, unknown>>;
  const text = (name: keyof FlattenedJwe): string => {
    const member = members[name];
    if (typeof member !== "string") throw malformed(`\`${name}\` as a string`, typeof member);
    return member;
  };
  // No sealer of this protocol sends `aad`, and the families disagree on what it would mean (trustee.md §1.9).
  if (members["aad"] !== undefined) throw malformed("no `aad`", "one");
  return {
    protected: text("protected"),
    encrypted_key: text("encrypted_key"),
    iv: text("iv"),
    ciphertext: text("ciphertext"),
    tag: text("tag"),
  };
}

function parseHeader(text: string): Readonly<Record<string, unknown>> {
  if (text.length > MAX_HEADER) throw malformed(`a header of at most ${MAX_HEADER} characters`, String(text.length));
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(decodeBase64Tolerant(text)));
  } catch {
    throw malformed("a protected header of base64url JSON", "another text");
  }
  if (typeof header !== "object" || header === null) throw malformed("a header object", typeof header);
  const members = header as Readonly<Record<string, unknown>>;
  if (members["enc"] !== ENC) throw malformed(`\`enc\` ${ENC}`, String(members["enc"]).slice(0, 40));
  for (const name of ["crit", "zip"]) if (members[name] !== undefined) throw malformed(`no \`${name}\``, "one");
  return members;
}

function contentKey(header: Readonly<Record<string, unknown>>, wrapped: Uint8Array, privateKey: KeyObject): Uint8Array {
  const expected = privateKey.asymmetricKeyType === "rsa" ? RSA_ALG : ECDH_ALG;
  if (header["alg"] !== expected) throw malformed(`\`alg\` ${expected}`, String(header["alg"]).slice(0, 40));
  try {
    const cek =
      expected === RSA_ALG
        ? privateDecrypt({ key: privateKey, oaepHash: "sha256", padding: constants.RSA_PKCS1_OAEP_PADDING }, wrapped)
        : unwrapWithEcdh(header["epk"], wrapped, privateKey);
    if (cek.length !== CEK_BYTES) throw malformed(`a content key of ${CEK_BYTES} bytes`, String(cek.length));
    return cek;
  } catch (error) {
    if (error instanceof CaiError && error.id === "crypto.jwe-malformed") throw error;
    throw notForThisKey();
  }
}

function unwrapWithEcdh(epk: unknown, wrapped: Uint8Array, privateKey: KeyObject): Uint8Array {
  const ours = publicJwkOf(privateKey);
  let jwk: PublicJwk;
  try {
    jwk = parsePublicJwk(epk);
  } catch {
    throw malformed("`epk` as a public key", "another value");
  }
  if (jwk.kty !== "EC" || ours.kty !== "EC" || jwk.crv !== ours.crv) throw notForThisKey();
  const kek = agreedKey(privateKey, publicKeyOf(jwk));
  try {
    return unwrapKey(kek, wrapped);
  } finally {
    kek.fill(0);
  }
}

function agreedKey(privateKey: KeyObject, publicKey: KeyObject): Uint8Array {
  const z = diffieHellman({ privateKey, publicKey });
  const kek = concatKdf(z, ECDH_ALG, 256);
  z.fill(0);
  return kek;
}

function bytesOf(parts: FlattenedJwe, name: keyof FlattenedJwe): Uint8Array<ArrayBuffer> {
  try {
    return decodeBase64Tolerant(parts[name]);
  } catch {
    throw malformed(`\`${name}\` as base64url`, "another text");
  }
}

function malformed(expected: string, got: string): CaiError {
  return new CaiError("crypto.jwe-malformed", `an encrypted answer is malformed: expected ${expected}, got ${got}`, { expected, got });
}

function notForThisKey(): CaiError {
  return new CaiError("crypto.jwe-not-for-this-key", "an encrypted answer does not open with this key");
}
