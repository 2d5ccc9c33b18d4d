import { describe, expect, test } from "bun:test";
import { isTeeName, type TrustAnchor, verifiers } from "../../../src/tee/index.ts";
import {
  builtInAnchors,
  type Collateral,
  createSimulatedTd,
  parseBundle,
  platformOf,
  SimulatedPlatform,
  simulatedTdxAttester,
  tdxVerifier,
} from "../../../src/tee/tdx/index.ts";
import {
  anchors,
  changed,
  haveVectors,
  NOW,
  platform,
  platformChain,
  quoteOf,
  REPORT_DATA,
  rejectionId,
  SEED,
  vector,
  vectorText,
  withCertification,
} from "./testing.ts";

const collateral = parseBundle(platform.bundle());
const verifier = tdxVerifier({ collateral: () => collateral, expired: "reject" });
const evidenceOf = (quote: Uint8Array) => ({ quote: quote.toBase64(), cc_eventlog: null });
const binding = { reportData: REPORT_DATA };
const DAY = 86_400;

describe("evidence that verifies", () => {
  test("gives the claims of the quote under both upstream names", async () => {
    const fill = (byte: number): Uint8Array => new Uint8Array(48).fill(byte);
    const mrServiceTd = fill(9);
    const quote = quoteOf({ version: 5, mrTd: fill(1), rtmrs: [fill(2), fill(3), fill(4), fill(5)], mrConfigId: fill(6), mrServiceTd });
    const claims = await verifier.verify(evidenceOf(quote), { ...binding, initData: fill(6) }, anchors, NOW);
    expect(claims.class).toBe("cpu");
    expect(claims.simulated).toBe(true);
    expect(claims.reportData).toBe(REPORT_DATA.toHex());
    expect(claims.initData).toBe(fill(6).toHex());
    expect(claims.floor).toEqual({ debug: false, collateralExpiredFor: 0, tcbStatus: "UpToDate" });
    const { trustAnchor } = claims;
    expect(trustAnchor).toMatch(/^[0-9a-f]{64}$/);
    expect(claims.members).toMatchObject({
      quote: {
        header: { version: "0500", att_key_type: "0200", tee_type: "81000000", vendor_id: "939a7233f79c4ca9940a0db3957f0607" },
        type: "0300",
        size: "88020000",
        body: { mr_td: fill(1).toHex(), rtmr_0: fill(2).toHex(), rtmr_3: fill(5).toHex(), mr_servicetd: mrServiceTd.toHex() },
      },
      td_attributes: { debug: false, septve_disable: true, protection_keys: false, key_locker: false, perfmon: false },
      report_data: REPORT_DATA.toHex(),
      init_data: fill(6).toHex(),
      tcb_status: "UpToDate",
      tcb_date: "2025-08-13T00:00:00Z",
      advisory_ids: [],
      collateral_expiration_status: "0",
      earliest_expiration_date: "2026-02-09T00:00:00Z",
      tcb_eval_num: 20,
      sgx_type: "Scalable",
      is_dynamic_platform: true,
      is_cached_keys: false,
      is_smt_enabled: true,
      tcb_verification: { tcb_status: "UpToDate", tcb_status_code: 0, collateral_expired: false, advisory_ids: "", tee_type: 129 },
      trust_anchor: trustAnchor,
      simulated: true,
    });
  });

  test("of a simulated TD comes from its attester", async () => {
    const td = createSimulatedTd({ seed: SEED, now: NOW });
    const attester = simulatedTdxAttester(td);
    expect(attester.simulated).toBe(true);
    expect(await attester.detect()).toBe(true);
    const claims = await verifier.verify(await attester.evidence(REPORT_DATA), { ...binding, initData: new Uint8Array(48) }, anchors, NOW);
    expect((claims.members["quote"] as { body: { mr_td: string } }).body.mr_td).toBe(td.mrTd.toHex());
  });

  test("of a tampered machine verifies on the same platform and shows other measurements", async () => {
    const measured = async (options: { software?: string; debug?: boolean }) => {
      const td = createSimulatedTd({ seed: SEED, now: NOW, ...options });
      return verifier.verify(await simulatedTdxAttester(td).evidence(REPORT_DATA), binding, anchors, NOW);
    };
    const mrTd = ({ members }: Awaited<ReturnType<typeof measured>>) => (members["quote"] as { body: { mr_td: string } }).body.mr_td;
    const [good, other, debug] = [await measured({}), await measured({ software: "tampered" }), await measured({ debug: true })];
    expect(mrTd(other)).not.toBe(mrTd(good));
    expect(mrTd(debug)).toBe(mrTd(good));
    expect([good.floor.debug, other.floor.debug, debug.floor.debug]).toEqual([false, false, true]);
    expect(debug.members["td_attributes"]).toMatchObject({ debug: true });
  });

  test("counts every one of the attribute bits 0 to 7 as debug for the floor", async () => {
    for (let bit = 0; bit < 9; bit++) {
      const tdAttributes = Uint8Array.of((1 << bit) & 0xff, bit === 8 ? 1 : 0, 0, 0, 0, 0, 0, 0);
      const claims = await verifier.verify(evidenceOf(quoteOf({ tdAttributes })), binding, anchors, NOW);
      expect(claims.floor.debug).toBe(bit < 8);
    }
  });

  test("without an event log gives no claim about events, and none from members that nothing verifies", async () => {
    const bare = (await verifier.verify(evidenceOf(quoteOf()), binding, anchors, NOW)).members;
    for (const member of ["uefi_event_logs", "measured", "unproved_labels"]) expect(Object.keys(bare)).not.toContain(member);
    const evidence = { ...evidenceOf(quoteOf()), cc_eventlog: "", aa_eventlog: "AAAA", gpu_evidence: { anything: 1 } };
    expect((await verifier.verify(evidence, binding, anchors, NOW)).members).toEqual(bare);
  });

  test.skipIf(!haveVectors)("of a real machine is not simulated and names Intel's key", async () => {
    const real = parseBundle(vectorText("collateral/phala-tdx-b0c06f-2025-06.json"));
    const evidence = evidenceOf(vector("quotes/tdx-v4-b0c06f-phala.bin"));
    const reportData = vector("quotes/tdx-v4-b0c06f-phala.bin").slice(568, 632);
    const claims = await tdxVerifier({ collateral: () => real, expired: "reject" }).verify(
      evidence,
      { reportData },
      builtInAnchors(),
      1_750_809_600,
    );
    expect(claims.simulated).toBe(false);
    expect(claims.members).toMatchObject({
      simulated: false,
      root_key_id: "46e403bd34f05a3f2817ab9badcaacc7ffc98e0f261008cd30dae936cace18d5dcf58eef31463613de1570d516200993",
      earliest_issue_date: "2018-05-21T10:45:10Z",
      pck_crl_num: 1,
      root_ca_crl_num: 1,
    });
  });
});

