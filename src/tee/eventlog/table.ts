import { printable } from "../../system/index.ts";
import type { LogHash } from "./algorithm.ts";
import { type EventDetails, eventDetails } from "./details.ts";
import { EVENT_TYPE, eventTypeName } from "./event-type.ts";
import { type EventLog, type LogEvent, REGISTER_INDEXES } from "./log.ts";
import { verifiedPayload } from "./payload.ts";

const SHORT_DIGEST = 12;
const MAX_DESCRIPTION = 120;

/** One record of a log for people. Texts are safe for a terminal. */
export interface EventRow {
  /** the place in the log, from 1 on */
  readonly number: number;
  /** the measurement register by the log's numbering: 1 is RTMR0 of TDX */
  readonly register: number;
  readonly type: string;
  /** the first digits of the digest; empty where there is none of the registers' algorithm */
  readonly digest: string;
  /**
   * what the digest says of the record's data: `proved` where it is their digest, `in part` where it is of a part of them, `unproved` where it is of
   * something that is not in the log, `not measured` where no register covers the record
   */
  readonly data: "proved" | "in part" | "unproved" | "not measured";
  /** what the data say, on one line; without standing where `data` is not `proved` */
  readonly description: string;
}

/**
 * A log as the rows of a table.
 *
 * @param hash  the registers' algorithm
 */
export function eventLogRows({ events }: EventLog, hash: LogHash): EventRow[] {
  return events.map((event, at) => {
    const digest = event.digests.find((one) => one.algorithm === hash.name)?.digest;
    return {
      number: at + 1,
      register: event.index,
      type: eventTypeName(event.type),
      digest: digest?.toHex().slice(0, SHORT_DIGEST) ?? "",
      data: standing(event, digest, hash),
      description: describe(eventDetails(event, true), event.data.length),
    };
  });
}

function standing(event: LogEvent, digest: Uint8Array | undefined, hash: LogHash): EventRow["data"] {
  const measured = event.type !== EVENT_TYPE.EV_NO_ACTION && REGISTER_INDEXES.some((index) => index === event.index);
  if (digest === undefined || !measured) return "not measured";
  if (Buffer.compare(hash.digest(event.data), digest) === 0) return "proved";
  return verifiedPayload({ event, digest }, hash) === undefined ? "unproved" : "in part";
}

function describe({ string, unicode_name, variable_data_length, device_paths }: EventDetails, size: number): string {
  const variable = unicode_name === undefined ? undefined : `${unicode_name}, ${variable_data_length} bytes`;
  const text = string ?? variable ?? device_paths?.join("/") ?? "";
  const line = printable(text === "" ? `${size} bytes` : text);
  return line.length > MAX_DESCRIPTION ? `${line.slice(0, MAX_DESCRIPTION - 1)}…` : line;
}
