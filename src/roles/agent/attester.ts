import { type HashAlgorithm, isReservedReportData, reportDataOf } from "../../protocol/index.ts";
import { CaiError, type JsonObject } from "../../system/index.ts";
import type { Attester } from "../../tee/index.ts";
import { simulatedTdxAttester, type TdxAttesterOptions, tdxAttester, tdxPaths } from "../../tee/tdx/index.ts";

/** Where evidence may come from. */
export interface AttesterSettings {
  /** path of a simulated TD's state: be that machine, whatever this one is */
  readonly simulatedTdx?: string;
  /** how the hardware of a TDX guest is reached */
  readonly tdx?: TdxAttesterOptions;
}

/**
 * Chooses where this machine's evidence comes from. A simulated platform is used only where it is named: nothing falls back to it.
 *
 * @throws CaiError `agent.no-tee` where this machine is none, with what was looked for; or what reading a simulated TD's state throws
 */
export async function selectAttester({ simulatedTdx, tdx = {} }: AttesterSettings = {}): Promise<Attester> {
  if (simulatedTdx !== undefined) return simulatedTdxAttester(simulatedTdx);
  const attester = tdxAttester(tdx);
  if (await attester.detect()) return attester;
  const { configfsRoot, devicePaths } = tdx.paths ?? tdxPaths();
  throw new CaiError("agent.no-tee", "this machine is no TEE that evidence can be had from", {
    expected: `configfs-tsm for tdx_guest at ${configfsRoot}, or one of ${devicePaths.join(", ")}`,
    got: "none of them",
    hint: "`cai doctor` says what this machine is; to try without hardware: `cai sim tdx init` and --simulated-tdx",
  });
}

/** What a caller wants evidence over: bytes, or data to be hashed the way that runtime data is. */
export type EvidenceSubject = { readonly reportData: Uint8Array } | { readonly runtimeData: JsonObject; readonly hash: HashAlgorithm };

const REPORT_DATA_BYTES = 64;

/**
 * Gets evidence for somebody else than the agent itself. Report data in the agent's own space is refused, so that nobody obtains
 * evidence that passes for the agent's at a trustee (security.md I5, §3.3).
 *
 * @throws CaiError `agent.report-data-length`, `agent.report-data-reserved`, or what the attester throws
 */
export async function evidenceFor(attester: Attester, subject: EvidenceSubject): Promise<JsonObject> {
  const bytes = "reportData" in subject ? subject.reportData : reportDataOf(subject.runtimeData, subject.hash);
  if (bytes.length > REPORT_DATA_BYTES) {
    throw new CaiError("agent.report-data-length", "report data is too long, and cutting it would bind to something else", {
      expected: `at most ${REPORT_DATA_BYTES} bytes`,
      got: `${bytes.length} bytes`,
    });
  }
  const reportData = new Uint8Array(REPORT_DATA_BYTES);
  reportData.set(bytes);
  if (isReservedReportData(reportData)) {
    throw new CaiError("agent.report-data-reserved", "this report data is reserved for the agent's own attestation", {
      expected: "bytes 48 to 54 other than `cai/v1/`",
    });
  }
  return attester.evidence(reportData);
}
