import { describe, expect, test } from "bun:test";
import { parseQuote, readEvidence, tdxVerifier } from "../../../../src/tee/tdx/index.ts";
import { anchors, changed, errorId, NOW, platform, quoteOf, REPORT_DATA, rejectionId } from "../testing.ts";

const reportData = REPORT_DATA;

/** A quote of every shape that there is (tdx.md §1.2), and where its lengths stand: offset and size. */
const shapes = [
  ["SGX, version 3", platform.enclaveQuote({ reportData, version: 3 })],
  ["SGX, version 4", platform.enclaveQuote({ reportData, version: 4 })],
  ["SGX, version 5", platform.enclaveQuote({ reportData, version: 5 })],
  ["TDX, version 4", quoteOf()],
  ["TDX, version 5, body type 2", quoteOf({ version: 5, bodyType: 2 })],
  ["TDX, version 5, body type 3", quoteOf({ version: 5, bodyType: 3 })],
  ["TDX, version 5, body type 4", quoteOf({ version: 5, bodyType: 4 })],
] as const;

interface Length {
  readonly what: string;
  readonly at: number;
  readonly bytes: 2 | 4;
}

function lengthsOf(quote: Uint8Array): Length[] {
  const { version, signed, qeAuthData } = parseQuote(quote);
  const section = signed.length + 4;
  const report = section + 128 + (version === 3 ? 0 : 6);
  const afterAuth = report + 384 + 64 + 2 + qeAuthData.length;
  return [
    ...(version === 5 ? [{ what: "body size", at: 50, bytes: 4 } as const] : []),
    { what: "signature section", at: signed.length, bytes: 4 },
    ...(version === 3 ? [] : [{ what: "QE report certification data", at: section + 130, bytes: 4 } as const]),
    { what: "QE authentication data", at: report + 384 + 64, bytes: 2 },
    { what: "certification data", at: afterAuth + 2, bytes: 4 },
  ];
}

const unsupported = /^(?:tdx|sgx)\.unsupported-quote$/;

for (const [shape, quote] of shapes) {
  describe(`a quote of ${shape}`, () => {
    const kind = parseQuote(quote).tee;

    test("cut at any offset is unsupported", () => {
      for (let end = 0; end < quote.length; end++) expect(errorId(() => parseQuote(quote.subarray(0, end)))).toMatch(unsupported);
    });

    for (const { what, at, bytes } of lengthsOf(quote)) {
      test(`whose size of the ${what} is zero, greatest, off by one or far off is unsupported`, () => {
        const view = new DataView(quote.buffer, quote.byteOffset);
        const real = bytes === 2 ? view.getUint16(at, true) : view.getUint32(at, true);
        const most = bytes === 2 ? 0xffff : 0xffffffff;
        const values = [
          0,
          1,
          2,
          real - 1,
          real + 1,
          real - 2,
          real + 2,
          real >>> 1,
          quote.length,
          most >>> 1,
          (most >>> 1) + 1,
          most - 1,
          most,
        ];
        for (const value of values.filter((each) => each !== real)) {
          const bent = changed(quote, (copy) => {
            const there = new DataView(copy.buffer);
            if (bytes === 2) there.setUint16(at, value, true);
            else there.setUint32(at, value, true);
          });
          expect(errorId(() => parseQuote(bent))).toBe(`${kind}.unsupported-quote`);
        }
      });
    }

    test("whose size of the signature section grows into padding is unsupported, for what is signed must fill it", () => {
      const padded = new Uint8Array(quote.length + 64);
      padded.set(quote);
      expect(errorId(() => parseQuote(padded))).toBeUndefined();
      const { signed } = parseQuote(quote);
      new DataView(padded.buffer).setUint32(signed.length, quote.length - signed.length - 4 + 64, true);
      expect(errorId(() => parseQuote(padded))).toBe(`${kind}.unsupported-quote`);
    });
  });
}

describe("evidence that is too large is refused before it is looked at", () => {
  const verifier = tdxVerifier({
    collateral: () => {
      throw new Error("nothing asks for collateral");
    },
    expired: "reject",
  });
  const refusal = (evidence: Parameters<typeof verifier.verify>[0]) => rejectionId(verifier.verify(evidence, { reportData }, anchors, NOW));

  test("by the length of its texts, before they are decoded", async () => {
    // Were it decoded, it would be called no base64.
    const quote = "*".repeat(90_001);
    expect(() => readEvidence({ quote })).toThrow(/Too big|too big|90000|expected string to have <=90000/);
    expect(await refusal({ quote })).toBe("tdx.evidence-malformed");
    expect(await refusal({ quote: quoteOf().toBase64(), cc_eventlog: "*".repeat(64 << 20) })).toBe("tdx.evidence-malformed");
  });

  test("by the size of its quote, before that is parsed", async () => {
    const huge = new Uint8Array(64 * 1024 + 1);
    huge.set(quoteOf());
    expect(huge.toBase64().length).toBeLessThanOrEqual(90_000);
    expect(await refusal({ quote: huge.toBase64() })).toBe("tdx.unsupported-quote");
  });
});
