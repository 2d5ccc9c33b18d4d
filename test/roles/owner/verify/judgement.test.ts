import { describe, expect, test } from "bun:test";
import { templates } from "../../../../src/policy/index.ts";
import { coloursFor } from "../../../../src/roles/owner/colours.ts";
import { type Demands, judge } from "../../../../src/roles/owner/verify/judgement.ts";
import { judgementJson } from "../../../../src/roles/owner/verify/judgement-json.ts";
import { judgementText } from "../../../../src/roles/owner/verify/judgement-text.ts";
import { CaiError } from "../../../../src/system/index.ts";
import { parseBundle, type SimulatedKnobs, SimulatedPlatform } from "../../../../src/tee/tdx/index.ts";
import { anchors, changed, NOW, platform, quoteOf, REPORT_DATA, rejectionId, SEED } from "../../../tee/tdx/testing.ts";

const collateral = parseBundle(platform.bundle());
const demands: Demands = { now: NOW, anchors, collateral: () => collateral, allowSimulated: true };
const judged = (more: Partial<Demands> = {}, quote = quoteOf()) => judge(quote, { ...demands, ...more });
const fill = (byte: number): Uint8Array => new Uint8Array(48).fill(byte);
const measured = { mrTd: fill(1), rtmrs: [fill(2), fill(3), fill(4), fill(0)] };
const references = { "tdx.mr_td": [fill(1).toHex()], ...Object.fromEntries([2, 3, 4].map((n, i) => [`tdx.rtmr_${i}`, [fill(n).toHex()]])) };

/** A judgement of a platform that differs in something. */
function judgedWith(knobs: Partial<SimulatedKnobs>, more: Partial<Demands> = {}) {
  const other = SimulatedPlatform.create({ seed: SEED, now: NOW, knobs });
  const bundle = parseBundle(other.bundle());
  return judged({ ...more, collateral: () => bundle }, other.quote({ reportData: REPORT_DATA }));
}

describe("evidence is accepted", () => {
  test("where it is up to date, and says at which level", async () => {
    const judgement = await judged();
    expect(judgement.error).toBeUndefined();
    expect(judgementJson(judgement)).toMatchObject({
      verdict: "accepted",
      tee: "tdx",
      simulated: true,
      level: "L0",
      tcb_status: "UpToDate",
      tcb_date: "2025-08-13T00:00:00Z",
      advisory_ids: [],
      verified_at: "2026-01-10T00:00:00Z",
      collateral: { earliest_expiration: "2026-02-09T00:00:00Z", evaluation_data_number: 20 },
    });
  });

  test("at level L1 where the whole boot equals reference values", async () => {
    const json = judgementJson(await judged({ references }, quoteOf(measured)));
    expect(json).toMatchObject({ verdict: "accepted", level: "L1" });
    expect(JSON.stringify(json["references"])).toContain("tdx.rtmr_2");
  });

  test("with another standing where that is taken", async () => {
    const json = judgementJson(await judgedWith({ pceSvn: 12 }, { acceptStatus: ["OutOfDate"] }));
    expect(json).toMatchObject({ verdict: "accepted", tcb_status: "OutOfDate", advisory_ids: ["INTEL-SA-90002"] });
  });

  test("where an attestation policy affirms it, which then judges standing and references", async () => {
    const policy = { name: "attestation.rego", text: templates["attestation-simulated"] };
    expect(judgementJson(await judged({ policy, references }, quoteOf(measured)))).toMatchObject({
      verdict: "accepted",
      appraisal: { policy: "attestation.rego", status: "affirming", trustworthiness_vector: { hardware: 2, executables: 3 } },
    });
    const lax = { name: "lax", text: "package policy\nhardware := 2" };
    expect((await judgedWith({ pceSvn: 12 }, { policy: lax })).error).toBeUndefined();
    expect((await judgedWith({ pceSvn: 12 }, { policy: lax, acceptStatus: [] })).error?.id).toBe("policy.tcb-status");
  });
});

