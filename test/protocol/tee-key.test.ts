import { describe, expect, test } from "bun:test";
import { generateKeyPairSync } from "node:crypto";
import { publicJwkOf } from "../../src/crypto/index.ts";
import { parseTeeKey, teeKeyJson } from "../../src/protocol/index.ts";
import { rejection } from "../rejection.ts";
import { teeKey } from "./samples.ts";

const rsa = publicJwkOf(generateKeyPairSync("rsa", { modulusLength: 2048 }).publicKey);
const p384 = publicJwkOf(generateKeyPairSync("ec", { namedCurve: "P-384" }).publicKey);
const ed25519 = publicJwkOf(generateKeyPairSync("ed25519").publicKey);

describe("tee-pubkey", () => {
  test("only the known members survive, so that both ends hash the same", () => {
    expect(parseTeeKey({ use: "enc", kid: "1", key_ops: [], ...teeKey })).toEqual(teeKey);
    expect(Object.keys(teeKeyJson(teeKey)).sort()).toEqual(["alg", "crv", "kty", "x", "y"]);
    const wrapped = { ...rsa, alg: "RSA-OAEP-256" };
    expect(teeKeyJson(parseTeeKey(wrapped))).toEqual(wrapped);
  });

  test.each([
    ["nothing", undefined],
    ["no algorithm", { ...teeKey, alg: undefined }],
    ["RSA1_5", { ...rsa, alg: "RSA1_5" }],
    ["the algorithm of the other kind", { ...rsa, alg: "ECDH-ES+A256KW" }],
    ["RSA-OAEP with SHA-1", { ...rsa, alg: "RSA-OAEP" }],
    ["P-384", { ...p384, alg: "ECDH-ES+A256KW" }],
    ["a signing key", { ...ed25519, alg: "EdDSA" }],
    ["a point off the curve", { ...teeKey, x: Buffer.alloc(32, 1).toString("base64url") }],
    ["a symmetric key", { kty: "oct", k: "AAAA", alg: "A256KW" }],
  ])("%s is refused", (_name, key) => {
    expect(rejection(() => parseTeeKey(key)).id).toBe("kbs.tee-key-invalid");
  });
});
