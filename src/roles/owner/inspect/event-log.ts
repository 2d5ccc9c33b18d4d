import { CaiError, type JsonObject } from "../../../system/index.ts";
import { type EventLog, eventLogClaims, eventLogRows, parseEventLog, replayEventLog, SHA384 } from "../../../tee/eventlog/index.ts";
import type { Section } from "../report.ts";
import type { Artefact, ArtefactKind, Explanation } from "./artefact.ts";

/** A log of measured events: CCEL and TCG2 logs have one format (tdx.md §4.2). */
export const eventLog: ArtefactKind = {
  name: "event log (CCEL, TCG2)",
  explain: ({ bytes }: Artefact): Explanation | undefined => (looksLikeLog(bytes) ? explainEventLog(bytes) : undefined),
};

/** The first record is of type 3, has a digest of zeros and a size that is its own. */
function looksLikeLog(bytes: Uint8Array): boolean {
  const first = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return (
    bytes.length > 64 &&
    first.getUint32(4, true) === 3 &&
    bytes.subarray(8, 28).every((byte) => byte === 0) &&
    first.getUint32(28, true) < 1024
  );
}

/** @throws CaiError `eventlog.malformed` */
export function explainEventLog(bytes: Uint8Array): Explanation {
  const log = parseEventLog(bytes);
  const registers = registersOf(log);
  const rows = eventLogRows(log, SHA384);
  const json: JsonObject = {
    algorithms: log.algorithms,
    used_bytes: log.usedBytes,
    registers,
    events: log.algorithms.includes("SHA-384") ? eventLogClaims(log, SHA384) : rows.map((row) => ({ ...row })),
  };
  const sections: Section[] = [
    {
      title: "Event log",
      rows: [
        ["records", `${rows.length} in ${log.usedBytes} bytes`],
        ["digests", log.algorithms.join(", ")],
        ...Object.entries(registers).map(([name, value]) => [`replayed ${name}`, String(value)]),
      ],
    },
    {
      title: "Records",
      before: [
        "what a record says counts only where its digest proves it, and the digests only where a quote has the registers they lead to",
      ],
      rows: [
        ["", "register", "type", "SHA-384", "data", "says"],
        ...rows.map(({ number, register, type, digest, data, description }) => [
          `${number}`,
          register === 0 ? "MRTD" : register <= 4 ? `RTMR${register - 1}` : `${register}`,
          type,
          digest,
          data,
          description,
        ]),
      ],
    },
  ];
  return { kind: "event log", json, sections };
}

/** The registers that the log leads to; none where it has no digests of the registers' algorithm. */
function registersOf(log: EventLog): JsonObject {
  try {
    return Object.fromEntries([...replayEventLog(log, SHA384)].map(([index, value]) => [`rtmr_${index - 1}`, value.toHex()]));
  } catch (error) {
    if (error instanceof CaiError) return {};
    throw error;
  }
}
