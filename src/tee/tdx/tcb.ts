import type { ComponentLevel, ComponentStatus, PlatformStatus } from "./document-fields.ts";
import { isZero, sameBytes } from "./layout.ts";
import type { PckFacts } from "./pck.ts";
import { equalUnderMask, type QeIdentity } from "./qe-identity.ts";
import { type QuotedTee, refusal } from "./refusal.ts";
import type { Steps } from "./steps.ts";
import { componentFinding, platformFinding, standingFinding } from "./tcb-findings.ts";
import type { ModuleIdentity, PlatformLevel, TcbInfo } from "./tcb-info.ts";
import { compareWithLevel, suffices } from "./tcb-level.ts";
import type { TdReport } from "./td-report.ts";

/** The standing of a platform in its manufacturer's words. */
export type TcbStatus = PlatformStatus | "TDRelaunchAdvised" | "TDRelaunchAdvisedConfigurationNeeded";

/** Numbers that upstream programs give the statuses (tdx.md §2.7.5). */
export const TCB_STATUS_CODES: Readonly<Record<TcbStatus, number>> = {
  UpToDate: 0,
  ConfigurationNeeded: 0xa001,
  OutOfDate: 0xa002,
  OutOfDateConfigurationNeeded: 0xa003,
  Revoked: 0xa005,
  SWHardeningNeeded: 0xa007,
  ConfigurationAndSWHardeningNeeded: 0xa008,
  TDRelaunchAdvised: 0xa009,
  TDRelaunchAdvisedConfigurationNeeded: 0xa00a,
};

/** One evaluation of a platform's security versions. */
export interface TcbStanding {
  readonly status: TcbStatus;
  /** seconds since 1970: the oldest date of the levels that were matched */
  readonly date: number;
  /** sorted, each once */
  readonly advisories: readonly string[];
}

/** The standing since the TD was launched, and the one that a relaunch would have. They differ for TDX 1.5 only. */
export interface TcbVerdict {
  readonly launch: TcbStanding;
  readonly current: TcbStanding;
}

/** The TDX module as the manufacturer names it, for example `TDX_01`; those of major version 0 have no other name. */
export interface TdxModule {
  readonly id: string;
  readonly svn: number;
  /** 48 bytes */
  readonly mrSigner: Uint8Array;
}

/** Checks who signed the TDX module and its attributes (tdx.md §2.7.1). @throws CaiError `tdx-module-mismatch` */
export function checkTdxModule(report: TdReport, info: TcbInfo): TdxModule {
  const check = (ok: boolean, what: string, expected: string, got: string): void => {
    if (!ok) throw refusal("tdx", "tdx-module-mismatch", what, expected, got);
  };
  const major = report.teeTcbSvn[1]!;
  const expected = major === 0 ? info.module : identityOf(info, major);
  if (expected === undefined) {
    throw refusal(
      "tdx",
      "tdx-module-mismatch",
      "TDX module",
      [...(info.moduleIdentities?.keys() ?? [])].join(", ") || "no identities",
      moduleId(major),
    );
  }
  check(sameBytes(report.mrSignerSeam, expected.mrSigner), "MRSIGNERSEAM", expected.mrSigner.toHex(), report.mrSignerSeam.toHex());
  const { seamAttributes } = report;
  const allowed = isZero(seamAttributes) && equalUnderMask(seamAttributes, expected.attributes, expected.attributesMask);
  check(allowed, "SEAMATTRIBUTES", expected.attributes.toHex(), seamAttributes.toHex());
  return { id: moduleId(major), svn: report.teeTcbSvn[0]!, mrSigner: expected.mrSigner };
}

/**
 * Evaluates the security versions of platform, module and quoting enclave (tdx.md §2.7.3 to §2.7.5).
 *
 * @param report  the TD report, or undefined for SGX
 * @param qeSvn   ISVSVN of the quoting enclave
 * @throws CaiError `tcb-not-supported`, `tcb-revoked`
 */
export function evaluateTcb(
  pck: PckFacts,
  report: TdReport | undefined,
  qeSvn: number,
  info: TcbInfo,
  identity: QeIdentity,
  context: TcbContext,
): TcbVerdict {
  const { tee, steps } = context;
  const qe = steps.run(
    "tcb-qe",
    () => matchComponent(identity.levels, qeSvn, "QE ISVSVN", tee),
    (level) => componentFinding(qeSvn, identity.levels, level),
  );
  const launch = evaluateOnce(pck, report?.teeTcbSvn, qe, info, context, "");
  const current = report?.later === undefined ? launch : evaluateOnce(pck, report.later.teeTcbSvn2, qe, info, context, "-current");
  const status = convergeRelaunch(launch.status, current.status);
  return steps.run(
    "tcb-status",
    () => {
      for (const each of [status, current.status]) {
        if (each === "Revoked") throw refusal(tee, "tcb-revoked", "TCB status", "a level that is not revoked", each);
      }
      return { launch: { ...launch, status }, current };
    },
    (verdict) => standingFinding(status, current.status, verdict),
  );
}

