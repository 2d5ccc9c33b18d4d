import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { summarizeCollateral } from "../../../../src/tee/tdx/collateral/summary.ts";
import {
  authenticateCollateral,
  builtInAnchors,
  type Collateral,
  formatBundle,
  formatCollateralFile,
  type LabelledSet,
  parseBundle,
  parseCollateralFile,
  parseCollateralSummaries,
  VerificationCache,
} from "../../../../src/tee/tdx/index.ts";
import { anchors, errorId, haveVectors, NOW, vectorText } from "../testing.ts";
import { issuedAt } from "./services.ts";

const collateral = issuedAt(NOW);
const authenticate = (each: Collateral, tee: "tdx" | "sgx" = "tdx", roots = anchors) =>
  authenticateCollateral(each, tee, roots, new VerificationCache());
const set: LabelledSet = { collateral, facts: authenticate(collateral), update: "standard", origin: "http://a", fetched: NOW };
const about = { tee: "tdx", fmspc: "00cafe000000" } as const;

const envelope = (member: string, text: string, signature: Uint8Array) => `{"${member}":${text},"signature":"${signature.toHex()}"}`;
const tcbAnswer = envelope("tcbInfo", collateral.tcbInfo, collateral.tcbInfoSignature);
const qeAnswer = envelope("enclaveIdentity", collateral.qeIdentity, collateral.qeIdentitySignature);

/** The file of the PCCS administration tool for one platform. */
function pccsFile(
  answer: (text: string) => unknown = JSON.parse,
  change: (collaterals: Record<string, unknown>) => void = () => undefined,
): string {
  const collaterals: Record<string, unknown> = {
    version: 3,
    tcbinfos: [{ fmspc: "00CAFE000000", sgx_tcbinfo: null, tdx_tcbinfo: answer(tcbAnswer), tdx_tcbinfo_early: answer(tcbAnswer) }],
    pckcacrl: { platformCrl: collateral.pckCrl.toHex(), processorCrl: collateral.pckCrl.toHex() },
    tdqeidentity: answer(qeAnswer),
    tdqeidentity_early: answer(qeAnswer),
    certificates: {
      "TCB-Info-Issuer-Chain": encodeURIComponent(collateral.tcbInfoIssuerChain),
      "SGX-Enclave-Identity-Issuer-Chain": encodeURIComponent(collateral.qeIdentityIssuerChain),
      "SGX-PCK-Certificate-Issuer-Chain": { PLATFORM: encodeURIComponent(collateral.pckCrlIssuerChain) },
    },
    rootcacrl: collateral.rootCaCrl.toHex(),
    rootcacrl_cdp: "https://simulated.invalid/root.crl",
  };
  change(collaterals);
  // As the tool writes it: with white space that was never signed.
  return JSON.stringify({ platforms: [], collaterals }, null, 4);
}

/** Intel's structure as JSON. */
function struct(minor: 0 | 1, show: (bytes: Uint8Array) => unknown, change: Record<string, unknown> = {}): string {
  const text = (value: string) => show(new TextEncoder().encode(`${value}\0`));
  const list = (der: Uint8Array) => (minor === 0 ? text(der.toHex()) : show(der));
  return JSON.stringify({
    major_version: 3,
    minor_version: minor,
    tee_type: 0x81,
    pck_crl_issuer_chain: text(collateral.pckCrlIssuerChain),
    root_ca_crl: list(collateral.rootCaCrl),
    pck_crl: list(collateral.pckCrl),
    tcb_info_issuer_chain: text(collateral.tcbInfoIssuerChain),
    tcb_info: text(tcbAnswer),
    qe_identity_issuer_chain: text(collateral.qeIdentityIssuerChain),
    qe_identity: text(qeAnswer),
    ...change,
  });
}
const unsigned = (bytes: Uint8Array) => [...bytes];
const signed = (bytes: Uint8Array) => [...Int8Array.from(bytes)];

