import { describe, expect, test } from "bun:test";
import { floor } from "../../../src/policy/index.ts";
import {
  parseBundle,
  type QuoteVerdict,
  type SimulatedEnclaveOptions,
  type SimulatedKnobs,
  SimulatedPlatform,
  type SimulatedQuoteOptions,
  sgxVerifier,
  tdxVerifier,
  VerificationCache,
  verifyQuote,
} from "../../../src/tee/tdx/index.ts";
import { errorId, NOW, REPORT_DATA, SEED } from "./testing.ts";

type Knobs = Partial<SimulatedKnobs>;
type Row<Quote> = readonly [what: string, quote: Quote, knobs: Knobs, expected: string];

const cache = new VerificationCache();
const reportData = REPORT_DATA;
const machineWith = (knobs: Knobs) => {
  const platform = SimulatedPlatform.create({ seed: SEED, now: NOW, knobs });
  return {
    platform,
    options: { now: NOW, anchors: [{ certificate: platform.anchorDer, simulated: true }], expired: "reject", cache },
  } as const;
};

/** The status of the verdict, or the id of the error. */
const outcome = (verify: () => QuoteVerdict): string => {
  let status = "";
  const id = errorId(() => {
    status = verify().tcb.launch.status;
  });
  return id ?? status;
};

const svn = (...values: number[]): Uint8Array => Uint8Array.from(values);
const top = (status: string): Knobs => ({ platformStatus: [status, "OutOfDate"] });
const components = (value: number): number[] => [...Array<number>(8).fill(value), ...Array<number>(8).fill(0)];
const qeDebug = Uint8Array.of(0x17, 0, 0, 0, 0, 0, 0, 0, 0xe7, 0, 0, 0, 0, 0, 0, 0);

/** Rows that say the same of TDX and of SGX: what is not up to date is the machine or the collateral, not what was measured. */
const machineRows: readonly Row<object>[] = [
  ["components 2 and PCESVN 11", {}, { components: components(2), pceSvn: 11 }, "OutOfDate"],
  ["PCESVN 12, so the second level", {}, { pceSvn: 12 }, "OutOfDate"],
  ["one component below the first level", {}, { components: [3, 3, 3, 3, 3, 3, 3, 2, 0, 0, 0, 0, 0, 0, 0, 0] }, "OutOfDate"],
  ["components above every level", {}, { components: Array(16).fill(255), pceSvn: 65_535 }, "UpToDate"],
  ["components 1", {}, { components: components(1) }, "tcb-not-supported"],
  ["PCESVN 10", {}, { pceSvn: 10 }, "tcb-not-supported"],
  ["a platform that needs hardening", {}, top("SWHardeningNeeded"), "SWHardeningNeeded"],
  ["a platform that needs configuration", {}, top("ConfigurationNeeded"), "ConfigurationNeeded"],
  ["a platform that needs both", {}, top("ConfigurationAndSWHardeningNeeded"), "ConfigurationAndSWHardeningNeeded"],
  ["a platform out of date", {}, top("OutOfDate"), "OutOfDate"],
  ["a platform out of date with configuration", {}, top("OutOfDateConfigurationNeeded"), "OutOfDateConfigurationNeeded"],
  ["a revoked platform level", {}, top("Revoked"), "tcb-revoked"],
  ["a second level that is revoked, which the machine does not need", {}, { platformStatus: ["UpToDate", "Revoked"] }, "UpToDate"],
  [
    "a second level that is revoked, where the machine falls to it",
    {},
    { platformStatus: ["UpToDate", "Revoked"], pceSvn: 12 },
    "tcb-revoked",
  ],
  ["QE SVN 5", {}, { qeSvn: 5 }, "OutOfDate"],
  ["QE SVN 5, platform needs hardening", {}, { qeSvn: 5, ...top("SWHardeningNeeded") }, "OutOfDate"],
  ["QE SVN 5, platform needs configuration", {}, { qeSvn: 5, ...top("ConfigurationNeeded") }, "OutOfDateConfigurationNeeded"],
  ["QE SVN 3", {}, { qeSvn: 3 }, "tcb-not-supported"],
  ["a QE level that is revoked", {}, { qeStatus: ["Revoked", "OutOfDate"] }, "tcb-revoked"],
  ["a second QE level that is revoked", {}, { qeStatus: ["UpToDate", "Revoked"], qeSvn: 5 }, "tcb-revoked"],
  ["a debug QE", {}, { qeAttributes: qeDebug }, "qe-identity-mismatch"],
  ["the machine in the revocation list", {}, { revoked: ["pck"] }, "pck-revoked"],
  ["its authority in the revocation list", {}, { revoked: ["intermediate"] }, "intermediate-ca-revoked"],
  ["the collateral's signer in the revocation list", {}, { revoked: ["tcb-signing"] }, "tcb-signing-revoked"],
  ["all of them revoked", {}, { revoked: ["pck", "intermediate", "tcb-signing"] }, "intermediate-ca-revoked"],
  ["an unknown status of the platform", {}, top("Weird"), "tcb-info-malformed"],
  ["an unknown status of a level that nobody needs", {}, { platformStatus: ["UpToDate", "Weird"] }, "tcb-info-malformed"],
  ["an unknown status of the QE", {}, { qeStatus: ["UpToDate", "Weird"] }, "qe-identity-malformed"],
  ["a relaunch advised by a document, which only a verdict may say", {}, top("TDRelaunchAdvised"), "tcb-info-malformed"],
  ["collateral that ends now", {}, { window: 0 }, "UpToDate"],
  ["collateral that ended a second ago", {}, { window: -1 }, "collateral-expired"],
  ["evaluation numbers that differ", {}, { evaluationNumbers: [20, 19] }, "UpToDate"],
];

