import { timingSafeEqual } from "node:crypto";
import type { JsonValue } from "../../system/index.ts";
import type { EventLog } from "../eventlog/index.ts";
import type { Binding, Claims, TrustAnchor, Verifier } from "../tee.ts";
import { VerificationCache } from "./cache.ts";
import { tdxClaims } from "./claims.ts";
import { type CollateralSource, collateralRequest } from "./collateral-source.ts";
import { verifyEventLog } from "./event-log.ts";
import { readEvidence, recurringEvidence, type TdxEvidence } from "./evidence.ts";
import { type QuotedTee, refusal } from "./refusal.ts";
import { sgxClaims } from "./sgx-claims.ts";
import { plannedSteps, type Steps, unreported } from "./steps.ts";
import type { TdReport } from "./td-report.ts";
import { appraiseQuote, authenticateQuote, type VerifyOptions } from "./verify.ts";

export interface TdxVerifierOptions {
  /** gives collateral for the quote at hand; asked only after the quote's own signatures led to an anchor (security.md I40) */
  readonly collateral: CollateralSource;
  /** what becomes of collateral past its date; with `report` the claims say so and the floor refuses */
  readonly expired: "reject" | "report";
  /** default: one of the verifier's own */
  readonly cache?: VerificationCache;
}

/** The verifier of TDX evidence. */
export const tdxVerifier = (options: TdxVerifierOptions): Verifier => verifierOf("tdx", options);

/** The verifier of SGX evidence, `{"quote": base64}` (trustee.md §6.5). */
export const sgxVerifier = (options: TdxVerifierOptions): Verifier => verifierOf("sgx", options);

function verifierOf(tee: QuotedTee, { collateral, expired, cache = new VerificationCache() }: TdxVerifierOptions): Verifier {
  return {
    tee,
    verify: async (evidence: JsonValue, binding: Binding, anchors: readonly TrustAnchor[], now: number): Promise<Claims> =>
      verifyEvidence(readEvidence(evidence), binding, { tee, collateral, expired, cache, anchors, now }),
    recurring: recurringEvidence,
  };
}

export interface EvidenceOptions extends VerifyOptions {
  readonly collateral: CollateralSource;
  /** the only kind of quote to take; default: both */
  readonly tee?: QuotedTee;
  /** PEM of leaf, intermediate and root, for quotes that do not carry their chain (tdx.md §1.5, types 1 to 4) */
  readonly pckChain?: string;
}

/**
 * Verifies evidence whole: the quote, what the caller wants it bound to, the collateral.
 *
 * @param expected  what the evidence must be bound to; what is left out is not compared
 * @throws CaiError `tdx.<reason>` or `sgx.<reason>`: the first check that failed, and what the source of collateral throws
 */
export async function verifyEvidence(evidence: TdxEvidence, expected: Binding, options: EvidenceOptions): Promise<Claims> {
  const { steps = unreported } = options;
  const brought = {
    reportData: expected.reportData !== undefined,
    initData: expected.initData !== undefined,
    eventLog: evidence.eventLog !== undefined,
  };
  steps.plan("tdx", plannedSteps("tdx", brought));
  const authentic = authenticateQuote(evidence.quote, options.pckChain, options);
  const { tee, body } = authentic.quote;
  steps.plan(tee, plannedSteps(tee, brought));
  if (options.tee !== undefined && options.tee !== tee) {
    throw refusal(options.tee, "unsupported-quote", "quote", `a quote of ${options.tee.toUpperCase()}`, tee.toUpperCase());
  }
  // None of these needs collateral, so they are looked at before any is asked for.
  compareReportData(tee, body.report.reportData, expected.reportData, steps);
  if (body.kind === "td") {
    compareInitData(tee, "MRCONFIGID", body.report.mrConfigId, expected.initData, steps);
    const log = replayed(evidence.eventLog, body.report, steps, options.cache ?? new VerificationCache());
    return tdxClaims(
      appraiseQuote(authentic, await options.collateral(collateralRequest(authentic)), options),
      body.report,
      options.now,
      log,
    );
  }
  compareInitData(tee, "CONFIGID", body.report.configId, expected.initData, steps);
  return sgxClaims(appraiseQuote(authentic, await options.collateral(collateralRequest(authentic)), options), body.report, options.now);
}

/** Step 15 of tdx.md §2.2. */
function compareReportData(tee: QuotedTee, got: Uint8Array, bytes: Uint8Array | undefined, steps: Steps): void {
  if (bytes === undefined) return;
  // More than the field holds is never cut to fit it: it equals nothing.
  const expected = bytes.length < got.length ? zeroFilled(bytes, got.length) : bytes;
  steps.run(
    "report-data",
    () => {
      if (got.length === expected.length && timingSafeEqual(got, expected)) return;
      throw refusal(tee, "report-data-mismatch", "report data", expected.toHex(), got.toHex());
    },
    () => ({ expected: expected.toHex(), got: got.toHex() }),
  );
}

/** A log that came with the evidence is part of it: one that does not lead to the registers refuses all of it. */
function replayed(bytes: Uint8Array | undefined, report: TdReport, steps: Steps, cache: VerificationCache): EventLog | undefined {
  if (bytes === undefined) return undefined;
  return steps.run(
    "event-log",
    () => verifyEventLog(bytes, report, cache),
    (log) => (log === undefined ? {} : { got: `${log.events.length} events` }),
  );
}

/** The digest is cut or zero-filled to the size of the field (trustee.md §1.7). */
function compareInitData(tee: QuotedTee, field: string, got: Uint8Array, digest: Uint8Array | undefined, steps: Steps): void {
  if (digest === undefined) return;
  const expected = zeroFilled(digest.subarray(0, got.length), got.length);
  steps.run(
    "init-data",
    () => {
      if (!timingSafeEqual(got, expected)) throw refusal(tee, "init-data-mismatch", field, expected.toHex(), got.toHex());
    },
    () => ({ expected: expected.toHex(), got: got.toHex() }),
  );
}

function zeroFilled(bytes: Uint8Array, size: number): Uint8Array {
  const filled = new Uint8Array(size);
  filled.set(bytes);
  return filled;
}
