import { expect, test } from "bun:test";
import { createPrivateKey, createPublicKey, diffieHellman } from "node:crypto";
import { concatKdf } from "../../src/crypto/concat-kdf.ts";
import { decodeBase64Url, decodeHex, encodeBase64Url, encodeHex } from "../../src/crypto/index.ts";

test("the agreement of RFC 7518 appendix C gives its key", () => {
  const alice = {
    kty: "EC",
    crv: "P-256",
    x: "gI0GAILBdu7T53akrFmMyGcsF3n5dO7MmwNBHKW5SV0",
    y: "SLW_xSffzlPWrHEVI30DHM_4egVwt3NQqeUD7nMFpps",
    d: "0_NxaRPUMQoAJt50Gz8YiTr8gRTwyEaCumd-MToTmIo",
  };
  const bob = {
    kty: "EC",
    crv: "P-256",
    x: "weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ",
    y: "e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck",
  };
  const z = diffieHellman({
    privateKey: createPrivateKey({ key: alice, format: "jwk" }),
    publicKey: createPublicKey({ key: bob, format: "jwk" }),
  });
  expect([...z.subarray(0, 4)]).toEqual([158, 86, 217, 29]);
  const text = new TextEncoder();
  expect(encodeBase64Url(concatKdf(z, "A128GCM", 128, text.encode("Alice"), text.encode("Bob")))).toBe("VqqN6vgjbSBcIijNcacQGg");
});

test("a key longer than one digest goes on with the next round and starts with the shorter key's bytes", () => {
  const z = decodeHex("00".repeat(32));
  const long = concatKdf(z, "A256CBC-HS512", 512);
  expect(long).toHaveLength(64);
  expect(encodeHex(long.subarray(0, 32))).not.toBe(encodeHex(long.subarray(32)));
  expect(concatKdf(z, "A256CBC-HS512", 512)).toEqual(long);
});

test("the algorithm's name and the parties are part of the key", () => {
  const z = decodeBase64Url("AAAA");
  const keys = [
    concatKdf(z, "ECDH-ES+A256KW", 256),
    concatKdf(z, "ECDH-ES+A128KW", 256),
    concatKdf(z, "ECDH-ES+A256KW", 256, z),
    concatKdf(z, "ECDH-ES+A256KW", 256, new Uint8Array(), z),
  ].map(encodeHex);
  expect(new Set(keys).size).toBe(4);
});