describe("a file of collateral", () => {
  test("may be one bundle", () => {
    expect(parseCollateralFile(formatBundle(collateral))).toEqual([{ collateral, about }]);
  });

  test("may be many with labels, and reads back as it was written", () => {
    const early = { ...set, update: "early" as const };
    const numbered = { ...set, update: 20 };
    const read = parseCollateralFile(formatCollateralFile([set, early, numbered]));
    expect(read).toEqual([set, early, numbered].map(({ update }) => ({ collateral, about, ca: "platform", update })));
    expect(parseCollateralFile(formatCollateralFile([]))).toEqual([]);
  });

  test("is refused at once where its texts are NULs and something behind them, as many as there may be", () => {
    const nuls = `${"\0".repeat(1024 * 1024 - 1)}x`;
    const text = struct(1, unsigned, { tcb_info: nuls, qe_identity: nuls });
    expect(errorId(() => parseCollateralFile(text))).toBe("tdx.collateral-malformed");
  });

  test("whose labels say something else than the documents is malformed", () => {
    const text = formatCollateralFile([set]);
    for (const [from, to] of [
      ['"tee": "tdx"', '"tee": "sgx"'],
      ['"fmspc": "00cafe000000"', '"fmspc": "00cafe000001"'],
      ['"ca": "platform"', '"ca": "other"'],
      ['"update": "standard"', '"update": -1'],
      ['"cai_collateral": 1', '"cai_collateral": 2'],
      ['"sets": [', '"sets": [5,'],
    ] as const) {
      expect(text).toContain(from);
      expect(errorId(() => parseCollateralFile(text.replace(from, to)))).toBe("tdx.collateral-malformed");
    }
  });

  test("may be that of the PCCS administration tool: documents as objects or as text, for each edition, and signed as they were", () => {
    for (const answer of [JSON.parse, (text: string) => text]) {
      const read = parseCollateralFile(pccsFile(answer));
      expect(read).toEqual((["standard", "early"] as const).map((update) => ({ collateral, about, ca: "platform", update })));
      for (const each of read) expect(authenticate(each.collateral)).toEqual(set.facts);
    }
  });

  test("of that tool has a set for each authority whose list and chain it has", () => {
    const both = pccsFile(JSON.parse, (collaterals) => {
      const certificates = collaterals["certificates"] as Record<string, Record<string, string>>;
      certificates["SGX-PCK-Certificate-Issuer-Chain"]!["PROCESSOR"] = encodeURIComponent(collateral.pckCrlIssuerChain);
    });
    expect(parseCollateralFile(both).map(({ ca }) => ca)).toEqual(["platform", "processor", "platform", "processor"]);
    expect(parseCollateralFile(pccsFile(JSON.parse, (collaterals) => delete collaterals["tdqeidentity"])).length).toBe(1);
  });

  test("of the PCCS tool has its identity read once, however many platforms it names and however large it is", () => {
    const large = envelope("enclaveIdentity", `{"a":[${"1,".repeat(400_000)}1]}`, new Uint8Array(64));
    const many = pccsFile(JSON.parse, (collaterals) => {
      const [first] = collaterals["tcbinfos"] as unknown[];
      Object.assign(collaterals, { tcbinfos: Array.from({ length: 256 }, () => first), tdqeidentity: large, tdqeidentity_early: large });
    });
    expect(parseCollateralFile(many).length).toBe(512);
  });

  test("of that tool with another form is malformed", () => {
    const changes: ((collaterals: Record<string, unknown>) => unknown)[] = [
      (each) => delete each["rootcacrl"],
      (each) => delete each["certificates"],
      (each) => Object.assign(each, { rootcacrl: "zz" }),
      (each) => Object.assign(each, { tcbinfos: {} }),
      (each) => Object.assign(each, { tdqeidentity: "no answer" }),
      (each) => Object.assign(each, { tdqeidentity: { enclaveIdentity: {}, signature: "00" } }),
      (each) => Object.assign(each["certificates"] as object, { "TCB-Info-Issuer-Chain": "%zz" }),
      (each) => Object.assign(each, { tcbinfos: Array.from({ length: 257 }, () => ({ fmspc: "" })) }),
    ];
    for (const change of changes) expect(errorId(() => parseCollateralFile(pccsFile(JSON.parse, change)))).toBe("tdx.collateral-malformed");
  });

  test("may be Intel's structure, in either version and with either sign of its bytes", () => {
    for (const minor of [0, 1] as const) {
      for (const show of [unsigned, signed, (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1")]) {
        expect(parseCollateralFile(struct(minor, show))).toEqual([{ collateral, about }]);
      }
    }
  });

  test("of that structure with another form is malformed", () => {
    const changes = [
      { major_version: 4 },
      { minor_version: 2 },
      { pck_crl: [256] },
      { pck_crl: [] },
      { tcb_info: collateral.tcbInfo },
      { qe_identity: 5 },
      { tcb_info: unsigned(new TextEncoder().encode(tcbAnswer.slice(0, -1))) },
    ];
    for (const change of changes) expect(errorId(() => parseCollateralFile(struct(1, unsigned, change)))).toBe("tdx.collateral-malformed");
  });

  test("cut short anywhere is malformed, and so is what is none", () => {
    const texts = [formatBundle(collateral), formatCollateralFile([set]).trimEnd(), pccsFile(), struct(1, unsigned)];
    for (const text of texts) {
      fc.assert(
        fc.property(fc.nat(text.length - 1), (length) => {
          expect(errorId(() => parseCollateralFile(text.slice(0, length)))).toBe("tdx.collateral-malformed");
        }),
        { numRuns: 200 },
      );
    }
    for (const text of ["", "null", "[]", "{}", "5", `${"[".repeat(200_000)}`, "x".repeat(17 * 1024 * 1024)]) {
      expect(errorId(() => parseCollateralFile(text))).toBe("tdx.collateral-malformed");
    }
    fc.assert(fc.property(fc.json(), (json) => expect(errorId(() => parseCollateralFile(json))).toBe("tdx.collateral-malformed")));
  });

  test("changed anywhere is malformed, or has no set that verifies and says something else", () => {
    const texts = [formatCollateralFile([set]), pccsFile(), struct(0, unsigned)];
    for (const text of texts) {
      fc.assert(
        fc.property(fc.nat(text.length - 1), fc.nat(6), (at, bit) => {
          const flipped = text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ (1 << bit)) + text.slice(at + 1);
          try {
            for (const each of parseCollateralFile(flipped)) expect(authenticate(each.collateral)).toEqual(set.facts);
          } catch (error) {
            expect((error as { id?: string }).id).toMatch(/^tdx\./);
          }
        }),
        { numRuns: 300 },
      );
    }
  });
});

describe("a summary", () => {
  test("tells what a set is of, how old it is and until when it is good", () => {
    const summary = summarizeCollateral(set, NOW + 10);
    expect(summary).toMatchObject({
      tee: "tdx",
      fmspc: "00cafe000000",
      ca: "platform",
      simulated: true,
      tcb_evaluation_number: 20,
      tcb_date: "2025-08-13T00:00:00Z",
      issued: "2026-01-10T00:00:00Z",
      age_seconds: 10,
      expires: "2026-02-09T00:00:00Z",
      expired: false,
      problem: null,
    });
    expect(parseCollateralSummaries(new TextEncoder().encode(JSON.stringify([summary])))).toEqual([summary]);
    expect(errorId(() => parseCollateralSummaries(new TextEncoder().encode("{}")))).toBe("net.response-invalid");
  });
});

describe.if(haveVectors)("bundles of Intel's", () => {
  const names = [
    ["phala-tdx-90c06f-2026-02", "tdx"],
    ["phala-tdx-b0c06f-2025-06", "tdx"],
    ["google-tdx-50806f-2023-06", "tdx"],
    ["phala-sgx-00a06711-2025-06", "sgx"],
    ["automata-sgx-00606a-2025-08", "sgx"],
  ] as const;
  for (const [name, tee] of names) {
    test(`${name} is signed by Intel, and by nobody else`, () => {
      const given = parseBundle(vectorText(`collateral/${name}.json`));
      const facts = authenticate(given, tee, [...builtInAnchors()]);
      expect(facts).toMatchObject({ tee, simulated: false });
      expect(errorId(() => authenticate(given, tee))).toBe(`${tee}.untrusted-root`);
      expect(errorId(() => authenticate(given, tee === "tdx" ? "sgx" : "tdx", [...builtInAnchors()]))).toMatch(/tcb-info-mismatch$/);
      const written = { ...set, collateral: given, facts };
      expect(parseCollateralFile(formatCollateralFile([written]))[0]?.collateral).toEqual(given);
    });
  }
});