const v5 = { version: 5, bodyType: 3 } as const;
const behind = { ...v5, teeTcbSvn: svn(5, 1, 4), teeTcbSvn2: svn(7, 1, 4) };
const oldModule = { teeTcbSvn: svn(6, 1, 4) };

const tdRows: readonly Row<Partial<SimulatedQuoteOptions>>[] = [
  ...machineRows,
  ["the base", {}, {}, "UpToDate"],
  ["version 5, body type 2", { version: 5, bodyType: 2 }, {}, "UpToDate"],
  ["version 5, body type 3", v5, {}, "UpToDate"],
  ["version 5, body type 4", { version: 5, bodyType: 4 }, {}, "UpToDate"],
  ["MRSERVICETD that is not zero", { ...v5, mrServiceTd: svn(1, 2, 3) }, {}, "UpToDate"],
  ["SEPT_VE_DISABLE clear", { tdAttributes: new Uint8Array(8) }, {}, "UpToDate"],
  ["launch [5,1,4], current [7,1,4]", behind, {}, "TDRelaunchAdvised"],
  ["the same in an extended report", { ...behind, bodyType: 4 }, {}, "TDRelaunchAdvised"],
  ["the same, platform needs hardening", behind, top("SWHardeningNeeded"), "TDRelaunchAdvised"],
  ["the same, platform needs configuration", behind, top("ConfigurationNeeded"), "TDRelaunchAdvisedConfigurationNeeded"],
  ["the same, platform needs both", behind, top("ConfigurationAndSWHardeningNeeded"), "TDRelaunchAdvisedConfigurationNeeded"],
  ["the same, platform out of date", behind, top("OutOfDate"), "OutOfDate"],
  ["launch [7,1,4], current [5,1,4]", { ...v5, teeTcbSvn2: svn(5, 1, 4) }, {}, "UpToDate"],
  ["both [5,1,4]", { ...behind, teeTcbSvn2: svn(5, 1, 4) }, {}, "OutOfDate"],
  ["late microcode 3 at launch, 4 now", { ...v5, teeTcbSvn: svn(7, 1, 3), teeTcbSvn2: svn(7, 1, 4) }, {}, "TDRelaunchAdvised"],
  ["module 6, platform up to date", oldModule, {}, "OutOfDate"],
  ["module 6, platform needs hardening", oldModule, top("SWHardeningNeeded"), "OutOfDate"],
  ["module 6, platform needs configuration", oldModule, top("ConfigurationNeeded"), "OutOfDateConfigurationNeeded"],
  ["module 6, platform needs both", oldModule, top("ConfigurationAndSWHardeningNeeded"), "OutOfDateConfigurationNeeded"],
  ["module 6, platform out of date with configuration", oldModule, top("OutOfDateConfigurationNeeded"), "OutOfDateConfigurationNeeded"],
  ["module 6, QE SVN 5", oldModule, { qeSvn: 5 }, "OutOfDate"],
  ["module 4", { teeTcbSvn: svn(4, 1, 4) }, {}, "tcb-not-supported"],
  ["module 8", { teeTcbSvn: svn(8, 1, 4) }, {}, "UpToDate"],
  ["module of major version 9", { teeTcbSvn: svn(7, 9, 4) }, {}, "tdx-module-mismatch"],
  ["module of major version 9 now", { ...v5, teeTcbSvn2: svn(7, 9, 4) }, {}, "tcb-not-supported"],
  ["module 4 now", { ...v5, teeTcbSvn2: svn(4, 1, 4) }, {}, "tcb-not-supported"],
  ["module of major version 0, minor 7", { teeTcbSvn: svn(7, 0, 4) }, {}, "UpToDate"],
  ["module of major version 0, minor 4", { teeTcbSvn: svn(4, 0, 4) }, {}, "tcb-not-supported"],
  ["a revoked module", {}, { moduleStatus: ["Revoked", "OutOfDate"] }, "tcb-revoked"],
  ["a revoked module that was launched and is replaced", behind, { moduleStatus: ["UpToDate", "Revoked"] }, "tcb-revoked"],
  ["a revoked module that runs now", { ...v5, teeTcbSvn2: svn(5, 1, 4) }, { moduleStatus: ["UpToDate", "Revoked"] }, "tcb-revoked"],
  ["an unknown status of the module", {}, { moduleStatus: ["UpToDate", "ConfigurationNeeded"] }, "tcb-info-malformed"],
  ["TDX late microcode 3", { teeTcbSvn: svn(7, 1, 3) }, {}, "OutOfDate"],
  ["TDX late microcode 1", { teeTcbSvn: svn(7, 1, 1) }, {}, "tcb-not-supported"],
  ["SEAMATTRIBUTES that are not zero", { seamAttributes: svn(1) }, {}, "tdx-module-mismatch"],
  ["SEAMATTRIBUTES that are not zero in the last bit", { seamAttributes: svn(0, 0, 0, 0, 0, 0, 0, 0x80) }, {}, "tdx-module-mismatch"],
  ["MRSIGNERSEAM of somebody", { mrSignerSeam: svn(1) }, {}, "tdx-module-mismatch"],
];

