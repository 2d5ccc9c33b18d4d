import { describe, expect, test } from "bun:test";
import { EVENT_TYPE, encodeEfiVariable, eventLogRows, parseEventLog, SHA384 } from "../../../src/tee/eventlog/index.ts";
import { haveLogs, logFile, logOf, type TestRecord, utf8 } from "./testing.ts";

const rows = (...records: readonly TestRecord[]) => eventLogRows(parseEventLog(logOf(...records)), SHA384);

describe("a log as a table", () => {
  test("says of each record what its digest proves", () => {
    const data = utf8("grub_cmd: boot\0");
    const variable = encodeEfiVariable({ guid: new Uint8Array(16), name: "PK", value: new Uint8Array(5) });
    expect(
      rows(
        { index: 2, data: utf8("Calling EFI Application") },
        { index: 3, type: EVENT_TYPE.EV_IPL, data, digest: SHA384.digest(utf8("boot")) },
        { index: 3, type: EVENT_TYPE.EV_IPL, data: utf8("grub_linuxefi Kernel\0"), digest: new Uint8Array(48).fill(0xab) },
        { index: 1, type: EVENT_TYPE.EV_EFI_VARIABLE_DRIVER_CONFIG, data: variable },
        { index: 1, type: EVENT_TYPE.EV_SEPARATOR, data: new Uint8Array(4) },
        { index: 0, data: utf8("elsewhere") },
        { type: EVENT_TYPE.EV_NO_ACTION, data: utf8("nothing") },
      ).map(({ number, register, type, digest, data: standing, description }) => [
        number,
        register,
        type,
        digest.length,
        standing,
        description,
      ]),
    ).toEqual([
      [1, 2, "EV_EFI_ACTION", 12, "proved", "Calling EFI Application"],
      [2, 3, "EV_IPL", 12, "in part", "grub_cmd: boot"],
      [3, 3, "EV_IPL", 12, "unproved", "grub_linuxefi Kernel"],
      [4, 1, "EV_EFI_VARIABLE_DRIVER_CONFIG", 12, "proved", "PK, 5 bytes"],
      [5, 1, "EV_SEPARATOR", 12, "proved", "4 bytes"],
      [6, 0, "EV_EFI_ACTION", 12, "not measured", "elsewhere"],
      [7, 1, "EV_NO_ACTION", 12, "not measured", "7 bytes"],
    ]);
  });

  test("shows no text that could move a cursor, turn a line or make another, and no long one", () => {
    const hostile = "\u001b[2J\u202eevil\r\nRTMR0 proved\u0007";
    const [shown, long] = rows({ data: utf8(hostile) }, { data: utf8("x".repeat(1000)) });
    expect(shown!.description).toBe(" [2J evil  RTMR0 proved ");
    expect(long!.description.length).toBe(120);
  });

  test("has an empty digest where a record has none of the platform's algorithm", () => {
    const log = parseEventLog(logOf({}));
    const without = { ...log, events: log.events.map((event) => ({ ...event, digests: [] })) };
    expect(eventLogRows(without, SHA384)[0]).toMatchObject({ digest: "", data: "not measured" });
  });

  test.skipIf(!haveLogs)("has a row for each record of a real log", () => {
    expect(eventLogRows(parseEventLog(logFile("tdx/ccel/cos113.bin")), SHA384).length).toBe(43);
  });
});
