import { describe, expect, test } from "bun:test";
import { constants, createDecipheriv, generateKeyPairSync, privateDecrypt } from "node:crypto";
import fc from "fast-check";
import { decodeBase64Url, type PublicJwk, publicJwkOf, sealFirstJwe } from "../../src/crypto/index.ts";
import { rejection } from "../rejection.ts";

const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const jwk = { ...publicJwkOf(publicKey), alg: "RSA1_5" } as PublicJwk;

function opened(plaintext: Uint8Array): Uint8Array {
  const jwe = sealFirstJwe(plaintext, jwk);
  const block = privateDecrypt({ key: privateKey, padding: constants.RSA_NO_PADDING }, decodeBase64Url(jwe.encrypted_key));
  const cek = block.subarray(block.length - 32);
  const sealed = decodeBase64Url(jwe.ciphertext);
  const decipher = createDecipheriv("aes-256-gcm", cek, decodeBase64Url(jwe.iv));
  decipher.setAuthTag(sealed.subarray(sealed.length - 16));
  return Buffer.concat([decipher.update(sealed.subarray(0, sealed.length - 16)), decipher.final()]);
}

describe("the answer of version 0.1.1 (agent.md §3.8)", () => {
  test("has a plain header, no tag of its own, and the tag at the end of the ciphertext", () => {
    const jwe = sealFirstJwe(new Uint8Array(10), jwk);
    expect(jwe.protected).toBe('{"alg":"RSA1_5","enc":"A256GCM"}');
    expect(jwe.tag).toBe("");
    expect(decodeBase64Url(jwe.ciphertext)).toHaveLength(26);
    expect([decodeBase64Url(jwe.encrypted_key).length, decodeBase64Url(jwe.iv).length]).toEqual([256, 12]);
  });

  test("opens with the key that it was made for, whatever its length", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 3000 }), (plaintext) => {
        expect(Buffer.from(opened(plaintext)).equals(Buffer.from(plaintext))).toBe(true);
      }),
      { numRuns: 20 },
    );
  });

  test("is made for RSA1_5 keys alone", () => {
    const ec = publicJwkOf(generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey);
    for (const other of [
      { ...jwk, alg: "RSA-OAEP-256" },
      { ...ec, alg: "ECDH-ES+A256KW" },
      { ...ec, alg: "RSA1_5" },
    ] as PublicJwk[]) {
      expect(rejection(() => sealFirstJwe(new Uint8Array(1), other)).id).toBe("crypto.jwk-unsupported");
    }
  });
});
