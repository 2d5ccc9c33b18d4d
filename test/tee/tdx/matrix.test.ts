import { expect, test } from "bun:test";
import {
  parseBundle,
  type QuoteVerdict,
  type SimulatedKnobs,
  SimulatedPlatform,
  type SimulatedQuoteOptions,
  VerificationCache,
  verifyQuote,
} from "../../../src/tee/tdx/index.ts";
import { errorId, NOW, REPORT_DATA, SEED } from "./testing.ts";

type Quote = Partial<SimulatedQuoteOptions>;
const cache = new VerificationCache();

function verify(quote: Quote, knobs: Partial<SimulatedKnobs> = {}): QuoteVerdict {
  const platform = SimulatedPlatform.create({ seed: SEED, now: NOW, knobs });
  const anchors = [{ certificate: platform.anchorDer, simulated: true }];
  const bytes = platform.quote({ reportData: REPORT_DATA, ...quote });
  return verifyQuote(bytes, parseBundle(platform.bundle()), { now: NOW, anchors, expired: "reject", cache });
}

const svn = (...values: number[]): Uint8Array => Uint8Array.from(values);
const top = (status: string): Partial<SimulatedKnobs> => ({ platformStatus: [status, "OutOfDate"] });
const components = (value: number): number[] => [...Array<number>(8).fill(value), ...Array<number>(8).fill(0)];
const qeDebug = Uint8Array.of(0x17, 0, 0, 0, 0, 0, 0, 0, 0xe7, 0, 0, 0, 0, 0, 0, 0);

const v5 = { version: 5, bodyType: 3 } as const;
const behind = { ...v5, teeTcbSvn: svn(5, 1, 4), teeTcbSvn2: svn(7, 1, 4) };
const oldModule = { teeTcbSvn: svn(6, 1, 4) };

const verdicts: readonly (readonly [string, Quote, Partial<SimulatedKnobs>, string])[] = [
  ["a version 4 quote", {}, {}, "UpToDate"],
  ["a version 5 quote of TDX 1.0", { version: 5, bodyType: 2 }, {}, "UpToDate"],
  ["a version 5 quote of TDX 1.5", v5, {}, "UpToDate"],
  ["a bound service TD", { ...v5, mrServiceTd: svn(1, 2, 3) }, {}, "UpToDate"],
  ["a debug TD, which is the policy's business", { tdAttributes: svn(1, 0, 0, 0, 0, 0, 0, 0) }, {}, "UpToDate"],
  ["SEPT_VE_DISABLE clear", { tdAttributes: new Uint8Array(8) }, {}, "UpToDate"],
  ["a module updated under a running TD", behind, {}, "TDRelaunchAdvised"],
  ["the same where the platform needs configuration", behind, top("ConfigurationNeeded"), "TDRelaunchAdvisedConfigurationNeeded"],
  ["a module that is old both at launch and now", { ...behind, teeTcbSvn2: svn(5, 1, 4) }, {}, "OutOfDate"],
  ["an old module, platform up to date", oldModule, {}, "OutOfDate"],
  ["an old module, platform needs hardening", oldModule, top("SWHardeningNeeded"), "OutOfDate"],
  ["an old module, platform needs configuration", oldModule, top("ConfigurationNeeded"), "OutOfDateConfigurationNeeded"],
  ["an old module, platform needs both", oldModule, top("ConfigurationAndSWHardeningNeeded"), "OutOfDateConfigurationNeeded"],
  [
    "an old module, platform out of date with configuration",
    oldModule,
    top("OutOfDateConfigurationNeeded"),
    "OutOfDateConfigurationNeeded",
  ],
  ["a module without major version, high enough", { teeTcbSvn: svn(7, 0, 4) }, {}, "UpToDate"],
  ["old components and PCE", {}, { components: components(2), pceSvn: 11 }, "OutOfDate"],
  ["an old PCE alone", {}, { pceSvn: 12 }, "OutOfDate"],
  ["old late microcode", { teeTcbSvn: svn(7, 1, 3) }, {}, "OutOfDate"],
  ["an old quoting enclave", {}, { qeSvn: 5 }, "OutOfDate"],
  ["an old quoting enclave, platform needs configuration", {}, { qeSvn: 5, ...top("ConfigurationNeeded") }, "OutOfDateConfigurationNeeded"],
  ["a platform that needs hardening", {}, top("SWHardeningNeeded"), "SWHardeningNeeded"],
];
for (const [what, quote, knobs, status] of verdicts) {
  test(`${what}: ${status}`, () => {
    expect(verify(quote, knobs).tcb.launch.status as string).toBe(status);
  });
}

