import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  DerReader,
  encodeBoolean,
  encodeElement,
  encodeOctets,
  encodeOid,
  encodeSequence,
  encodeUnsigned,
  TAG,
} from "../../src/crypto/index.ts";
import { encodeNamedBits, encodeTime } from "../../src/crypto/x509/der-writer.ts";
import { errorId } from "./certificate-testing.ts";

const read = <T>(der: Uint8Array, take: (reader: DerReader) => T): T => {
  const reader = new DerReader(der, "test");
  const value = take(reader);
  reader.end();
  return value;
};
const hex = (text: string): Uint8Array => Uint8Array.fromHex(text.replaceAll(" ", ""));

describe("DER round trips", () => {
  test("of numbers, bytes, identifiers, times, booleans and bits", () => {
    fc.assert(fc.property(fc.bigInt({ min: 0n, max: 1n << 200n }), (n) => expect(read(encodeUnsigned(n), (r) => r.unsigned())).toBe(n)));
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 70_000 }), (b) => expect(read(encodeOctets(b), (r) => r.octets())).toEqual(b)),
      { numRuns: 30 },
    );
    const oid = fc
      .tuple(fc.nat(2), fc.nat(39), fc.array(fc.nat(0xffffffff), { maxLength: 8 }))
      .map(([a, b, rest]) => [a, b, ...rest].join("."));
    fc.assert(fc.property(oid, (name) => expect(read(encodeOid(name), (r) => r.oid())).toBe(name)));
    const second = fc.integer({ min: Date.UTC(1950, 0, 1) / 1000, max: Date.UTC(9999, 11, 31) / 1000 });
    fc.assert(fc.property(second, (time) => expect(read(encodeTime(time), (r) => r.time())).toBe(time)));
    fc.assert(fc.property(fc.boolean(), (value) => expect(read(encodeBoolean(value), (r) => r.boolean())).toBe(value)));
    const bits = fc.uniqueArray(fc.nat(31), { minLength: 1 });
    fc.assert(
      fc.property(bits, (set) => expect(read(encodeNamedBits(set), (r) => r.namedBits())).toEqual(new Set(set.toSorted((a, b) => a - b)))),
    );
  });

  test("of a default that is left out, and of its contrary", () => {
    expect([read(hex(""), (r) => r.flag()), read(encodeBoolean(true), (r) => r.flag())]).toEqual([false, true]);
  });

  test("of nested sequences, and the end is asked for at every level", () => {
    const der = encodeSequence(encodeSequence(encodeUnsigned(1)), encodeUnsigned(2));
    expect(
      read(der, (reader) => {
        const outer = reader.enter(TAG.sequence);
        const inner = outer.enter(TAG.sequence);
        const values = [inner.small(10), outer.small(10)];
        inner.end();
        outer.end();
        return values;
      }),
    ).toEqual([1, 2]);
  });
});

describe("what BER allows and DER does not", () => {
  for (const [what, der, take] of [
    ["an indefinite length", "3080 0000", (r: DerReader) => r.element()],
    ["a long length that fits the short form", "0481 01 00", (r: DerReader) => r.element()],
    ["a length with a leading zero", `04820080${"00".repeat(128)}`, (r: DerReader) => r.element()],
    ["a length of five bytes", "0485 0000000001 00", (r: DerReader) => r.element()],
    ["a tag of several bytes", "1f81 00 00", (r: DerReader) => r.element()],
    ["a length past the end", "0402 00", (r: DerReader) => r.element()],
    ["a length byte missing", "04", (r: DerReader) => r.element()],
    ["a padded integer", "0202 0001", (r: DerReader) => r.unsigned()],
    ["a negative integer", "0201 80", (r: DerReader) => r.unsigned()],
    ["an empty integer", "0200", (r: DerReader) => r.unsigned()],
    ["an integer of more than 1024 bytes", `02820401${"55".repeat(1025)}`, (r: DerReader) => r.unsigned()],
    ["a number above its limit", "0201 0b", (r: DerReader) => r.small(10)],
    ["a true that is not ff", "0101 01", (r: DerReader) => r.boolean()],
    ["a false that is the default", "0101 00", (r: DerReader) => r.flag()],
    ["a padded identifier arc", "0603 2a8001", (r: DerReader) => r.oid()],
    ["an unfinished identifier", "0602 2a80", (r: DerReader) => r.oid()],
    ["an empty identifier", "0600", (r: DerReader) => r.oid()],
    ["unused bits in whole bytes", "0302 0100", (r: DerReader) => r.bits()],
    ["trailing zero named bits", "0302 0000", (r: DerReader) => r.namedBits()],
    ["set unused bits", "0302 01ff", (r: DerReader) => r.namedBits()],
    ["a time without seconds", "170b 323530313031303030305a", (r: DerReader) => r.time()],
    ["a time with an offset", "1711 3235303130313030303030302b30303030", (r: DerReader) => r.time()],
    ["30 February", "170d 3235303233303030303030305a", (r: DerReader) => r.time()],
    ["hour 24", "170d 3235303130313234303030305a", (r: DerReader) => r.time()],
    ["bytes in pieces, an OCTET STRING made of several", "2406 0401 00 0401 01", (r: DerReader) => r.octets()],
    ["bits in pieces", "2306 0302 0001 0300", (r: DerReader) => r.bits()],
    ["no bits, not even how many are unused", "0300", (r: DerReader) => r.bits()],
    ["an identifier arc beyond 32 bits", "0608 2a 90 80 80 80 80 80 00", (r: DerReader) => r.oid()],
    ["a length that wraps around 32 bits", "0484 ffffffff 00", (r: DerReader) => r.element()],
    ["an integer of another tag", "0a01 01", (r: DerReader) => r.unsigned()],
    ["a time with a leap second", "170d 3235303130313233353936305a", (r: DerReader) => r.time()],
    ["a time with fractions", "180f 32303235303130313030303030 30 5a", (r: DerReader) => r.element(TAG.utcTime)],
    ["a time with digits of another script", "170f d9a235303130313030303030305a", (r: DerReader) => r.time()],
    ["bytes that are left", "0500 00", (r: DerReader) => r.element()],
  ] as const) {
    test(`is refused: ${what}`, () => {
      expect(errorId(() => read<unknown>(hex(der), take))).toBe("crypto.der-malformed");
    });
  }
});

test("reading never passes the end, whatever the bytes", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      const id = errorId(() => {
        const reader = new DerReader(bytes, "test");
        while (!reader.atEnd) {
          const { whole } = reader.element();
          expect(whole.byteOffset + whole.length).toBeLessThanOrEqual(bytes.byteOffset + bytes.length);
        }
      });
      expect([undefined, "crypto.der-malformed"]).toContain(id);
    }),
  );
});

test("an element of another tag than expected is refused", () => {
  expect(errorId(() => read(encodeElement(TAG.null), (reader) => reader.element(TAG.integer)))).toBe("crypto.der-malformed");
});