describe("evidence is refused", () => {
  const refused = (
    evidence: Parameters<typeof verifier.verify>[0],
    trusted: readonly TrustAnchor[] = anchors,
    bound = binding,
    now = NOW,
  ) => rejectionId(verifier.verify(evidence, bound, trusted, now));

  test("where it is bound to other report data, by one bit or by length", async () => {
    const other = changed(REPORT_DATA, (copy) => copy.set([1], 63));
    expect(await refused(evidenceOf(quoteOf()), anchors, { reportData: other })).toBe("tdx.report-data-mismatch");
    expect(await refused(evidenceOf(quoteOf()), anchors, { reportData: REPORT_DATA.subarray(0, 48) })).toBe("tdx.report-data-mismatch");
  });

  test("where other init data was given than the machine started with", async () => {
    const bound = { reportData: REPORT_DATA, initData: new Uint8Array(48).fill(1) };
    expect(await refused(evidenceOf(quoteOf()), anchors, bound)).toBe("tdx.init-data-mismatch");
  });

  test("where it is simulated and nobody named its anchor", async () => {
    const stranger = SimulatedPlatform.create({ seed: new Uint8Array(32).fill(8), now: NOW });
    for (const trusted of [[], builtInAnchors(), [{ certificate: stranger.anchorDer, simulated: true }]]) {
      expect(await refused(evidenceOf(quoteOf()), trusted)).toBe("tdx.untrusted-root");
    }
  });

  test("where the collateral is of another root than the machine, although both are trusted", async () => {
    const other = SimulatedPlatform.create({ seed: new Uint8Array(32).fill(8), now: NOW });
    const both = [...anchors, { certificate: other.anchorDer, simulated: true }];
    const mixed = (members: Partial<Collateral>) =>
      rejectionId(
        tdxVerifier({ collateral: () => ({ ...collateral, ...members }), expired: "reject" }).verify(
          evidenceOf(quoteOf()),
          binding,
          both,
          NOW,
        ),
      );
    const foreign = parseBundle(other.bundle());
    const { tcbInfo, tcbInfoSignature, tcbInfoIssuerChain, qeIdentity, qeIdentitySignature, qeIdentityIssuerChain } = foreign;
    expect(await mixed({ tcbInfo, tcbInfoSignature, tcbInfoIssuerChain })).toBe("tdx.untrusted-root");
    expect(await mixed({ qeIdentity, qeIdentitySignature, qeIdentityIssuerChain })).toBe("tdx.untrusted-root");
    expect(await mixed({ tcbInfo, tcbInfoSignature })).toBe("tdx.tcb-info-signature-invalid");
    expect(await mixed({ qeIdentity, qeIdentitySignature })).toBe("tdx.qe-identity-signature-invalid");
    expect(await mixed({ pckCrl: foreign.pckCrl })).toBe("tdx.crl-issuer-mismatch");
    expect(await mixed({ pckCrlIssuerChain: foreign.pckCrlIssuerChain })).toBe("tdx.crl-issuer-mismatch");
  });

  test("where it is no JSON object of an attester", async () => {
    const quote = quoteOf().toBase64();
    const bad = [
      null,
      "x",
      [],
      {},
      { quote: 1 },
      { quote: "" },
      { quote: "***" },
      { quote: `${quote}=` },
      { quote, cc_eventlog: 5 },
      { quote: "A".repeat(90_001) },
    ];
    for (const evidence of bad) expect(await refused(evidence)).toBe("tdx.evidence-malformed");
  });

  test("where its quote carries no whole certificate chain", async () => {
    const [leaf] = platformChain;
    for (const [type, data] of [
      [1, new Uint8Array(36)],
      [2, new Uint8Array(276)],
      [3, new Uint8Array(404)],
      [4, leaf!],
      [5, leaf!],
    ] as const) {
      expect(await refused(evidenceOf(withCertification(quoteOf(), type, data)))).toBe("tdx.pck-chain-invalid");
    }
  });

  test.skipIf(!haveVectors)("where its quote is of SGX", async () => {
    const evidence = evidenceOf(vector("quotes/sgx-v3-00606a-automata.bin"));
    expect(await refused(evidence, builtInAnchors())).toBe("tdx.unsupported-quote");
  });
});

