import { timingSafeEqual } from "node:crypto";
import type { JsonValue } from "../../system/index.ts";
import type { Binding, Claims, TrustAnchor, Verifier } from "../tee.ts";
import { VerificationCache } from "./cache.ts";
import { tdxClaims } from "./claims.ts";
import { type CollateralSource, collateralRequest } from "./collateral-source.ts";
import { verifyEventLog } from "./event-log.ts";
import { readEvidence } from "./evidence.ts";
import { refusal } from "./refusal.ts";
import { appraiseQuote, authenticateQuote } from "./verify.ts";

export interface TdxVerifierOptions {
  /** gives collateral for the quote at hand; asked only after the quote's own signatures led to an anchor (security.md I40) */
  readonly collateral: CollateralSource;
  /** what becomes of collateral past its date; with `report` the claims say so and the floor refuses */
  readonly expired: "reject" | "report";
  /** default: one of the verifier's own */
  readonly cache?: VerificationCache;
}

/** The verifier of TDX evidence. */
export function tdxVerifier({ collateral, expired, cache = new VerificationCache() }: TdxVerifierOptions): Verifier {
  return {
    tee: "tdx",
    async verify(evidence: JsonValue, binding: Binding, anchors: readonly TrustAnchor[], now: number): Promise<Claims> {
      const options = { now, anchors, expired, cache };
      const { quote, eventLog } = readEvidence(evidence);
      const authentic = authenticateQuote(quote, undefined, options);
      const { body } = authentic.quote;
      if (body.kind !== "td") throw refusal("tdx", "unsupported-quote", "quote", "a TDX quote", "an SGX quote");
      checkBinding("report-data-mismatch", "report data", body.report.reportData, binding.reportData);
      if (binding.initData !== undefined) checkBinding("init-data-mismatch", "MRCONFIGID", body.report.mrConfigId, binding.initData);
      const log = eventLog && verifyEventLog(eventLog, body.report);
      return tdxClaims(appraiseQuote(authentic, await collateral(collateralRequest(authentic)), options), body.report, now, log);
    },
  };
}

/** Step 15 of tdx.md §2.2. It needs no collateral, so it is paid for before any is asked for. */
function checkBinding(reason: "report-data-mismatch" | "init-data-mismatch", what: string, got: Uint8Array, expected: Uint8Array): void {
  if (got.length === expected.length && timingSafeEqual(got, expected)) return;
  throw refusal("tdx", reason, what, expected.toHex(), got.toHex());
}
