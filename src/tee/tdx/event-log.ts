import type { JsonObject } from "../../system/index.ts";
import { type EventLog, eventLogClaims, measuredFacts, parseEventLog, replayEventLog, SHA384, unprovedLabels } from "../eventlog/index.ts";
import type { CacheLimits, VerificationCache } from "./cache.ts";
import { refusal, refuseAs } from "./refusal.ts";
import type { TdReport } from "./td-report.ts";

/** The claim name of the register that a log numbers `index`: RTMR0 is 1 (tdx.md §4.3). */
const registerName = (index: number): string => `rtmr_${index - 1}`;

/** A machine shows the same log each time that it attests; what is made of a log is some ten times as large. */
const REMEMBERED: CacheLimits = { entries: 64, bytes: 1024 * 1024 };

/**
 * Replays an event log against the registers of a TD report (tdx.md §2.2 step 15, §4.3).
 *
 * @param bytes   the log as the evidence carries it
 * @param report  of a quote whose own signatures hold
 * @throws CaiError `tdx.event-log-malformed`, or `tdx.event-log-mismatch` for the first register that the log does not lead to
 */
export function verifyEventLog(bytes: Uint8Array, report: TdReport, cache: VerificationCache): EventLog {
  const quoted = [report.rtmr0, report.rtmr1, report.rtmr2, report.rtmr3];
  return cache.remember("event log", [bytes, ...quoted], () => replayTo(bytes, quoted), REMEMBERED);
}

function replayTo(bytes: Uint8Array, quoted: readonly Uint8Array[]): EventLog {
  const { log, registers } = refuseAs("tdx", "event-log-malformed", "event log of the evidence", () => {
    const parsed = parseEventLog(bytes);
    return { log: parsed, registers: replayEventLog(parsed, SHA384) };
  });
  for (const [i, rtmr] of quoted.entries()) {
    const [expected, got] = [rtmr.toHex(), registers.get(i + 1)!.toHex()];
    if (expected !== got) throw refusal("tdx", "event-log-mismatch", `event log replayed into RTMR${i}`, expected, got);
  }
  return log;
}

/**
 * The claims of a log that {@link verifyEventLog} replayed (tdx.md §4.4).
 *
 * `uefi_event_logs` is upstream's; `measured` is what the log proves; `unproved_labels` is what it merely says. docs/claims.md tells the difference.
 */
export function eventLogMembers(log: EventLog): JsonObject {
  let members = knownMembers.get(log);
  if (members === undefined) {
    members = {
      uefi_event_logs: eventLogClaims(log, SHA384),
      measured: measuredFacts(log, SHA384, registerName),
      unproved_labels: unprovedLabels(log, SHA384),
    };
    knownMembers.set(log, members);
  }
  return members;
}

const knownMembers = new WeakMap<EventLog, JsonObject>();
