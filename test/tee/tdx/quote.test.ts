import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parseBundle, parseQuote, VerificationCache, verifyQuote } from "../../../src/tee/tdx/index.ts";
import { anchors, changed, errorId, haveVectors, NOW, platform, quoteOf, REPORT_DATA, vector } from "./testing.ts";

const v4 = quoteOf();
const v5 = quoteOf({ version: 5 });
const collateral = parseBundle(platform.bundle());
const cache = new VerificationCache();
const verify = (quote: Uint8Array): unknown => verifyQuote(quote, collateral, { now: NOW, anchors, expired: "reject", cache });

/** Offsets of a version 4 quote (tdx.md §1.5), and how much further they are in version 5 with a report of TDX 1.5. */
const OFFSETS = { authSize: 632, outerType: 764, outerSize: 766, qeAuthSize: 1218, innerType: 1252, innerSize: 1254 };
const V5_SHIFT = 70;

const setU32 = (quote: Uint8Array, at: number, value: number): Uint8Array =>
  changed(quote, (copy) => new DataView(copy.buffer).setUint32(at, value, true));
const setU16 = (quote: Uint8Array, at: number, value: number): Uint8Array =>
  changed(quote, (copy) => new DataView(copy.buffer).setUint16(at, value, true));

describe("a quote", () => {
  test("is taken apart into what it was made of", () => {
    for (const [quote, version, type] of [
      [v4, 4, 2],
      [v5, 5, 3],
      [quoteOf({ version: 5, bodyType: 2 }), 5, 2],
    ] as const) {
      const parsed = parseQuote(quote);
      expect(parsed.tee).toBe("tdx");
      expect(parsed.version).toBe(version);
      if (parsed.body.kind !== "td") throw new Error("expected a TD report");
      expect(parsed.body.report.type).toBe(type);
      expect(parsed.body.report.reportData).toEqual(REPORT_DATA);
      expect(parsed.body.report.later === undefined).toBe(type === 2);
      expect(parsed.certification.type).toBe(5);
    }
  });

  test("of another body is taken apart by the size of that body", () => {
    const section = v4.subarray(OFFSETS.authSize);
    const header = (version: number, teeType: number) =>
      changed(v4.subarray(0, 48), (copy) => {
        copy.set([version], 0);
        copy.set([teeType], 4);
      });
    const bodyHeader = (type: number, size: number) => Uint8Array.of(type, 0, size & 0xff, size >> 8, 0, 0);
    for (const [parts, tee, signed] of [
      [[header(4, 0), new Uint8Array(384), section], "sgx", 432],
      [[header(5, 0), bodyHeader(1, 384), new Uint8Array(384), section], "sgx", 438],
      [[header(5, 0x81), bodyHeader(4, 885), new Uint8Array(885), section], "tdx", 939],
    ] as const) {
      const parsed = parseQuote(new Uint8Array(Buffer.concat(parts)));
      expect(parsed.tee).toBe(tee);
      expect(parsed.signed.length).toBe(signed);
      expect(parsed.body.kind).toBe(tee === "sgx" ? "enclave" : "td");
      expect(parsed.attestationKey).toEqual(parseQuote(v4).attestationKey);
    }
  });

  test("cut at any offset is unsupported", () => {
    for (const quote of [v4, v5]) {
      for (let end = 0; end < quote.length; end++) expect(errorId(() => parseQuote(quote.subarray(0, end)))).toBe("tdx.unsupported-quote");
    }
  });

  test("may be followed by padding, which changes nothing", () => {
    const padded = new Uint8Array(8000).fill(0xff);
    padded.set(v4);
    verify(padded);
  });

  test("of more than 64 KiB is unsupported", () => {
    const huge = new Uint8Array(64 * 1024 + 1);
    huge.set(v4);
    expect(errorId(() => parseQuote(huge))).toBe("tdx.unsupported-quote");
  });

  test("with a length that is zero, huge, or off by one is unsupported", () => {
    for (const [quote, shift] of [
      [v4, 0],
      [v5, V5_SHIFT],
    ] as const) {
      const view = new DataView(quote.buffer, quote.byteOffset);
      for (const name of ["authSize", "outerSize", "innerSize"] as const) {
        const at = OFFSETS[name] + shift;
        const real = view.getUint32(at, true);
        for (const size of [0, 1, real - 1, real + 1, 0x7fffffff, 0x80000000, 0xffffffff]) {
          expect(errorId(() => parseQuote(setU32(quote, at, size)))).toBe("tdx.unsupported-quote");
        }
      }
      for (const size of [0, 31, 33, 0xffff]) {
        expect(errorId(() => parseQuote(setU16(quote, OFFSETS.qeAuthSize + shift, size)))).toBe("tdx.unsupported-quote");
      }
    }
  });

  test("of version 5 with another body type or size is unsupported", () => {
    for (const type of [0, 1, 2, 4, 5, 0xffff]) expect(errorId(() => parseQuote(setU16(v5, 48, type)))).toBe("tdx.unsupported-quote");
    for (const size of [0, 584, 647, 649, 0xffffffff])
      expect(errorId(() => parseQuote(setU32(v5, 50, size)))).toBe("tdx.unsupported-quote");
  });

  test("with another certification data type is unsupported", () => {
    for (const type of [0, 5, 7, 0xffff]) {
      expect(errorId(() => parseQuote(setU16(v4, OFFSETS.outerType, type)))).toBe("tdx.unsupported-quote");
    }
    for (const type of [0, 1, 2, 3, 6, 0xffff]) {
      expect(errorId(() => parseQuote(setU16(v4, OFFSETS.innerType, type)))).toBe("tdx.unsupported-quote");
    }
  });

  test("of an unknown kind is unsupported", () => {
    for (const [at, value] of [
      [0, 2],
      [0, 3],
      [0, 6],
      [2, 3],
      [4, 1],
      [12, 0],
    ] as const) {
      expect(errorId(() => parseQuote(changed(v4, (copy) => copy.set([value], at))))).toBe("tdx.unsupported-quote");
    }
    expect(errorId(() => parseQuote(changed(v4, (copy) => copy.set([0], 4))))).toBe("sgx.unsupported-quote");
  });
});