describe("evidence is rejected", () => {
  const rejected = async (judgement: Promise<Awaited<ReturnType<typeof judged>>>) => {
    const done = await judgement;
    const json = judgementJson(done);
    expect(json).toMatchObject({ verdict: "rejected", level: null, error: { id: done.error!.id } });
    expect(done.checks.some(({ ok, error }) => !ok && error === done.error!.id)).toBe(true);
    return { id: done.error!.id as string, json };
  };

  test("where it is simulated and nobody allowed that, with everything that was found out", async () => {
    const { id, json } = await rejected(judged({ allowSimulated: false }));
    expect(id).toBe("policy.simulated");
    expect(json).toMatchObject({ simulated: true, tcb_status: "UpToDate" });
  });

  test("where the host can look into the TD, whatever a policy says", async () => {
    const debug = quoteOf({ tdAttributes: Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0) });
    expect((await rejected(judged({}, debug))).id).toBe("policy.debug");
    const policy = { name: "all", text: "package policy\nhardware := 2\nconfiguration := 2" };
    expect((await rejected(judged({ policy }, debug))).id).toBe("policy.debug");
  });

  test("where its standing is not taken, with that standing", async () => {
    const { id, json } = await rejected(judgedWith({ pceSvn: 12 }));
    expect(id).toBe("policy.tcb-status");
    expect(json).toMatchObject({ tcb_status: "OutOfDate", error: { expected: "UpToDate", got: "OutOfDate" } });
    expect((await rejected(judgedWith({ pceSvn: 12 }, { acceptStatus: ["SWHardeningNeeded"] }))).id).toBe("policy.tcb-status");
  });

  test("with the advice to start the machine again, where that is all it takes", async () => {
    const updated = { teeTcbSvn: Uint8Array.of(5, 1, 4), teeTcbSvn2: Uint8Array.of(7, 1, 4) };
    const { error } = await judged({}, platform.quote({ reportData: REPORT_DATA, version: 5, ...updated }));
    expect([error?.id, error?.got]).toEqual(["policy.tcb-status", "TDRelaunchAdvised"]);
    expect(error?.hint).toContain("started again");
  });

  test("where the module that runs now is outdated, though that at launch was not", async () => {
    const svn = (minor: number) => Uint8Array.of(minor, 1, 4);
    const quote = quoteOf({ version: 5, bodyType: 3, teeTcbSvn: svn(7), teeTcbSvn2: svn(5) });
    const { id, json } = await rejected(judged({}, quote));
    expect(id).toBe("policy.tcb-status");
    expect(json).toMatchObject({ tcb_status: "UpToDate", tcb_status_current: "OutOfDate", error: { got: "OutOfDate" } });
  });

  test("where the manufacturer revoked it, which nobody can take", async () => {
    const { id, json } = await rejected(judgedWith({ platformStatus: ["Revoked", "OutOfDate"] }));
    expect(id).toBe("tdx.tcb-revoked");
    expect(json).toMatchObject({ tcb_status: "Revoked", claims: null, collateral: null });
  });

  test("where a measurement is not among its reference values, or is not there", async () => {
    expect((await rejected(judged({ references }))).id).toBe("policy.reference-mismatch");
    expect((await rejected(judged({ references: { "tdx.nothing": ["00"] } }))).id).toBe("policy.reference-mismatch");
  });

  test("where a policy does not affirm it, or cannot be evaluated", async () => {
    const policy = (text: string) => judged({ policy: { name: "p", text } });
    expect((await rejected(policy("package policy\nhardware := 97"))).id).toBe("policy.not-affirmed");
    expect((await rejected(policy("package policy\nx := 1"))).id).toBe("policy.no-claims");
    expect((await rejected(policy('package policy\nhardware := "x"'))).id).toBe("policy.claim-invalid");
    expect(await rejectionId(policy("no rego"))).toBe("policy.parse-error");
  });

  test("where it is bound to other report data or init data", async () => {
    expect((await rejected(judged({ reportData: new Uint8Array(64) }))).id).toBe("tdx.report-data-mismatch");
    const initData = { digest: new Uint8Array(32).fill(1), claims: {} };
    expect((await rejected(judged({ initData }))).id).toBe("tdx.init-data-mismatch");
  });

  test("where it is no quote at all", async () => {
    const { id, json } = await rejected(judged({}, new Uint8Array(10)));
    expect(id).toBe("tdx.unsupported-quote");
    expect(json).toMatchObject({ tcb_status: null, simulated: null, trust_anchor: null, claims: null });
  });

  test("where it is JSON without a quote", async () => {
    expect((await rejected(judged({}, new TextEncoder().encode("{}")))).id).toBe("tdx.evidence-malformed");
  });

  test("where sources answer that they do not know the platform, which no step after that was reached without", async () => {
    const unknown = () => Promise.reject(new CaiError("tdx.collateral-unknown", "no source gave any"));
    const { id, json } = await rejected(judged({ collateral: unknown }));
    expect(id).toBe("tdx.collateral-unknown");
    expect(json).toMatchObject({ tee: "tdx", simulated: true, tcb_status: null, collateral: null });
    const checks = json["checks"] as { id: string; ok: boolean; reached?: boolean }[];
    const at = checks.findIndex((check) => check.id === "tdx.collateral");
    expect(checks.slice(0, at).every(({ ok }) => ok)).toBe(true);
    expect(checks.slice(at + 1).every(({ reached }) => reached === false)).toBe(true);
    expect(checks.at(-1)?.id).toBe("tdx.tcb-status");
  });

  test("by its collateral only where there is such: sources that are not reached give no verdict", async () => {
    for (const id of ["net.unreachable", "tdx.collateral-unavailable"] as const) {
      const unreachable = () => Promise.reject(new CaiError(id, "no connection"));
      expect(await rejectionId(judged({ collateral: unreachable }))).toBe(id);
    }
  });
});

