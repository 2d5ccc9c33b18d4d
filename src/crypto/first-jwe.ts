import { constants, createCipheriv, publicEncrypt, randomBytes } from "node:crypto";
import { CaiError } from "../system/index.ts";
import { encodeBase64Url } from "./encoding.ts";
import type { FlattenedJwe } from "./jwe.ts";
import { type PublicJwk, publicKeyOf } from "./jwk.ts";

const ALG = "RSA1_5";
const CEK_BYTES = 32;
const IV_BYTES = 12;
const TAG_BYTES = 16;

/**
 * Seals bytes in the form of protocol version 0.1.1 (agent.md §3.8), which is no JWE of RFC 7516: the protected header is plain JSON, it is not
 * authenticated, and the tag is the end of the ciphertext. For nothing but guests of that version.
 *
 * @param jwk  an RSA key with `alg` `RSA1_5`
 * @throws CaiError `crypto.jwk-unsupported` for any other key
 */
export function sealFirstJwe(plaintext: Uint8Array, jwk: PublicJwk): FlattenedJwe {
  if (jwk.kty !== "RSA" || jwk.alg !== ALG) {
    const details = { expected: `an RSA key with alg ${ALG}`, got: `${jwk.kty} with alg ${jwk.alg ?? "missing"}` };
    throw new CaiError("crypto.jwk-unsupported", "nothing can be encrypted to this key", details);
  }
  const cek = randomBytes(CEK_BYTES);
  try {
    const iv = randomBytes(IV_BYTES);
    const cipher = createCipheriv("aes-256-gcm", cek, iv, { authTagLength: TAG_BYTES });
    const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
    const wrapped = publicEncrypt({ key: publicKeyOf(jwk), padding: constants.RSA_PKCS1_PADDING }, cek);
    return {
      protected: JSON.stringify({ alg: ALG, enc: "A256GCM" }),
      encrypted_key: encodeBase64Url(wrapped),
      iv: encodeBase64Url(iv),
      ciphertext: encodeBase64Url(ciphertext),
      tag: "",
    };
  } finally {
    cek.fill(0);
  }
}
