import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  type DigestName,
  EVENT_TYPE,
  encodeLogEvent,
  encodeLogHeader,
  type LogEvent,
  parseEventLog,
  replayEventLog,
  SHA384,
} from "../../../src/tee/eventlog/index.ts";
import { changed, DIGEST_SIZES, errorId, expectedLogs, haveLogs, joined, logFile, logOf, record, TERMINATOR, utf8 } from "./testing.ts";

const MALFORMED = "eventlog.malformed";
const parseError = (bytes: Uint8Array) => errorId(() => parseEventLog(bytes));
const withU32 = (bytes: Uint8Array, at: number, value: number): Uint8Array =>
  changed(bytes, (copy) => new DataView(copy.buffer).setUint32(at, value, true));
const hex = (registers: ReadonlyMap<number, Uint8Array>): string[] => [...registers.values()].map((one) => one.toHex());

describe.skipIf(!haveLogs)("logs of real machines", () => {
  for (const [name, expected] of Object.entries(haveLogs ? expectedLogs() : {})) {
    test(`${name} is read to its terminator and replays to its registers`, () => {
      const log = parseEventLog(logFile(`tdx/ccel/${name}`));
      expect(log.events.length).toBe(expected.events);
      expect(log.usedBytes).toBe(expected.usedBytes);
      expect(hex(replayEventLog(log, SHA384))).toEqual(expected.rtmr_sha384);
    });

    test(`${name} replays to something else with one digest bit changed, or its last record dropped`, () => {
      const bytes = logFile(`tdx/ccel/${name}`);
      const log = parseEventLog(bytes);
      const replays = (events: readonly LogEvent[]) => hex(replayEventLog({ ...log, events }, SHA384));
      expect(replays(log.events.slice(0, -1))).not.toEqual(expected.rtmr_sha384);
      log.events.forEach((event, at) => {
        const digest = changed(event.digests[0]!.digest, (copy) => copy.set([copy[0]! ^ 1]));
        const events = log.events.with(at, { ...event, digests: [{ algorithm: "SHA-384", digest }] });
        expect(replays(events)).not.toEqual(expected.rtmr_sha384);
      });
    });

    test(`${name} cut at any offset is malformed, or cut between two records`, () => {
      const bytes = logFile(`tdx/ccel/${name}`);
      const { usedBytes, events } = parseEventLog(bytes);
      const sizes = events.map((event) => encodeLogEvent(event).length);
      const first = usedBytes - sizes.reduce((sum, size) => sum + size, 0);
      const ends = new Set([first, ...sizes.map((_, at) => first + sizes.slice(0, at + 1).reduce((sum, size) => sum + size, 0))]);
      for (let size = 0; size < usedBytes; size++) {
        const id = parseError(bytes.subarray(0, size));
        if (id !== (ends.has(size) ? undefined : MALFORMED)) expect([size, id]).toBeUndefined();
      }
    });
  }

  test("of another platform are read too, with their own algorithm", () => {
    const log = parseEventLog(logFile("csv/ccel-csv.bin"));
    expect(log).toMatchObject({ algorithms: ["SM3"], usedBytes: 9565 });
    expect(log.events.length).toBe(82);
    expect(errorId(() => replayEventLog(log, SHA384))).toBe(MALFORMED);
  });
});

describe("an event log ends", () => {
  const log = logOf({ data: utf8("a") });

  test("with its data, or at eight bytes of 0xff or of zero", () => {
    for (const end of [new Uint8Array(0), TERMINATOR, new Uint8Array(8)]) {
      expect(parseEventLog(joined(log, end))).toMatchObject({ usedBytes: log.length, events: [{ data: utf8("a") }] });
    }
  });

  test("there: what follows a terminator is ignored, be it a record or anything else", () => {
    for (const rest of [encodeLogEvent(record({ data: utf8("b") })), utf8("no record at all"), new Uint8Array(100_000)]) {
      expect(parseEventLog(joined(log, TERMINATOR, rest)).events.length).toBe(1);
    }
  });

  test("at no shorter run of such bytes", () => {
    for (let size = 1; size < 8; size++) {
      expect(parseError(joined(log, TERMINATOR.subarray(0, size)))).toBe(MALFORMED);
      expect(parseError(joined(log, new Uint8Array(size)))).toBe(MALFORMED);
    }
  });
});

