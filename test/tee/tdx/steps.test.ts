import { describe, expect, test } from "bun:test";
import { type Check, CheckReport, parseBundle, SimulatedPlatform, VerificationCache, verifyEvidence } from "../../../src/tee/tdx/index.ts";
import { sgxQuote } from "./sgx-machine.ts";
import { anchors, changed, NOW, platform, quoteOf, REPORT_DATA, rejectionId, SEED } from "./testing.ts";

interface Attempt {
  readonly quote?: Uint8Array;
  readonly bundle?: string;
  readonly cache?: VerificationCache;
  readonly now?: number;
  readonly reportData?: Uint8Array;
}

/** Verifies and gives the report, with the error's id where there is one. */
async function reportOf({ quote = quoteOf(), bundle = platform.bundle(), now = NOW, reportData, cache }: Attempt = {}) {
  const steps = new CheckReport();
  const options = { now, anchors, expired: "reject", steps, collateral: () => parseBundle(bundle), ...(cache && { cache }) } as const;
  const id = await rejectionId(verifyEvidence({ quote }, reportData ? { reportData } : {}, options));
  return { id, checks: steps.checks };
}

const named = (checks: readonly Check[], id: string): Check => checks.find((check) => check.id === id)!;

describe("the report of a verification", () => {
  test("lists every step in order, each with what was found", async () => {
    const { id, checks } = await reportOf({ reportData: REPORT_DATA });
    expect(id).toBeUndefined();
    expect(checks.map((check) => check.id)).toEqual(
      [
        "quote-format",
        "pck-chain",
        "qe-report",
        "quote-signature",
        "report-data",
        "root-ca-crl",
        "pck-crl",
        "pck-crl-issuer-chain",
        "intermediate-ca-revocation",
        "pck-revocation",
        "tcb-info",
        "qe-identity",
        "validity",
        "tcb-info-platform",
        "tdx-module",
        "qe-identity-match",
        "tcb-qe",
        "tcb-platform",
        "tcb-module",
        "tcb-status",
      ].map((step) => `tdx.${step}`),
    );
    expect(checks.every(({ ok, reached, what }) => ok && reached === undefined && what !== "")).toBe(true);
    expect(named(checks, "tdx.pck-chain").facts).toMatchObject({
      certificates: [
        { subject: "cai Simulated SGX PCK Certificate", issuer: "cai Simulated SGX PCK Platform CA", not_after: "2049-12-31T23:59:59Z" },
        { subject: "cai Simulated SGX PCK Platform CA" },
        { subject: "cai Simulated SGX Root CA" },
      ],
      simulated: true,
      fmspc: "00cafe000000",
    });
    expect(named(checks, "tdx.pck-crl").facts).toMatchObject({ number: 1, revoked: 0, this_update: "2026-01-10T00:00:00Z" });
    expect(named(checks, "tdx.tcb-info").facts).toMatchObject({ id: "TDX", evaluation_data_number: 20, signature: "exact" });
    expect(named(checks, "tdx.tcb-status")).toMatchObject({ got: "UpToDate", facts: { status: "UpToDate", advisories: [] } });
  });

  test("is the same where everything was remembered from before", async () => {
    const cache = new VerificationCache();
    const first = await reportOf({ cache });
    expect((await reportOf({ cache })).checks).toEqual(first.checks);
  });

  test("ends in the step that failed, and marks those that were not reached", async () => {
    const flipped = changed(quoteOf(), (copy) => copy.set([copy[568]! ^ 1], 568));
    const { id, checks } = await reportOf({ quote: flipped, reportData: REPORT_DATA });
    expect(id).toBe("tdx.quote-signature-invalid");
    const at = checks.findIndex(({ ok }) => !ok);
    expect(checks[at]).toMatchObject({ id: "tdx.quote-signature", error: id, expected: "a good signature", got: "a bad one" });
    expect(checks[at]).not.toHaveProperty("reached");
    expect(checks.slice(0, at).every(({ ok }) => ok)).toBe(true);
    expect(checks.slice(at + 1).every(({ ok, reached }) => !ok && reached === false)).toBe(true);
    expect(checks.slice(at + 1).map((check) => check.id)).toContain("tdx.report-data");
  });

  test("of something that is no quote has one failed step, under the name of its kind", async () => {
    expect((await reportOf({ quote: new Uint8Array(9) })).checks[0]).toMatchObject({
      id: "tdx.quote-format",
      ok: false,
      error: "tdx.unsupported-quote",
    });
    expect((await reportOf({ quote: sgxQuote(3, {}).subarray(0, 500) })).checks[0]!.id).toBe("sgx.quote-format");
  });

  test("says where a document is signed in its compact form only", async () => {
    const bundle = JSON.parse(platform.bundle()) as Record<string, string>;
    const indented = { ...bundle, tcb_info: JSON.stringify(JSON.parse(bundle["tcb_info"]!), null, 1) };
    const { checks } = await reportOf({ bundle: JSON.stringify(indented) });
    expect(named(checks, "tdx.tcb-info").facts).toMatchObject({ signature: "resealed" });
    expect(named(checks, "tdx.qe-identity").facts).toMatchObject({ signature: "exact" });
  });

  test("shows the dates that made everything fail", async () => {
    const { id, checks } = await reportOf({ now: NOW + 31 * 86_400 });
    expect(id).toBe("tdx.collateral-expired");
    const dates = named(checks, "tdx.validity");
    expect(dates).toMatchObject({ ok: false, expected: "valid at 2026-02-10T00:00:00Z" });
    expect((dates.facts!["items"] as unknown[]).length).toBe(13);
  });

  test("of SGX has the steps of SGX only", async () => {
    const steps = new CheckReport();
    const collateral = platform.collateral("sgx");
    const options = { now: NOW, anchors, expired: "reject", steps, collateral: () => collateral } as const;
    await verifyEvidence({ quote: sgxQuote(3, {}) }, {}, options);
    expect(steps.checks.every(({ id, ok }) => id.startsWith("sgx.") && ok)).toBe(true);
    expect(steps.checks.some(({ id }) => /module|current/.test(id))).toBe(false);
  });
});