test("collateral is asked for only when the quote's own signatures lead to an anchor", async () => {
  let asked = 0;
  const counting = tdxVerifier({
    collateral: async () => {
      asked++;
      return collateral;
    },
    expired: "reject",
  });
  const good = quoteOf();
  const flipped = (at: number): Uint8Array =>
    changed(good, (copy) => {
      copy[at]! ^= 1;
    });
  for (const [quote, trusted, id] of [
    [good.subarray(0, 100), anchors, "tdx.unsupported-quote"],
    [good, [], "tdx.untrusted-root"],
    [flipped(568), anchors, "tdx.quote-signature-invalid"],
    [flipped(636), anchors, "tdx.quote-signature-invalid"],
    [flipped(700), anchors, "tdx.qe-report-data-mismatch"],
    [flipped(770), anchors, "tdx.qe-report-signature-invalid"],
    [flipped(1154), anchors, "tdx.qe-report-signature-invalid"],
    [flipped(1220), anchors, "tdx.qe-report-data-mismatch"],
  ] as const) {
    expect(await rejectionId(counting.verify(evidenceOf(quote), binding, trusted, NOW))).toBe(id);
  }
  expect(await rejectionId(counting.verify(evidenceOf(good), { reportData: new Uint8Array(64) }, anchors, NOW))).toBe(
    "tdx.report-data-mismatch",
  );
  expect(asked).toBe(0);
  await counting.verify(evidenceOf(good), binding, anchors, NOW);
  expect(asked).toBe(1);
});

