import { describe, expect, test } from "bun:test";
import { createPublicKey, generateKeyPairSync } from "node:crypto";
import fc from "fast-check";
import { FlattenedEncrypt, flattenedDecrypt } from "jose";
import { type FlattenedJwe, openJwe, type PublicJwk, publicJwkOf, sealJwe } from "../../src/crypto/index.ts";
import { rejection } from "../rejection.ts";

const pair = (curve: string) => {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: curve });
  return { privateKey, jwk: { ...publicJwkOf(publicKey), alg: "ECDH-ES+A256KW" } as PublicJwk };
};
const p256 = pair("P-256");
const rsa = (() => {
  const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return { privateKey, jwk: { ...publicJwkOf(publicKey), alg: "RSA-OAEP-256" } as PublicJwk };
})();
const SECRET = new TextEncoder().encode("thirty-two bytes of a secret key");
const header = (jwe: FlattenedJwe) => Buffer.from(jwe.protected, "base64url").toString();

describe("JWE", () => {
  test.each([
    ["P-256", p256],
    ["P-521", pair("P-521")],
    ["RSA", rsa],
  ])("what is sealed to a %s key opens with it, whatever its length", (_name, { jwk, privateKey }) => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 5000 }), (plaintext) => {
        expect(openJwe(sealJwe(plaintext, jwk), privateKey)).toEqual({ plaintext });
      }),
      { numRuns: 20 },
    );
  });

  test("an independent implementation opens ours, and ours opens its", async () => {
    for (const { jwk, privateKey } of [p256, pair("P-521"), rsa]) {
      const opened = await flattenedDecrypt({ ...sealJwe(SECRET, jwk) }, privateKey);
      expect(new Uint8Array(opened.plaintext)).toEqual(SECRET);
      const sealed = await new FlattenedEncrypt(SECRET)
        .setProtectedHeader({ alg: jwk.alg as string, enc: "A256GCM" })
        .encrypt(createPublicKey(privateKey));
      expect(openJwe(sealed, privateKey).plaintext).toEqual(SECRET);
    }
  });

  test("the protected header has the one order that upstream clients can build again", () => {
    const coordinates = "[A-Za-z0-9_-]{43}";
    expect(header(sealJwe(SECRET, p256.jwk))).toMatch(
      new RegExp(`^{"alg":"ECDH-ES\\+A256KW","enc":"A256GCM","epk":{"crv":"P-256","kty":"EC","x":"${coordinates}","y":"${coordinates}"}}$`),
    );
    expect(header(sealJwe(SECRET, rsa.jwk))).toBe('{"alg":"RSA-OAEP-256","enc":"A256GCM"}');
    expect(header(sealJwe(SECRET, p256.jwk, { caiUri: "kbs:///a/b/c" }))).toStartWith(
      '{"alg":"ECDH-ES+A256KW","enc":"A256GCM","cai-uri":"kbs:///a/b/c","epk":{',
    );
  });

  test("the resource's name is authenticated and comes back", () => {
    const jwe = sealJwe(SECRET, p256.jwk, { caiUri: "kbs:///a/b/c" });
    expect(openJwe(jwe, p256.privateKey).caiUri).toBe("kbs:///a/b/c");
    const renamed = Buffer.from(header(jwe).replace("a/b/c", "a/b/d")).toString("base64url");
    expect(rejection(() => openJwe({ ...jwe, protected: renamed }, p256.privateKey)).id).toBe("crypto.jwe-not-for-this-key");
  });

  test("another key opens nothing", () => {
    expect(rejection(() => openJwe(sealJwe(SECRET, p256.jwk), pair("P-256").privateKey)).id).toBe("crypto.jwe-not-for-this-key");
    expect(rejection(() => openJwe(sealJwe(SECRET, p256.jwk), pair("P-521").privateKey)).id).toBe("crypto.jwe-not-for-this-key");
    const other = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
    expect(rejection(() => openJwe(sealJwe(SECRET, rsa.jwk), other)).id).toBe("crypto.jwe-not-for-this-key");
    expect(rejection(() => openJwe(sealJwe(SECRET, rsa.jwk), p256.privateKey)).id).toBe("crypto.jwe-malformed");
  });

  test("two seals of one secret share nothing but the header's form", () => {
    const [a, b] = [sealJwe(SECRET, p256.jwk), sealJwe(SECRET, p256.jwk)];
    for (const name of ["protected", "encrypted_key", "iv", "ciphertext", "tag"] as const) expect(a[name]).not.toBe(b[name]);
  });

  test.each(["protected", "encrypted_key", "iv", "ciphertext", "tag"] as const)("a changed or cut %s is refused", (name) => {
    const jwe = sealJwe(SECRET, p256.jwk);
    const bytes = Buffer.from(jwe[name], "base64url");
    for (let at = 0; at < bytes.length; at++) {
      const flipped = Buffer.from(bytes);
      flipped[at]! ^= 1 << (at % 8);
      for (const altered of [flipped, bytes.subarray(0, at)]) {
        const { id } = rejection(() => openJwe({ ...jwe, [name]: altered.toString("base64url") }, p256.privateKey));
        expect(["crypto.jwe-not-for-this-key", "crypto.jwe-malformed"]).toContain(id);
      }
    }
  });

  test.each([
    ["text", "a.b.c"],
    ["nothing", null],
    ["a missing member", { ...sealJwe(SECRET, p256.jwk), tag: undefined }],
    ["a number for a member", { ...sealJwe(SECRET, p256.jwk), iv: 7 }],
    ["additional data that nobody agrees on", { ...sealJwe(SECRET, p256.jwk), aad: "YQ" }],
    ["another content algorithm", { ...sealJwe(SECRET, p256.jwk), protected: b64({ alg: "ECDH-ES+A256KW", enc: "A128GCM" }) }],
    ["RSA1_5", { ...sealJwe(SECRET, rsa.jwk), protected: b64({ alg: "RSA1_5", enc: "A256GCM" }) }],
    ["direct agreement", { ...sealJwe(SECRET, p256.jwk), protected: b64({ alg: "ECDH-ES", enc: "A256GCM" }) }],
    ["a critical header", { ...sealJwe(SECRET, p256.jwk), protected: b64({ alg: "ECDH-ES+A256KW", enc: "A256GCM", crit: ["x"] }) }],
    ["compression", { ...sealJwe(SECRET, p256.jwk), protected: b64({ alg: "ECDH-ES+A256KW", enc: "A256GCM", zip: "DEF" }) }],
    ["no ephemeral key", { ...sealJwe(SECRET, p256.jwk), protected: b64({ alg: "ECDH-ES+A256KW", enc: "A256GCM" }) }],
  ])("%s is malformed", (_name, jwe) => {
    expect(rejection(() => openJwe(jwe, p256.privateKey)).id).toBe("crypto.jwe-malformed");
  });

  test("nothing is sealed to a key without a known algorithm, or to a point off its curve", () => {
    const { alg: _alg, ...bare } = p256.jwk;
    expect(rejection(() => sealJwe(SECRET, bare)).id).toBe("crypto.jwk-unsupported");
    expect(rejection(() => sealJwe(SECRET, { ...rsa.jwk, alg: "RSA1_5" })).id).toBe("crypto.jwk-unsupported");
    expect(rejection(() => sealJwe(SECRET, { ...rsa.jwk, alg: "ECDH-ES+A256KW" })).id).toBe("crypto.jwk-unsupported");
    const zero = Buffer.alloc(32).toString("base64url");
    const off = { kty: "EC", crv: "P-256", x: zero, y: zero, alg: "ECDH-ES+A256KW" } as const;
    expect(rejection(() => sealJwe(SECRET, off)).id).toBe("crypto.jwk-invalid");
  });
});

function b64(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