const enclaveRows: readonly Row<Partial<SimulatedEnclaveOptions>>[] = [
  ...machineRows,
  ["version 3", { version: 3 }, {}, "UpToDate"],
  ["version 4", { version: 4 }, {}, "UpToDate"],
  ["version 5", { version: 5 }, {}, "UpToDate"],
  ["a revoked TDX module, of which an enclave has none", {}, { moduleStatus: ["Revoked", "Revoked"] }, "UpToDate"],
];

const named = (tee: "tdx" | "sgx", expected: string): string => (/^[A-Z]/.test(expected) ? expected : `${tee}.${expected}`);

describe("a TDX quote", () => {
  for (const [what, quote, knobs, expected] of tdRows) {
    test(`${what}: ${expected}`, () => {
      const { platform, options } = machineWith(knobs);
      const bytes = platform.quote({ reportData, ...quote });
      expect(outcome(() => verifyQuote(bytes, parseBundle(platform.bundle()), options))).toBe(named("tdx", expected));
    });
  }

  test("of a debug TD passes the verifier, and the floor of every policy denies it", async () => {
    const { platform, options } = machineWith({});
    const quote = platform.quote({ reportData, tdAttributes: svn(1, 0, 0, 0x10, 0, 0, 0, 0) });
    const verifier = tdxVerifier({ collateral: () => parseBundle(platform.bundle()), expired: "reject" });
    const claims = await verifier.verify({ quote: quote.toBase64() }, { reportData }, options.anchors, NOW);
    expect(claims.floor.tcbStatus).toBe("UpToDate");
    expect(deniedBy(claims)).toEqual(["policy.debug"]);
  });

  test("advisories of all matched levels are joined and the oldest date counts", () => {
    const { platform, options } = machineWith({ qeSvn: 5, pceSvn: 12 });
    const { launch } = verifyQuote(platform.quote({ reportData, ...oldModule }), parseBundle(platform.bundle()), options).tcb;
    expect(launch.advisories).toEqual(["INTEL-SA-90001", "INTEL-SA-90002", "INTEL-SA-90003"]);
    expect(launch.date).toBe(Date.UTC(2024, 2, 13) / 1000);
  });

  test("of a TD that is told to relaunch shows both evaluations", () => {
    const { platform, options } = machineWith({});
    const { launch, current } = verifyQuote(platform.quote({ reportData, ...behind }), parseBundle(platform.bundle()), options).tcb;
    expect(launch.advisories).toEqual(["INTEL-SA-90001"]);
    expect(current).toEqual({ status: "UpToDate", date: Date.UTC(2025, 7, 13) / 1000, advisories: [] });
  });
});

