import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { looksLikeModel } from "../../../../src/roles/owner/inspect/model.ts";
import { explainArtefact } from "../../../../src/roles/owner/inspect/registry.ts";
import { formatSections } from "../../../../src/roles/owner/report.ts";
import { CaiError } from "../../../../src/system/index.ts";
import { createSimulatedTd, parseBundle, simulatedEventLog } from "../../../../src/tee/tdx/index.ts";
import { changed, errorId, NOW, platform, quoteOf, SEED } from "../../../tee/tdx/testing.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const log = simulatedEventLog(createSimulatedTd({ seed: SEED, now: NOW }))!;
const evidence = { quote: quoteOf().toBase64(), cc_eventlog: log.toBase64() };

/** Explains and lays out, or fails with an error of this program; nothing else, and nothing that moves a cursor. */
function survives(input: Uint8Array): void {
  try {
    const { sections, json, kind } = explainArtefact(input);
    expect(`${kind}\n${formatSections(sections)}`).not.toMatch(/(?!\n)\p{Cc}/u);
    JSON.stringify(json);
  } catch (error) {
    if (!(error instanceof CaiError)) throw error;
  }
}

describe("evidence", () => {
  test("is explained with its quote and its log, also inside the messages that carry it", () => {
    const plain = explainArtefact(bytes(JSON.stringify(evidence)));
    expect(plain.kind).toBe("evidence with a TDX quote, version 4 and an event log");
    expect(plain.json).toMatchObject({ quote: { version: 4 }, event_log: { algorithms: expect.arrayContaining(["SHA-384"]) } });
    const wrapped = { "tee-evidence": { primary_evidence: { ...evidence, cc_eventlog: null } } };
    expect(explainArtefact(bytes(JSON.stringify(wrapped))).kind).toBe("evidence with a TDX quote, version 4");
  });

  test("without a quote is refused", () => {
    expect(errorId(() => explainArtefact(bytes('{"evidence":"AA"}')))).toBe("tdx.evidence-malformed");
  });
});

describe("what is nothing known", () => {
  test("is said to be that, with what would be known", () => {
    for (const input of ["", "hello", "{}", "[]", "null", "0", "AAAA", "00", "{", "[1,2"]) {
      expect(errorId(() => explainArtefact(bytes(input)))).toBe("owner.artefact-unknown");
    }
    for (const size of [1, 56, 1024, 100_000]) expect(errorId(() => explainArtefact(new Uint8Array(size)))).toBe("owner.artefact-unknown");
  });

  test("is no encrypted model, which begins with its first member's name", () => {
    expect(looksLikeModel(bytes("cai-model.json\0\0\0"))).toBe(true);
    expect(looksLikeModel(bytes("cai-model.jso"))).toBe(false);
    expect(looksLikeModel(new Uint8Array(0))).toBe(false);
  });
});

describe("hostile input", () => {
  const { rootCaCrl } = parseBundle(platform.bundle());
  const samples = [quoteOf(), log, platform.anchorDer, rootCaCrl, bytes(platform.anchorPem), bytes(JSON.stringify(evidence))];

  test("cut at any offset is explained or refused", () => {
    for (const sample of samples) for (let size = 0; size < sample.length; size += size < 64 ? 1 : 97) survives(sample.subarray(0, size));
  });

  test("with random changes is explained or refused, and never writes to the terminal but as text", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...samples),
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 6 }),
        (sample, edits) => {
          survives(
            changed(sample, (copy) => {
              for (const [at, value] of edits) copy[at % copy.length] = value;
            }),
          );
        },
      ),
      { numRuns: 400 },
    );
  });

  test("of any bytes, texts and JSON is explained or refused", () => {
    fc.assert(fc.property(fc.uint8Array(), survives));
    fc.assert(fc.property(fc.string(), (text) => survives(bytes(text))));
    const names = fc.constantFrom(
      "quote",
      "token",
      "tcbInfo",
      "enclaveIdentity",
      "tcb_info",
      "root_ca_crl",
      "evidence",
      "fmspc",
      "tcbLevels",
    );
    fc.assert(fc.property(fc.dictionary(names, fc.jsonValue()), (value) => survives(bytes(JSON.stringify(value)))));
  });

  test("that is deeply nested is refused", () => {
    for (const text of ["[".repeat(300_000), `{"evidence":`.repeat(50_000), `${`{"tcbInfo":`.repeat(20_000)}1${"}".repeat(20_000)}`]) {
      survives(bytes(text));
    }
    const deep = Buffer.from(`{"a":${"[".repeat(50_000)}${"]".repeat(50_000)}}`).toString("base64url");
    expect(errorId(() => explainArtefact(bytes(`eyJhIjoxfQ.${deep}.x`)))).toBe("owner.artefact-malformed");
  });
});
