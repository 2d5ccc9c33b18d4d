import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { readEvidenceInput } from "../../../../src/roles/owner/verify/evidence-input.ts";
import { CaiError } from "../../../../src/system/index.ts";
import { errorId, quoteOf } from "../../../tee/tdx/testing.ts";

const quote = quoteOf();
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const json = (value: unknown): Uint8Array => bytes(JSON.stringify(value));
const evidence = { quote: quote.toBase64(), cc_eventlog: null };
const encoded = Buffer.from(JSON.stringify(evidence)).toString("base64url");

describe("evidence is recognised", () => {
  const forms: Record<string, readonly [Uint8Array, string]> = {
    "as a raw quote": [quote, "raw quote"],
    "in hexadecimal": [bytes(quote.toHex()), "quote in hexadecimal"],
    "in upper-case hexadecimal with a prefix and lines": [
      bytes(`0x${quote.toHex().toUpperCase().replaceAll(/.{64}/g, "$&\n")}\n`),
      "quote in hexadecimal",
    ],
    "in base64": [bytes(quote.toBase64()), "quote in base64"],
    "in base64 with lines": [bytes(quote.toBase64().replaceAll(/.{76}/g, "$&\r\n")), "quote in base64"],
    "in base64url without padding": [bytes(quote.toBase64({ alphabet: "base64url", omitPadding: true })), "quote in base64"],
    "as an attester's JSON": [json(evidence), "evidence JSON"],
    "as an attester's JSON after white space": [bytes(`\n  ${JSON.stringify(evidence, null, 2)}\n`), "evidence JSON"],
    "in the body of an attest call": [
      json({ "runtime-data": {}, "tee-evidence": { primary_evidence: evidence, additional_evidence: "" } }),
      "evidence JSON",
    ],
    "in an attestation service's request": [
      json({ verification_requests: [{ tee: "tdx", evidence: encoded }], policy_ids: [] }),
      "evidence JSON",
    ],
    "in an attestation service's older request": [json({ tee: "tdx", evidence: encoded }), "evidence JSON"],
    "as a list of one": [json([evidence]), "evidence JSON"],
  };
  for (const [name, [input, form]] of Object.entries(forms)) {
    test(name, () => {
      const found = readEvidenceInput(input);
      expect(found.form as string).toBe(form);
      expect(Buffer.compare(found.evidence.quote, quote)).toBe(0);
    });
  }
});

describe("what is no evidence", () => {
  test("is refused where it is JSON", () => {
    for (const value of [{}, [], [evidence, evidence], { quote: 7 }, { evidence: "***" }, { evidence: 7 }, { "tee-evidence": null }]) {
      expect(errorId(() => readEvidenceInput(json(value)))).toBe("tdx.evidence-malformed");
    }
    for (const text of ["{", "[1", '{"quote":']) expect(errorId(() => readEvidenceInput(bytes(text)))).toBe("tdx.evidence-malformed");
  });

  test("is refused however deep it hides", () => {
    const nested = (depth: number): unknown => (depth === 0 ? evidence : { primary_evidence: nested(depth - 1) });
    expect(readEvidenceInput(json(nested(6))).form).toBe("evidence JSON");
    expect(errorId(() => readEvidenceInput(json(nested(7))))).toBe("tdx.evidence-malformed");
    expect(errorId(() => readEvidenceInput(bytes("[".repeat(200_000))))).toBe("tdx.evidence-malformed");
  });

  test("is left to the verifier where it is anything else", () => {
    for (const input of [bytes(""), bytes("not a quote!"), new Uint8Array(70_000), Uint8Array.of(4, 0, 2)]) {
      expect(readEvidenceInput(input)).toEqual({ form: "raw quote", evidence: { quote: input } });
    }
  });

  test("never makes the reader fail in another way", () => {
    const check = (input: Uint8Array): void => {
      try {
        expect(readEvidenceInput(input).evidence.quote).toBeInstanceOf(Uint8Array);
      } catch (error) {
        expect(error).toBeInstanceOf(CaiError);
      }
    };
    fc.assert(fc.property(fc.uint8Array(), check));
    fc.assert(fc.property(fc.string(), (text) => check(bytes(text))));
    fc.assert(fc.property(fc.jsonValue(), (value) => check(json(value))));
    fc.assert(fc.property(fc.jsonValue(), (value) => check(json({ verification_requests: value, evidence: value, quote: undefined }))));
  });
});
