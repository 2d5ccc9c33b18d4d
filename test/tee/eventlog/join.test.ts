import { describe, expect, test } from "bun:test";
import {
  aaelEvent,
  EVENT_TYPE,
  encodeLogEvent,
  encodeLogHeader,
  joinEventLog,
  parseEventLog,
  SHA384,
} from "../../../src/tee/eventlog/index.ts";
import { errorId, joined, logOf, record, TERMINATOR, utf8 } from "./testing.ts";

const { data } = aaelEvent({ domain: "d", operation: "o", content: "c" }, SHA384);
const runtime = encodeLogEvent(record({ index: 4, type: EVENT_TYPE.EV_EVENT_TAG, data }));
const boot = logOf({ data: utf8("a") }, { data: utf8("b") });

describe("the log that an agent sends", () => {
  test("is nothing where there is no log", () => {
    expect(joinEventLog(undefined, undefined)).toBeUndefined();
  });

  test("is the firmware's up to its terminator, the runtime's, and a terminator", () => {
    for (const padding of [new Uint8Array(0), TERMINATOR, new Uint8Array(5000), joined(TERMINATOR, utf8("padding"))]) {
      expect(joinEventLog(joined(boot, padding), runtime)).toEqual(joined(boot, runtime, TERMINATOR));
      expect(joinEventLog(joined(boot, padding), undefined)).toEqual(joined(boot, TERMINATOR));
    }
  });

  test("has the fixed header of 73 bytes where there is no firmware's", () => {
    const header = `${"00000000"}${"03000000"}${"00".repeat(20)}29000000${"00".repeat(24)}030000000c00300012002000${"0b002000"}00`;
    expect(encodeLogHeader().toHex()).toBe(header);
    expect(encodeLogHeader().length).toBe(73);
    expect(joinEventLog(undefined, runtime)).toEqual(joined(encodeLogHeader(), runtime, TERMINATOR));
    expect(parseEventLog(joinEventLog(undefined, new Uint8Array(0))!)).toMatchObject({
      algorithms: ["SHA-384", "SM3", "SHA-256"],
      events: [],
    });
  });

  test("is refused where either part is none", () => {
    expect(errorId(() => joinEventLog(boot.subarray(1), runtime))).toBe("eventlog.malformed");
    expect(errorId(() => joinEventLog(boot, runtime.subarray(1)))).toBe("eventlog.malformed");
    expect(errorId(() => joinEventLog(boot, joined(runtime, TERMINATOR, runtime)))).toBe("eventlog.malformed");
    expect(errorId(() => joinEventLog(boot, utf8("INIT sha384/000")))).toBe("eventlog.malformed");
  });
});
