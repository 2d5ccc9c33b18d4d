import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { decodeHex, encodeHex } from "../../src/crypto/index.ts";
import { unwrapKey, wrapKey } from "../../src/crypto/key-wrap.ts";
import { rejection } from "../rejection.ts";

const KEK = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const DATA = "00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f";

describe("AES key wrap", () => {
  test.each([
    [16, 16, "1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5"],
    [24, 16, "96778b25ae6ca435f92b5b97c050aed2468ab8a17ad84e5d"],
    [32, 16, "64e8c3f9ce0f5ba263e9777905818a2a93c8191e7d6e8ae7"],
    [24, 24, "031d33264e15d33268f24ec260743edce1c6c7ddee725a936ba814915c6762d2"],
    [32, 24, "a8f9bc1612c68b3ff6e6f4fbe30e71e4769c8b80a32cb8958cd5d17d6b254da1"],
    [32, 32, "28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21"],
  ])("a %i-byte key wraps %i bytes as RFC 3394 §4 says", (kekSize, size, expected) => {
    const kek = decodeHex(KEK).subarray(0, kekSize);
    const data = decodeHex(DATA).subarray(0, size);
    expect(encodeHex(wrapKey(kek, data))).toBe(expected);
    expect(unwrapKey(kek, decodeHex(expected))).toEqual(data);
  });

  test("a changed bit or a missing byte is noticed, wherever it is", () => {
    const kek = decodeHex(KEK);
    const wrapped = wrapKey(kek, decodeHex(DATA));
    for (let bit = 0; bit < wrapped.length * 8; bit++) {
      const altered = Uint8Array.from(wrapped);
      altered[bit >> 3]! ^= 1 << (bit & 7);
      expect(rejection(() => unwrapKey(kek, altered)).id).toBe("crypto.key-unwrap-failed");
    }
    for (let size = 0; size < wrapped.length; size++) {
      expect(rejection(() => unwrapKey(kek, wrapped.subarray(0, size))).id).toBe("crypto.key-unwrap-failed");
    }
  });

  test("only the wrapping key unwraps", () => {
    const key = fc.uint8Array({ minLength: 32, maxLength: 32 });
    fc.assert(
      fc.property(key, key, key, (kek, other, data) => {
        const wrapped = wrapKey(kek, data);
        expect(unwrapKey(kek, wrapped)).toEqual(data);
        fc.pre(encodeHex(kek) !== encodeHex(other));
        expect(rejection(() => unwrapKey(other, wrapped)).id).toBe("crypto.key-unwrap-failed");
      }),
      { numRuns: 50 },
    );
  });
});