describe("an event log is malformed", () => {
  const header = encodeLogHeader("SHA-384");
  const one = logOf({ data: utf8("event") });
  const at = header.length;

  test("where its first record is not the one that declares the algorithms", () => {
    expect(parseError(new Uint8Array(0))).toBe(MALFORMED);
    expect(parseError(encodeLogEvent(record({})))).toBe(MALFORMED);
    expect(parseError(withU32(one, 4, 4))).toBe(MALFORMED);
    expect(parseError(changed(one, (copy) => copy.set([0x20], 32)))).toBe(MALFORMED);
    // The signature may be all zeros, as in a runtime log, but not in part.
    expect(parseError(changed(one, (copy) => copy.fill(0, 32, 48)))).toBeUndefined();
    expect(parseError(changed(one, (copy) => copy.fill(0, 32, 47)))).toBeUndefined();
    expect(parseError(changed(one, (copy) => copy.fill(0, 32, 40)))).toBe(MALFORMED);
  });

  test("where a length of the first record is zero, off by one or huge", () => {
    const [sizeAt, countAt, digestSizeAt, vendorAt] = [28, 56, 62, 64];
    for (const value of [0, 32, 34, 0xffff_ffff]) expect(parseError(withU32(one, sizeAt, value))).toBe(MALFORMED);
    for (const value of [0, 2, 9, 0xffff_ffff]) expect(parseError(withU32(one, countAt, value))).toBe(MALFORMED);
    for (const value of [0, 47, 49, 0xff]) expect(parseError(changed(one, (copy) => copy.set([value], digestSizeAt)))).toBe(MALFORMED);
    for (const value of [1, 0xff]) expect(parseError(changed(one, (copy) => copy.set([value], vendorAt)))).toBe(MALFORMED);
  });

  test("where an algorithm is unknown, undeclared, or there twice", () => {
    expect(parseError(changed(one, (copy) => copy.set([0x27], 60)))).toBe(MALFORMED);
    expect(parseError(changed(one, (copy) => copy.set([0x27], at + 12)))).toBe(MALFORMED);
    const digest = SHA384.digest(utf8("event"));
    const twice = [digest, digest].map((each) => ({ algorithm: "SHA-384" as const, digest: each }));
    expect(parseError(joined(header, encodeLogEvent({ index: 1, type: 7, digests: twice, data: utf8("event") })))).toBe(MALFORMED);
    const other = { algorithm: "SHA-256" as const, digest: digest.subarray(0, 32) };
    expect(parseError(joined(header, encodeLogEvent({ index: 1, type: 7, digests: [other], data: utf8("event") })))).toBe(MALFORMED);
  });

  test("where a length of a record is off by one, huge, or more digests are said than there are", () => {
    const [countAt, sizeAt] = [at + 8, at + 14 + 48];
    for (const value of [2, 8, 9, 0xffff_ffff]) expect(parseError(withU32(one, countAt, value))).toBe(MALFORMED);
    for (const value of [0, 4, 6, 0xffff, 0xffff_ffff]) expect(parseError(withU32(one, sizeAt, value))).toBe(MALFORMED);
  });

  test("where it is larger than any machine's", () => {
    expect(parseError(joined(one, new Uint8Array(4 * 1024 * 1024)))).toBe(MALFORMED);
    expect(parseError(joined(header, encodeLogEvent(record({ data: new Uint8Array(1024 * 1024) }))))).toBe(MALFORMED);
    const small = encodeLogEvent({ index: 1, type: 1, digests: [], data: new Uint8Array(0) });
    expect(parseError(joined(header, ...Array.from({ length: 8192 }, () => small)))).toBeUndefined();
    expect(parseError(joined(header, ...Array.from({ length: 8193 }, () => small)))).toBe(MALFORMED);
  });
});

