import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { readTdreport } from "../../../../src/tee/tdx/attest/tdreport.ts";
import { changed, errorId, haveVectors, REPORT_DATA, vector } from "../testing.ts";
import { FakeGuest } from "./fakes/fake-guest.ts";

describe("a TDREPORT", () => {
  const bytes = new FakeGuest().tdreport(REPORT_DATA);

  test("gives the registers and the digest of the init data", () => {
    const { rtmrs, mrConfigId } = readTdreport(bytes, REPORT_DATA);
    expect([...rtmrs, mrConfigId].map((value) => value[0])).toEqual([0xa0, 0xa1, 0xa2, 0, 0xc0]);
  });

  test.skipIf(!haveVectors)("that real hardware made is read", () => {
    const real = vector("raw/tdreport-coco.bin");
    const { rtmrs } = readTdreport(real, real.slice(128, 192));
    expect(rtmrs.map((value) => value.toHex().slice(0, 8))).toEqual(["f4ec1a04", "4e5f8826", "00000000", "00000000"]);
  });

  test("is refused cut at every place, too long, or over other report data", () => {
    for (let size = 0; size < bytes.length; size++)
      expect(errorId(() => readTdreport(bytes.subarray(0, size), REPORT_DATA))).toBe("tdx.tdreport-malformed");
    expect(errorId(() => readTdreport(Buffer.concat([bytes, new Uint8Array(1)]), REPORT_DATA))).toBe("tdx.tdreport-malformed");
    expect(errorId(() => readTdreport(bytes, new Uint8Array(64)))).toBe("tdx.tdreport-malformed");
  });

  test("is refused with one bit flipped in anything that its digests cover, in its type and in its report data", () => {
    const covered = [
      [0, 1],
      [32, 192],
      [256, 495],
      [512, 1024],
    ] as const;
    fc.assert(
      fc.property(
        fc.oneof(...covered.map(([from, to]) => fc.integer({ min: from, max: to - 1 }))),
        fc.integer({ min: 0, max: 7 }),
        (at, bit) => {
          const flipped = changed(bytes, (copy) => {
            copy[at]! ^= 1 << bit;
          });
          expect(errorId(() => readTdreport(flipped, REPORT_DATA))).toBe("tdx.tdreport-malformed");
        },
      ),
    );
  });
});