const rejections: readonly (readonly [string, Quote, Partial<SimulatedKnobs>, string])[] = [
  ["a module below every level", { teeTcbSvn: svn(4, 1, 4) }, {}, "tcb-not-supported"],
  ["a module of an unknown major version", { teeTcbSvn: svn(7, 9, 4) }, {}, "tdx-module-mismatch"],
  ["a module without major version, too low", { teeTcbSvn: svn(4, 0, 4) }, {}, "tcb-not-supported"],
  ["a module that is now of an unknown major version", { ...v5, teeTcbSvn2: svn(7, 9, 4) }, {}, "tcb-not-supported"],
  ["a module that is now below every level", { ...v5, teeTcbSvn2: svn(4, 1, 4) }, {}, "tcb-not-supported"],
  ["a revoked module", {}, { moduleStatus: ["Revoked", "Revoked"] }, "tcb-revoked"],
  ["components below every level", {}, { components: components(1) }, "tcb-not-supported"],
  ["a revoked platform level", {}, top("Revoked"), "tcb-revoked"],
  ["a quoting enclave below every level", {}, { qeSvn: 3 }, "tcb-not-supported"],
  ["a revoked quoting enclave", {}, { qeStatus: ["Revoked", "OutOfDate"] }, "tcb-revoked"],
  ["a debug quoting enclave", {}, { qeAttributes: qeDebug }, "qe-identity-mismatch"],
  ["a revoked machine", {}, { revoked: ["pck"] }, "pck-revoked"],
  ["a revoked authority", {}, { revoked: ["intermediate"] }, "intermediate-ca-revoked"],
  ["a revoked collateral signer", {}, { revoked: ["tcb-signing"] }, "tcb-signing-revoked"],
  ["module attributes that are not zero", { seamAttributes: svn(1) }, {}, "tdx-module-mismatch"],
  ["an unknown status of the platform", {}, top("Weird"), "tcb-info-malformed"],
  ["an unknown status of the module", {}, { moduleStatus: ["UpToDate", "ConfigurationNeeded"] }, "tcb-info-malformed"],
  ["an unknown status of the quoting enclave", {}, { qeStatus: ["UpToDate", "Weird"] }, "qe-identity-malformed"],
];
for (const [what, quote, knobs, reason] of rejections) {
  test(`${what}: ${reason}`, () => {
    expect(errorId(() => verify(quote, knobs))).toBe(`tdx.${reason}`);
  });
}

test("advisories of all matched levels are joined and the oldest date counts", () => {
  const { launch } = verify({ teeTcbSvn: svn(6, 1, 4) }, { qeSvn: 5, pceSvn: 12 }).tcb;
  expect(launch.advisories).toEqual(["INTEL-SA-90001", "INTEL-SA-90002", "INTEL-SA-90003"]);
  expect(launch.date).toBe(Date.UTC(2024, 2, 13) / 1000);
});

test("a TD that is told to relaunch shows both evaluations", () => {
  const { launch, current } = verify(behind).tcb;
  expect(launch.advisories).toEqual(["INTEL-SA-90001"]);
  expect(current).toEqual({ status: "UpToDate", date: Date.UTC(2025, 7, 13) / 1000, advisories: [] });
});