describe("dates", () => {
  const at = (now: number, expired: "reject" | "report") =>
    tdxVerifier({ collateral: () => collateral, expired }).verify(evidenceOf(quoteOf()), binding, anchors, now);
  const end = NOW + 30 * DAY;

  test("are good up to and including the last second, and five minutes early", async () => {
    expect((await at(end, "reject")).floor.collateralExpiredFor).toBe(0);
    expect((await at(NOW - 300, "reject")).floor.collateralExpiredFor).toBe(0);
  });

  test("of the last second are no longer called current in claims (tdx.md §2.6)", async () => {
    expect((await at(end - 1, "report")).members).toMatchObject({
      collateral_expiration_status: "0",
      tcb_verification: { collateral_expired: false },
    });
    expect((await at(end, "report")).members).toMatchObject({
      collateral_expiration_status: "1",
      tcb_verification: { collateral_expired: true },
    });
  });

  test("that are past are refused, or reported for the floor with everything else still verified", async () => {
    expect(await rejectionId(at(end + 1, "reject"))).toBe("tdx.collateral-expired");
    const { floor, members } = await at(end + DAY, "report");
    expect(floor.collateralExpiredFor).toBe(DAY);
    expect(members).toMatchObject({ collateral_expiration_status: "1", tcb_verification: { collateral_expired: true } });
  });

  test("in the future are refused, also where expiry is only reported", async () => {
    expect(await rejectionId(at(NOW - 301, "report"))).toBe("tdx.collateral-not-yet-valid");
    expect(await rejectionId(at(Date.UTC(2019, 0, 1) / 1000, "report"))).toBe("tdx.cert-not-yet-valid");
  });

  test("are judged anew although the signatures are remembered", async () => {
    const same = tdxVerifier({ collateral: () => collateral, expired: "reject" });
    await same.verify(evidenceOf(quoteOf()), binding, anchors, NOW);
    expect(await rejectionId(same.verify(evidenceOf(quoteOf()), binding, anchors, end + 1))).toBe("tdx.collateral-expired");
  });
});

test("renewed collateral keeps the anchor and the machine", async () => {
  const td = createSimulatedTd({ seed: SEED, now: NOW });
  const later = NOW + 365 * DAY;
  const renewed = platformOf(td, later);
  expect(renewed.anchorDer).toEqual(platform.anchorDer);
  const fresh = tdxVerifier({ collateral: () => parseBundle(renewed.bundle()), expired: "reject" });
  const claims = await fresh.verify(await simulatedTdxAttester(td).evidence(REPORT_DATA), binding, anchors, later);
  expect(claims.floor.tcbStatus).toBe("UpToDate");
});

test("the registry makes the verifier of each platform by its name", () => {
  expect(verifiers.tdx({ collateral: () => collateral, expired: "report" }).tee).toBe("tdx");
  expect(["tdx", "sample", "toString", ""].map(isTeeName)).toEqual([true, false, false, false]);
});