/** Whose errors are thrown, and who listens to the steps. */
interface TcbContext {
  readonly tee: QuotedTee;
  readonly steps: Steps;
}

interface Evaluation extends TcbStanding {
  readonly status: PlatformStatus;
}

/**
 * @param svn   TEE_TCB_SVN or TEE_TCB_SVN_2; undefined for SGX
 * @param when  ends the names of the steps: nothing for the launch, `-current` for what runs now
 */
function evaluateOnce(
  pck: PckFacts,
  svn: Uint8Array | undefined,
  qe: ComponentLevel,
  info: TcbInfo,
  { tee, steps }: TcbContext,
  when: "" | "-current",
): Evaluation {
  const platform = steps.run(
    `tcb-platform${when}`,
    () => matchPlatform(pck, svn, info, tee),
    (level) => platformFinding(pck, svn, info, level),
  );
  const module = (of: Uint8Array): ComponentLevel =>
    steps.run(
      `tcb-module${when}`,
      () => matchModule(of, info, tee),
      (level) => componentFinding(of[0]!, identityOf(info, of[1]!)?.levels ?? [], level),
    );
  const levels = [platform, qe, ...(svn === undefined || svn[1] === 0 ? [] : [module(svn)])];
  return {
    status: converge(
      platform.status,
      levels.slice(1).map(({ status }) => status as ComponentStatus),
    ),
    date: Math.min(...levels.map(({ date }) => date)),
    advisories: [...new Set(levels.flatMap(({ advisories }) => advisories))].sort(),
  };
}

function matchPlatform(pck: PckFacts, svn: Uint8Array | undefined, info: TcbInfo, tee: QuotedTee): PlatformLevel {
  const level = info.levels.find((each) => compareWithLevel(pck, svn, each).every(suffices));
  if (level !== undefined) return level;
  const got = `SGX ${pck.components.join(",")}, PCE ${pck.pceSvn}${svn === undefined ? "" : `, TDX ${[...svn].join(",")}`}`;
  throw refusal(tee, "tcb-not-supported", "platform TCB", "a level of the TCB info", got);
}

function matchModule(svn: Uint8Array, info: TcbInfo, tee: QuotedTee): ComponentLevel {
  const major = svn[1]!;
  const identity = identityOf(info, major);
  if (identity === undefined) throw refusal(tee, "tcb-not-supported", "TDX module", "a module identity of the TCB info", moduleId(major));
  return matchComponent(identity.levels, svn[0]!, `SVN of TDX module ${moduleId(major)}`, tee);
}

function matchComponent(levels: readonly ComponentLevel[], svn: number, what: string, tee: QuotedTee): ComponentLevel {
  const level = levels.find(({ isvSvn }) => svn >= isvSvn);
  if (level === undefined) throw refusal(tee, "tcb-not-supported", what, `at least ${levels.at(-1)?.isvSvn ?? "one level"}`, `${svn}`);
  return level;
}

/** Not "the worst of all": an outdated component keeps a platform's need for configuration in sight (tdx.md §2.7.4). */
function converge(platform: PlatformStatus, components: readonly ComponentStatus[]): PlatformStatus {
  if (components.includes("Revoked")) return "Revoked";
  if (!components.includes("OutOfDate")) return platform;
  if (platform === "UpToDate" || platform === "SWHardeningNeeded") return "OutOfDate";
  if (platform === "ConfigurationNeeded" || platform === "ConfigurationAndSWHardeningNeeded") return "OutOfDateConfigurationNeeded";
  return platform;
}

/** An outdated TD on a platform that was patched underneath it is told to relaunch (tdx.md §2.7.5). */
function convergeRelaunch(launch: PlatformStatus, current: PlatformStatus): TcbStatus {
  const outdated = (status: PlatformStatus): boolean => status === "OutOfDate" || status === "OutOfDateConfigurationNeeded";
  if (!outdated(launch) || outdated(current) || current === "Revoked") return launch;
  return `${launch} ${current}`.includes("Configuration") ? "TDRelaunchAdvisedConfigurationNeeded" : "TDRelaunchAdvised";
}

const moduleId = (major: number): string => `TDX_${major.toString(16).toUpperCase().padStart(2, "0")}`;

const identityOf = (info: TcbInfo, major: number): ModuleIdentity | undefined => info.moduleIdentities?.get(moduleId(major));