describe("a quote with random changes", () => {
  const { signed } = parseQuote(v4);

  test("never passes with a changed signed region, and is refused with an error of this program", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(signed.length - 1), fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 4 }),
        (flips) => {
          const quote = changed(v4, (copy) => {
            for (const [at, mask] of flips) copy[at]! ^= mask;
          });
          if (Buffer.compare(quote, v4) === 0) return;
          expect(errorId(() => verify(quote))).toMatch(/^(?:tdx|sgx)\.(?:quote-signature-invalid|unsupported-quote)$/);
        },
      ),
      { numRuns: 400 },
    );
  });

  test("of one bit anywhere in the signature section either fails, or changed no byte that anything depends on", () => {
    const base = parseQuote(v5);
    fc.assert(
      fc.property(fc.integer({ min: base.signed.length, max: v5.length - 1 }), fc.nat(7), (at, bit) => {
        const quote = changed(v5, (copy) => {
          copy[at]! ^= 1 << bit;
        });
        const id = errorId(() => verify(quote));
        if (id !== undefined) {
          expect(id).toMatch(/^tdx\./);
          return;
        }
        // Only white space around the PEM blocks carries nothing.
        const { certification, ...signedParts } = parseQuote(quote);
        const { certification: _, ...expected } = base;
        expect(signedParts).toEqual(expected);
        const text = (data: Uint8Array): string =>
          Buffer.from(data)
            .toString("latin1")
            .replaceAll(/[\s\0]/g, "");
        expect(text(certification.data)).toBe(text(base.certification.data));
      }),
      { numRuns: 600 },
    );
  });

  test("of any bytes at all is refused with an error of this program", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), fc.boolean(), (bytes, withHeader) => {
        if (withHeader) bytes.set(v4.subarray(0, Math.min(48, bytes.length)));
        expect(errorId(() => verify(bytes))).toMatch(/^(?:tdx|sgx)\.unsupported-quote$/);
      }),
      { numRuns: 300 },
    );
  });
});

test.skipIf(!haveVectors)("an SGX quote of version 3 cut at any offset is unsupported", () => {
  const quote = vector("quotes/sgx-v3-00606a-automata.bin");
  const { certification } = parseQuote(quote);
  const end = certification.data.byteOffset - quote.byteOffset + certification.data.length;
  parseQuote(quote.subarray(0, end));
  for (let at = 8; at < end; at++) expect(errorId(() => parseQuote(quote.subarray(0, at)))).toMatch(/^(?:tdx|sgx)\.unsupported-quote$/);
});