describe("replay", () => {
  test("leaves out events without action and records of other registers", () => {
    const counted = { index: 3, data: utf8("counted") };
    const others = [0, 5, 0xffff_ffff].map((index) => ({ index, data: utf8("elsewhere") }));
    const log = parseEventLog(logOf({ type: EVENT_TYPE.EV_NO_ACTION }, ...others, counted));
    const expected = SHA384.digest(new Uint8Array(48), SHA384.digest(utf8("counted")));
    expect([...replayEventLog(log, SHA384)].map(([index, value]) => [index, value.toHex()])).toEqual([
      [1, "00".repeat(48)],
      [2, "00".repeat(48)],
      [3, expected.toHex()],
      [4, "00".repeat(48)],
    ]);
  });

  test("refuses a record of a register that has no digest of its algorithm, which would stand in the log unmeasured", () => {
    const other = { algorithm: "SHA-256" as const, digest: new Uint8Array(32) };
    const without = [[], [other]].map((digests) =>
      joined(encodeLogHeader(), encodeLogEvent({ index: 3, type: 0xd, digests, data: utf8("Kernel") })),
    );
    for (const log of without) expect(errorId(() => replayEventLog(parseEventLog(log), SHA384))).toBe(MALFORMED);
  });
});

describe("the codec", () => {
  const algorithms: DigestName[] = ["SHA-384", "SM3", "SHA-256"];
  const anyEvent = fc.record({
    index: fc.integer({ min: 1, max: 0xffff_ffff }),
    type: fc.integer({ min: 0, max: 0xffff_fffe }),
    digests: fc
      .subarray(algorithms)
      .chain((names) =>
        fc.tuple(
          ...names.map((algorithm) =>
            fc
              .uint8Array({ minLength: DIGEST_SIZES[algorithm], maxLength: DIGEST_SIZES[algorithm] })
              .map((digest) => ({ algorithm, digest })),
          ),
        ),
      ),
    data: fc.uint8Array({ maxLength: 64 }),
  });
  const encoded = (events: readonly LogEvent[]) => joined(encodeLogHeader(), ...events.map(encodeLogEvent));

  test("reads what it writes", () => {
    fc.assert(
      fc.property(fc.array(anyEvent, { maxLength: 8 }), (events) => {
        expect(parseEventLog(encoded(events))).toEqual({ algorithms, events, usedBytes: encoded(events).length });
      }),
    );
  });

  test("takes a log cut anywhere for malformed, or for the records before the cut", () => {
    fc.assert(
      fc.property(fc.array(anyEvent, { minLength: 1, maxLength: 4 }), fc.nat(), (events, cut) => {
        const bytes = encoded(events);
        const size = cut % bytes.length;
        const id = parseError(bytes.subarray(0, size));
        if (id === undefined) expect(encoded(parseEventLog(bytes.subarray(0, size)).events)).toEqual(bytes.subarray(0, size));
        else expect(id).toBe(MALFORMED);
      }),
    );
  });

  test("takes any bytes, and any log with one bit changed, for malformed or for a log", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => [undefined, MALFORMED].includes(parseError(bytes))));
    fc.assert(
      fc.property(fc.array(anyEvent, { maxLength: 4 }), fc.nat(), fc.nat(7), (events, where, bit) => {
        const bytes = changed(encoded(events), (copy) => copy.set([copy[where % copy.length]! ^ (1 << bit)], where % copy.length));
        expect([undefined, MALFORMED]).toContain(parseError(bytes) as never);
      }),
    );
  });

  test("writes no digest of another size than its algorithm's", () => {
    const digests = [{ algorithm: "SHA-384" as const, digest: new Uint8Array(32) }];
    expect(errorId(() => encodeLogEvent({ index: 1, type: 1, digests, data: new Uint8Array(0) }))).toBe(MALFORMED);
  });
});