describe("the report for a person", () => {
  const plain = coloursFor({}, {});

  test("ends with the verdict, and names the level with its meaning", async () => {
    const lines = judgementText(await judged({ references }, quoteOf(measured)), plain).split("\n");
    expect(lines.at(-1)).toBe("verdict:     ACCEPTED");
    expect(lines.find((line) => line.startsWith("assurance:"))).toStartWith("assurance:   L1: firmware, kernel, initrd and command line");
    expect(lines.find((line) => line.startsWith("platform:"))).toContain("SIMULATED");
  });

  test("shows the levels component by component, and what keeps the platform from the highest", async () => {
    const text = judgementText(await judgedWith({ pceSvn: 12 }), plain);
    expect(text).toMatch(/PCESVN +12 +11 +ok/);
    expect(text).toContain("short of UpToDate, 2025-08-13: PCESVN 12 of 13");
    expect(text).toContain("advisories: INTEL-SA-90002");
    expect(text).toEndWith("REJECTED: policy.tcb-status: TCB status: expected UpToDate, got OutOfDate");
  });

  test("marks the failed check and those that were not reached", async () => {
    const flipped = changed(quoteOf(), (copy) => copy.set([copy[568]! ^ 1], 568));
    const text = judgementText(await judged({}, flipped), plain);
    expect(text).toMatch(/FAILED +tdx\.quote-signature /);
    expect(text).toMatch(/- +tdx\.validity .*\(not reached\)/);
    expect(text).toContain("assurance:   none");
  });

  test("names the standing after a relaunch, and that a refused platform is a simulated one", async () => {
    const updated = { teeTcbSvn: Uint8Array.of(5, 1, 4), teeTcbSvn2: Uint8Array.of(7, 1, 4) };
    const quote = platform.quote({ reportData: REPORT_DATA, version: 5, ...updated });
    const text = judgementText(await judged({}, quote), plain);
    expect(text).toContain("TCB status:  TDRelaunchAdvised, UpToDate after a relaunch");
    const refused = judgementText(await judgedWith({ platformStatus: ["Revoked", "OutOfDate"] }), plain);
    expect(refused).toMatch(/TCB status: {2}Revoked\n.*\nplatform: {4}SIMULATED/);
  });

  test("does not take for a quote what is none", async () => {
    expect(judgementText(await judged({}, new Uint8Array(10)), plain)).toContain("not readable, 10 bytes");
  });

  test("shows reference values as equal, different, missing or not compared", async () => {
    const mixed = { ...references, "tdx.rtmr_0": ["00"], "tdx.nothing": ["00"] };
    const text = judgementText(await judged({ references: mixed }, quoteOf(measured)), plain);
    for (const row of [/equal +tdx\.mr_td/, /DIFFERS +tdx\.rtmr_0/, /MISSING +tdx\.nothing/, /not compared +tdx\.rtmr_3/]) {
      expect(text).toMatch(row);
    }
  });
});
