import { timingSafeEqual } from "node:crypto";
import { encodeBase64, encodeHex } from "../../crypto/index.ts";
import { CaiError, type JsonObject } from "../../system/index.ts";
import { eventLogClaims, parseEventLog, replayEventLog, SHA256 } from "../eventlog/index.ts";
import type { Claims, TeeClass, TeeName, Verifier } from "../tee.ts";
import { readSampleDeviceEvidence, readSampleEvidence, type SampleEvidence } from "./evidence.ts";

/** The register that a sample attester's log is of, by the log's numbering. */
const REGISTER_INDEX = 1;

/**
 * The verifier of evidence that software makes up (trustee.md §6.5), for trying out clients. It proves nothing, so its claims say that it is
 * simulated (security.md I11), and no claim comes from init data, which it has no field for (I18).
 */
export const sampleVerifier: Verifier = {
  tee: "sample",
  async verify(evidence, { reportData }) {
    const parsed = readSampleEvidence(evidence);
    compareReportData(parsed.reportData, reportData);
    return sampleClaims(
      "sample",
      "cpu",
      parsed,
      parsed.register === undefined ? launchClaims : registerClaims(parsed.register, parsed.eventLog),
    );
  },
};

/** The verifier of what a sample device sends: as good as {@link sampleVerifier}, class gpu. */
export const sampleDeviceVerifier: Verifier = {
  tee: "sampledevice",
  async verify(evidence, { reportData }) {
    const parsed = readSampleDeviceEvidence(evidence);
    compareReportData(parsed.reportData, reportData);
    return sampleClaims("sampledevice", "gpu", parsed, {});
  },
};

/** What the other family's verifier says of every sample attester; nothing in the evidence says it. */
const launchClaims: JsonObject = { launch_digest: "abcde", platform_version: { major: 1, minor: 4 }, debug: false };

/**
 * A log that came with the evidence is part of it: one that does not lead to the register refuses all of it.
 *
 * @throws CaiError `sample.event-log-malformed`, `sample.event-log-mismatch`
 */
function registerClaims(register: Uint8Array, bytes: Uint8Array | undefined): JsonObject {
  const measured = encodeHex(register);
  if (bytes === undefined) return { measure_register: measured, cc_eventlog: null };
  const { log, replayed } = read(bytes);
  const got = encodeHex(replayed.get(REGISTER_INDEX)!);
  if (got !== measured) {
    throw new CaiError("sample.event-log-mismatch", `event log replayed into the register: expected ${measured}, got ${got}`, {
      expected: measured,
      got,
    });
  }
  const own = { ...log, events: log.events.filter(({ index }) => index === REGISTER_INDEX) };
  return { measure_register: measured, cc_eventlog: { uefi_event_logs: eventLogClaims(own, SHA256) } };
}

function read(bytes: Uint8Array) {
  try {
    const log = parseEventLog(bytes);
    return { log, replayed: replayEventLog(log, SHA256) };
  } catch (cause) {
    throw new CaiError("sample.event-log-malformed", `event log of the sample evidence: ${(cause as Error).message}`, { cause });
  }
}

function sampleClaims(
  tee: TeeName,
  teeClass: TeeClass,
  { svn, reportData }: Pick<SampleEvidence, "svn" | "reportData">,
  rest: JsonObject,
): Claims {
  const text = encodeBase64(reportData);
  return {
    tee,
    class: teeClass,
    simulated: true,
    trustAnchor: null,
    reportData: text,
    initData: null,
    members: { svn, report_data: text, ...rest, simulated: true },
    floor: { debug: false, collateralExpiredFor: 0, tcbStatus: "none" },
  };
}

/** Attesters send the digest as it is, which is shorter than the report data of real platforms. */
function compareReportData(got: Uint8Array, expected: Uint8Array | undefined): void {
  if (expected === undefined) return;
  const filled = new Uint8Array(expected.length);
  filled.set(got.subarray(0, expected.length));
  if (got.length <= expected.length && timingSafeEqual(filled, expected)) return;
  throw new CaiError("sample.report-data-mismatch", `report data: expected ${encodeHex(expected)}, got ${encodeHex(got)}`, {
    expected: encodeHex(expected),
    got: encodeHex(got),
  });
}
