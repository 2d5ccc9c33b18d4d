import { describe, expect, test } from "bun:test";
import { generateKeyPairSync } from "node:crypto";
import fc from "fast-check";
import { encodeBase64Url, jwkThumbprint, parsePublicJwk, publicJwkOf, publicKeyOf } from "../../src/crypto/index.ts";
import { rejection } from "../rejection.ts";

const RFC_7638_N =
  "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W" +
  "-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLy" +
  "rdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";

const ec = publicJwkOf(generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey) as {
  kty: "EC";
  crv: "P-256";
  x: string;
  y: string;
};

describe("JWK", () => {
  test("the key of RFC 7638 §3.1 has the thumbprint that it says, with or without foreign members", () => {
    const jwk = { kty: "RSA", n: RFC_7638_N, e: "AQAB", alg: "RS256", kid: "2011-04-29" };
    expect(jwkThumbprint(parsePublicJwk(jwk))).toBe("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
  });

  test("members that are not the key's do not survive, the private part above all", () => {
    const parsed = parsePublicJwk({ ...ec, alg: "ECDH-ES+A256KW", d: "c2VjcmV0", use: "enc", kid: "1" });
    expect(parsed).toEqual({ ...ec, alg: "ECDH-ES+A256KW" });
  });

  test("keys of each kind go to the runtime and back", () => {
    const keys = [
      ...["P-256", "P-384", "P-521"].map((namedCurve) => generateKeyPairSync("ec", { namedCurve })),
      generateKeyPairSync("rsa", { modulusLength: 2048 }),
      generateKeyPairSync("ed25519"),
    ];
    for (const { publicKey, privateKey } of keys) {
      const jwk = publicJwkOf(publicKey);
      expect(publicJwkOf(privateKey)).toEqual(jwk);
      expect(publicJwkOf(publicKeyOf(jwk))).toEqual(jwk);
      expect(jwkThumbprint({ ...jwk, alg: "any" })).toBe(jwkThumbprint(jwk));
      expect(jwkThumbprint(jwk)).not.toBe(jwkThumbprint(ec));
    }
  });

  test("a point off its curve is refused", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 255 }), (bit) => {
        const x = Buffer.from(ec.x, "base64url");
        x[bit >> 3]! ^= 1 << (bit & 7);
        const moved = parsePublicJwk({ ...ec, x: encodeBase64Url(x) });
        // With the same y, at most two other x values lie on the curve; a flip does not find one.
        expect(rejection(() => publicKeyOf(moved)).id).toBe("crypto.jwk-invalid");
      }),
      { numRuns: 32 },
    );
  });

  test.each([
    ["nothing", null],
    ["a text", "EC"],
    ["another kind", { kty: "oct", k: "AAAA" }],
    ["another curve", { ...ec, crv: "secp256k1" }],
    ["a curve by an inherited name", { ...ec, crv: "toString" }],
    ["a short coordinate", { ...ec, x: encodeBase64Url(new Uint8Array(31)) }],
    ["a long coordinate", { ...ec, y: encodeBase64Url(new Uint8Array(33)) }],
    ["a padded coordinate", { ...ec, x: `${ec.x}=` }],
    ["a missing coordinate", { kty: "EC", crv: "P-256", x: ec.x }],
    ["an algorithm that is no text", { ...ec, alg: 1 }],
    ["a small modulus", { kty: "RSA", n: encodeBase64Url(new Uint8Array(128).fill(255)), e: "AQAB" }],
    ["a huge modulus", { kty: "RSA", n: encodeBase64Url(new Uint8Array(1025).fill(255)), e: "AQAB" }],
    ["a modulus with a leading zero", { kty: "RSA", n: `AAAA${RFC_7638_N}`, e: "AQAB" }],
    ["exponent 1", { kty: "RSA", n: RFC_7638_N, e: "AQ" }],
    ["an even exponent", { kty: "RSA", n: RFC_7638_N, e: "AQAA" }],
    ["an empty exponent", { kty: "RSA", n: RFC_7638_N, e: "" }],
    ["another Edwards curve", { kty: "OKP", crv: "X25519", x: encodeBase64Url(new Uint8Array(32)) }],
  ])("%s is no public key", (_name, value) => {
    expect(rejection(() => parsePublicJwk(value)).id).toBe("crypto.jwk-invalid");
  });
});