describe("the levels in the report", () => {
  const of = async (knobs: Parameters<typeof SimulatedPlatform.create>[0]["knobs"], quote: Partial<Parameters<typeof quoteOf>[0]> = {}) => {
    const machine = SimulatedPlatform.create({ seed: SEED, now: NOW, knobs: knobs ?? {} });
    return reportOf({ quote: machine.quote({ reportData: REPORT_DATA, ...quote }), bundle: machine.bundle() });
  };

  test("are compared component by component, and name those that keep the platform from the highest", async () => {
    const { checks } = await of({ pceSvn: 12 }, { teeTcbSvn: Uint8Array.of(7, 1, 3) });
    const { facts, got } = named(checks, "tdx.tcb-platform");
    expect(got).toBe("level 2 of 2, OutOfDate, 2024-03-13");
    expect(facts).toMatchObject({ level: 2, levels: 2, matched: true, advisories: ["INTEL-SA-90002"] });
    const components = facts!["components"] as { component: string; counts: boolean }[];
    expect(components.length).toBe(33);
    expect(components[0]).toEqual({ component: "SGX 1", have: 3, need: 2, counts: true, ok: true } as never);
    expect(components.filter(({ counts }) => !counts).map(({ component }) => component)).toEqual(["TDX 1", "TDX 2"]);
    expect(facts!["short_of"]).toEqual({
      level: 1,
      status: "UpToDate",
      date: "2025-08-13T00:00:00Z",
      advisories: [],
      components: [
        { component: "PCESVN", have: 12, need: 13, counts: true, ok: false },
        { component: "TDX 3", have: 3, need: 4, counts: true, ok: false },
      ],
    });
  });

  test("show what is too low where none matches", async () => {
    const { id, checks } = await of({ components: Array(16).fill(1) });
    expect(id).toBe("tdx.tcb-not-supported");
    const { facts, ok } = named(checks, "tdx.tcb-platform");
    expect(ok).toBe(false);
    expect(facts).toMatchObject({ level: 2, matched: false });
    const short = (facts!["components"] as { ok: boolean }[]).filter((component) => !component.ok);
    expect(short.length).toBe(8);
  });

  test("of module and quoting enclave say which number is needed", async () => {
    const { checks } = await of({ qeSvn: 5 }, { teeTcbSvn: Uint8Array.of(6, 1, 4) });
    expect(named(checks, "tdx.tcb-module")).toMatchObject({
      expected: "at least 5",
      got: "6: level 2 of 2, OutOfDate, 2024-03-13",
      facts: { have: 6, need: 5, newest: 7, status: "OutOfDate" },
    });
    expect(named(checks, "tdx.tcb-qe").facts).toMatchObject({ have: 5, need: 4, newest: 6, advisories: ["INTEL-SA-90003"] });
  });

  test("tell launch and current apart for TDX 1.5", async () => {
    const teeTcbSvn = Uint8Array.of(5, 1, 4);
    const { checks } = await of({}, { version: 5, bodyType: 3, teeTcbSvn, teeTcbSvn2: Uint8Array.of(7, 1, 4) });
    expect(named(checks, "tdx.tcb-module").facts).toMatchObject({ have: 5, status: "OutOfDate" });
    expect(named(checks, "tdx.tcb-module-current").facts).toMatchObject({ have: 7, status: "UpToDate" });
    expect(named(checks, "tdx.tcb-status")).toMatchObject({
      got: "TDRelaunchAdvised; UpToDate after a relaunch",
      facts: { status: "TDRelaunchAdvised", status_current: "UpToDate" },
    });
  });

  test("name the standing also where it is refused", async () => {
    const { id, checks } = await of({ moduleStatus: ["Revoked", "Revoked"] });
    expect(id).toBe("tdx.tcb-revoked");
    expect(checks.at(-1)).toMatchObject({ id: "tdx.tcb-status", ok: false, facts: { status: "Revoked" } });
  });
});
