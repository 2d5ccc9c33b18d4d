import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  decodeBase64,
  decodeBase64Tolerant,
  decodeBase64Url,
  decodeHex,
  encodeBase64,
  encodeBase64Url,
  encodeHex,
  withoutTrailingNuls,
} from "../../src/crypto/index.ts";
import { rejection } from "../rejection.ts";

const bytes = fc.uint8Array({ maxLength: 100 });

describe("base64 and hexadecimal", () => {
  test("every byte string comes back from each encoding", () => {
    fc.assert(
      fc.property(bytes, (value) => {
        expect(decodeBase64(encodeBase64(value))).toEqual(value);
        expect(decodeBase64Url(encodeBase64Url(value))).toEqual(value);
        expect(decodeHex(encodeHex(value))).toEqual(value);
        expect(decodeBase64Tolerant(encodeBase64(value))).toEqual(value);
        expect(decodeBase64Tolerant(encodeBase64Url(value))).toEqual(value);
      }),
    );
  });

  test("the encodings are those of the runtime's Buffer", () => {
    fc.assert(
      fc.property(bytes, (value) => {
        expect(encodeBase64(value)).toBe(Buffer.from(value).toString("base64"));
        expect(encodeBase64Url(value)).toBe(Buffer.from(value).toString("base64url"));
        expect(encodeHex(value)).toBe(Buffer.from(value).toString("hex"));
      }),
    );
  });

  test("a strictly decoded text is the only text of its value", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(..."ABQgw_-+/= \n"), maxLength: 12 }), (text) => {
        for (const [decode, encode] of [
          [decodeBase64, encodeBase64],
          [decodeBase64Url, encodeBase64Url],
        ] as const) {
          let value: Uint8Array;
          try {
            value = decode(text);
          } catch {
            continue;
          }
          expect(encode(value)).toBe(text);
        }
      }),
      { numRuns: 1000 },
    );
  });

  test.each(["A", "AA", "AB==", "AAA", "AA=A", "AA==\n", " AA==", "A-__", "AA===", "=", "AAAA="])("base64 %j is refused", (text) => {
    expect(rejection(() => decodeBase64(text)).id).toBe("crypto.encoding-invalid");
  });

  test.each(["A", "AB", "AA==", "AA A", "A+/A", "AAB", "é"])("URL-safe base64 %j is refused", (text) => {
    expect(rejection(() => decodeBase64Url(text)).id).toBe("crypto.encoding-invalid");
  });

  test.each(["A", "AB", "A AA", "AA===", "AA=A", "\n"])("even the tolerant decoder refuses %j", (text) => {
    expect(rejection(() => decodeBase64Tolerant(text)).id).toBe("crypto.encoding-invalid");
  });

  test.each(["0", "0g", "0x00", "00 00", "ab\n"])("hexadecimal %j is refused", (text) => {
    expect(rejection(() => decodeHex(text)).id).toBe("crypto.encoding-invalid");
  });

  test("an error never shows the text", () => {
    const error = rejection(() => decodeBase64("secret text!"));
    expect(JSON.stringify(error)).not.toContain("secret");
  });
});

test("NULs at the end are left out, and no others", () => {
  fc.assert(
    fc.property(bytes, fc.nat(20), (value, nuls) => {
      const used = withoutTrailingNuls(new Uint8Array([...value, ...new Uint8Array(nuls)]));
      expect(used.at(-1)).not.toBe(0);
      expect(used).toEqual(value.subarray(0, used.length));
      expect(value.subarray(used.length).every((byte) => byte === 0)).toBe(true);
    }),
  );
});