describe("an SGX quote of the same platform", () => {
  for (const [what, quote, knobs, expected] of enclaveRows) {
    test(`${what}: ${expected}`, () => {
      const { platform, options } = machineWith(knobs);
      const bytes = platform.enclaveQuote({ reportData, ...quote });
      expect(outcome(() => verifyQuote(bytes, parseBundle(platform.bundle("sgx")), options))).toBe(named("sgx", expected));
    });
  }

  test("of a debug enclave passes the verifier, and the floor of every policy denies it", async () => {
    const { platform, options } = machineWith({});
    const quote = platform.enclaveQuote({ reportData, attributes: svn(0x07) });
    const verifier = sgxVerifier({ collateral: () => parseBundle(platform.bundle("sgx")), expired: "reject" });
    const claims = await verifier.verify({ quote: quote.toBase64() }, { reportData }, options.anchors, NOW);
    expect(deniedBy(claims)).toEqual(["policy.debug"]);
  });
});

test("collateral of one kind of quotes serves no quote of the other", () => {
  const { platform, options } = machineWith({});
  const [tdx, sgx] = [parseBundle(platform.bundle()), parseBundle(platform.bundle("sgx"))];
  const { qeIdentity, qeIdentitySignature, qeIdentityIssuerChain } = sgx;
  const quote = platform.quote({ reportData });
  const enclaveQuote = platform.enclaveQuote({ reportData });
  expect(errorId(() => verifyQuote(quote, sgx, options))).toBe("tdx.tcb-info-mismatch");
  expect(errorId(() => verifyQuote(enclaveQuote, tdx, options))).toBe("sgx.tcb-info-mismatch");
  const foreignIdentity = { ...tdx, qeIdentity, qeIdentitySignature, qeIdentityIssuerChain };
  expect(errorId(() => verifyQuote(quote, foreignIdentity, options))).toBe("tdx.qe-identity-mismatch");
  const { tcbInfo, tcbInfoSignature, tcbInfoIssuerChain } = sgx;
  const ownInfo = { ...tdx, tcbInfo, tcbInfoSignature, tcbInfoIssuerChain };
  expect(errorId(() => verifyQuote(enclaveQuote, ownInfo, options))).toBe("sgx.qe-identity-mismatch");
});

function deniedBy({
  simulated,
  floor: facts,
}: {
  readonly simulated: boolean;
  readonly floor: Pick<Parameters<typeof floor>[0], "debug" | "collateralExpiredFor" | "tcbStatus">;
}): string[] {
  return floor({ ...facts, simulated, world: "simulated", bound: true, fresh: "nonce", purpose: "release" }).map(({ id }) => id);
}
