import { describe, expect, test } from "bun:test";
import { explainArtefact } from "../../../../src/roles/owner/inspect/registry.ts";
import type { JsonObject } from "../../../../src/system/index.ts";
import { sgxQuote } from "../../../tee/tdx/sgx-machine.ts";
import { errorId, haveVectors, platformChain, quoteOf, REPORT_DATA, vector, withCertification } from "../../../tee/tdx/testing.ts";

const rowsOf = (bytes: Uint8Array) => explainArtefact(bytes).sections.flatMap(({ rows }) => rows);

describe("a quote is explained field by field", () => {
  test("of TDX, with the offset of each field in the whole quote", () => {
    const quote = quoteOf({ mrTd: new Uint8Array(48).fill(1) });
    const { kind, json } = explainArtefact(quote);
    expect(kind).toBe("TDX quote, version 4");
    expect(json).toMatchObject({
      tee: "tdx",
      version: 4,
      size: quote.length,
      padding: 0,
      header: { version: "0400", tee_type: "81000000" },
      body: { mr_td: "01".repeat(48), report_data: REPORT_DATA.toHex() },
      attributes: { debug: false, septve_disable: true },
      certification_type: 5,
      certificates: [{ ca: false, sgx: { fmspc: "00cafe000000", pce_svn: 13 } }, { ca: true }, { ca: true }],
    });
    const rows = rowsOf(quote);
    for (const [name, offset, size] of [
      ["mr_td", "184", "48"],
      ["report_data", "568", "64"],
      ["signature", "636", "64"],
      ["attestation_key", "700", "64"],
      ["qe_auth_data", "1220", "32"],
      ["certification_data", "1258", `${quote.length - 1258}`],
    ]) {
      expect(rows).toContainEqual(expect.arrayContaining([offset, size, name]));
    }
  });

  test("of TDX 1.5, with the fields that it adds", () => {
    const mrServiceTd = new Uint8Array(48).fill(9);
    const { json } = explainArtefact(quoteOf({ version: 5, mrServiceTd, teeTcbSvn2: Uint8Array.of(8, 1, 4) }));
    expect(json).toMatchObject({ body: { body_type: "0300", tee_tcb_svn2: `080104${"00".repeat(13)}`, mr_service_td: "09".repeat(48) } });
  });

  test("of SGX in every version", () => {
    for (const version of [3, 4, 5] as const) {
      const { kind, json } = explainArtefact(sgxQuote(version, { mrEnclave: new Uint8Array(32).fill(7), attributes: Uint8Array.of(7) }));
      expect(kind).toBe(`SGX quote, version ${version}`);
      expect(json).toMatchObject({ body: { mr_enclave: "07".repeat(32) }, attributes: { debug: true } });
    }
  });

  test("in hexadecimal and base64, too", () => {
    const text = (encoded: string) => explainArtefact(new TextEncoder().encode(`${encoded}\n`));
    expect(text(quoteOf().toHex()).kind).toBe("TDX quote, version 4, in hexadecimal");
    expect(text(quoteOf().toBase64()).kind).toBe("TDX quote, version 4, in base64");
  });

  test("with what it carries in place of a chain, also where that cannot be read", () => {
    expect(explainArtefact(withCertification(quoteOf(), 1, new Uint8Array(36))).json).toMatchObject({
      certification_type: 1,
      certificates: [],
    });
    const garbled = withCertification(quoteOf(), 5, new TextEncoder().encode("no certificates"));
    expect(rowsOf(garbled)).toContainEqual(["certificates", expect.stringContaining("cannot be read")]);
    const shortened = withCertification(quoteOf(), 5, platformChain[0]!);
    expect(explainArtefact(shortened).json).toMatchObject({ certificates: [{ ca: false }] });
  });

  test("or refused where it is cut short", () => {
    expect(errorId(() => explainArtefact(quoteOf().subarray(0, 700)))).toBe("tdx.unsupported-quote");
    expect(errorId(() => explainArtefact(sgxQuote(3, {}).subarray(0, 400)))).toBe("sgx.unsupported-quote");
  });

  test.skipIf(!haveVectors)("with the padding that clouds put behind it", () => {
    const json = explainArtefact(vector("quotes/tdx-v4-00806f05-google-cos113.bin")).json as JsonObject & { padding: number };
    expect(json["size"]).toBe(8000);
    expect(json.padding).toBeGreaterThan(3000);
  });
});
