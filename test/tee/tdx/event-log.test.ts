import { describe, expect, test } from "bun:test";
import type { JsonObject } from "../../../src/system/index.ts";
import {
  aaelEvent,
  EVENT_TYPE,
  encodeLogEvent,
  eventLogClaims,
  joinEventLog,
  parseEventLog,
  SHA384,
} from "../../../src/tee/eventlog/index.ts";
import {
  builtInAnchors,
  createSimulatedTd,
  extendSimulatedTd,
  parseBundle,
  platformOf,
  type SimulatedTd,
  simulatedEventLog,
  simulatedTdxAttester,
  tdxVerifier,
} from "../../../src/tee/tdx/index.ts";
import { asyncRejection } from "../../rejection.ts";
import { joined, record, utf8 } from "../eventlog/testing.ts";
import { anchors, changed, haveVectors, NOW, platform, quoteOf, REPORT_DATA, rejectionId, SEED, vector, vectorText } from "./testing.ts";

const collateral = parseBundle(platform.bundle());
const verifier = tdxVerifier({ collateral: () => collateral, expired: "reject" });
const binding = { reportData: REPORT_DATA };
const verify = (evidence: JsonObject) => verifier.verify(evidence, binding, anchors, NOW);
const td = createSimulatedTd({ seed: SEED, now: NOW });
const log = simulatedEventLog(td)!;
const evidence = await simulatedTdxAttester(td).evidence(REPORT_DATA);
const withLog = (bytes: Uint8Array): JsonObject => ({ ...evidence, cc_eventlog: bytes.toBase64() });
const event = (content: string) => aaelEvent({ domain: "example.com", operation: "load-config", content }, SHA384);

function extended(before: SimulatedTd, content: string): SimulatedTd {
  const { data, digest } = event(content);
  return extendSimulatedTd(before, 3, digest, { type: EVENT_TYPE.EV_EVENT_TAG, data });
}

describe("TDX evidence with an event log", () => {
  test("gives upstream's claims, what the log proves, and apart from that what it says", async () => {
    const { members } = await verify(evidence);
    expect(members["uefi_event_logs"]).toEqual(eventLogClaims(parseEventLog(log), SHA384));
    expect(members["measured"]).toMatchObject({ secure_boot: true, runtime_events: [] });
    const measured = members["measured"] as { digests: Record<string, string[]>; texts: Record<string, string> };
    expect(Object.keys(measured.digests)).toEqual(["rtmr_0", "rtmr_1", "rtmr_2", "rtmr_3"]);
    expect(Object.values(measured.texts)).toContainEqual(expect.stringMatching(/^\/boot\/vmlinuz root=.* roothash=[0-9a-f]{64}$/));
    const labels = members["unproved_labels"] as Record<string, string[]>;
    expect(Object.keys(labels).sort()).toEqual(["grub", "initrd", "kernel", "kernel_cmdline", "shim"]);
    expect(measured.digests["rtmr_2"]).toContain(labels["kernel"]![0]!);
  });

  test("shows the events of its run time", async () => {
    const later = extended(extended(td, "sha256:00"), '{"a": 1}');
    const { members } = await verify(await simulatedTdxAttester(later).evidence(REPORT_DATA));
    expect((members["measured"] as JsonObject)["runtime_events"]).toEqual([
      { domain: "example.com", operation: "load-config", content: "sha256:00" },
      { domain: "example.com", operation: "load-config", content: { a: 1 } },
    ]);
  });

  test("ignores what follows the log's terminator", async () => {
    const appended = joined(log, encodeLogEvent(record({ index: 3, data: utf8("after the end") })));
    expect((await verify(withLog(appended))).members).toEqual((await verify(evidence)).members);
  });

  test("is a mismatch that names the register, what the quote has and what the log leads to", async () => {
    const { events, usedBytes } = parseEventLog(log);
    const last = encodeLogEvent(events.at(-1)!).length;
    const dropped = joinEventLog(log.subarray(0, usedBytes - last), undefined)!;
    const error = await asyncRejection(verify(withLog(dropped)));
    expect(error).toMatchObject({ id: "tdx.event-log-mismatch", expected: td.rtmrs[1]!.toHex() });
    expect(error.message).toContain("RTMR1");
    expect(error.got).toMatch(/^[0-9a-f]{96}$/);
    expect(error.got).not.toBe(error.expected);
  });

  test("is a mismatch for each changed digest bit, added, moved or dropped record", async () => {
    const { events, usedBytes } = parseEventLog(log);
    const head = log.subarray(0, usedBytes - events.reduce((sum, one) => sum + encodeLogEvent(one).length, 0));
    const refused = (records: readonly (typeof events)[number][]) =>
      rejectionId(verify(withLog(joinEventLog(joined(head, ...records.map(encodeLogEvent)), undefined)!)));
    expect(await refused(events)).toBeUndefined();
    for (const [at, one] of events.entries()) {
      const digests = [
        { algorithm: "SHA-384" as const, digest: changed(one.digests[0]!.digest, (copy) => copy.set([copy[47]! ^ 0x80], 47)) },
      ];
      expect(await refused(events.with(at, { ...one, digests }))).toBe("tdx.event-log-mismatch");
      expect(await refused(events.toSpliced(at, 1))).toBe("tdx.event-log-mismatch");
      expect(await refused(events.with(at, { ...one, index: (one.index % 4) + 1 }))).toBe("tdx.event-log-mismatch");
      expect(await refused(events.with(at, { ...one, type: EVENT_TYPE.EV_NO_ACTION }))).toBe("tdx.event-log-mismatch");
    }
    expect(await refused([...events, record({ index: 4, data: event("unmeasured").data })])).toBe("tdx.event-log-mismatch");
  });

  test("of another machine is a mismatch", async () => {
    const other = simulatedEventLog(createSimulatedTd({ seed: SEED, now: NOW, software: "another" }))!;
    expect(await rejectionId(verify(withLog(other)))).toBe("tdx.event-log-mismatch");
  });

  test("is refused where the log is none, cut short, or no base64", async () => {
    for (const bytes of [utf8("no log"), log.subarray(0, 100), log.subarray(0, -20), new Uint8Array(100)]) {
      expect(await rejectionId(verify(withLog(bytes)))).toBe("tdx.event-log-malformed");
    }
    for (const text of ["AAA", "no base64", "AAAA\n"]) {
      expect(await rejectionId(verify({ ...evidence, cc_eventlog: text }))).toBe("tdx.evidence-malformed");
    }
    expect(await rejectionId(verify({ ...evidence, cc_eventlog: "A".repeat(6 * 1024 * 1024) }))).toBe("tdx.evidence-malformed");
  });

  test("is looked at only after the quote's own signatures hold, and before collateral is asked for", async () => {
    const forged = changed(quoteOf(), (copy) => copy.set([copy[376]! ^ 1], 376));
    expect(await rejectionId(verify({ quote: forged.toBase64(), cc_eventlog: "AAAA" }))).toBe("tdx.quote-signature-invalid");
    let asked = 0;
    const counted = () => {
      asked++;
      return collateral;
    };
    const counting = tdxVerifier({ collateral: counted, expired: "reject" });
    expect(await rejectionId(counting.verify(withLog(utf8("no log")), binding, anchors, NOW))).toBe("tdx.event-log-malformed");
    expect(asked).toBe(0);
  });

  test.skipIf(!haveVectors)("of a real machine replays to its quote, with and without its platform's root", async () => {
    const quote = vector("quotes/tdx-v4-00806f05-google-cos113.bin");
    const real = parseBundle(vectorText("collateral/dcaprs-tdx-00806f05-2025-02.json"));
    const evidenceOf = (bytes: Uint8Array) => ({ quote: quote.toBase64(), cc_eventlog: bytes.toBase64() });
    const options = { reportData: quote.slice(568, 632) };
    const at = Date.parse("2025-02-15T00:00:00Z") / 1000;
    const real113 = tdxVerifier({ collateral: () => real, expired: "reject" });
    const ccel = vector("ccel/cos113.bin");
    const { members } = await real113.verify(evidenceOf(ccel), options, builtInAnchors(), at);
    expect(members["uefi_event_logs"]).toHaveLength(43);
    expect(members["measured"]).toMatchObject({ secure_boot: false, runtime_events: [] });
    const flipped = changed(ccel, (copy) => copy.set([copy[100]! ^ 1], 100));
    expect(await rejectionId(real113.verify(evidenceOf(flipped), options, builtInAnchors(), at))).toBe("tdx.event-log-mismatch");
    const another = vector("ccel/gcp.bin");
    expect(await rejectionId(real113.verify(evidenceOf(another), options, builtInAnchors(), at))).toBe("tdx.event-log-mismatch");
    expect(await rejectionId(real113.verify(evidenceOf(ccel), options, anchors, at))).toBe("tdx.untrusted-root");
  });
});

test("a simulated platform's own quotes without a log say nothing of events", async () => {
  const quote = platformOf(td).quote({ reportData: REPORT_DATA, mrTd: td.mrTd, rtmrs: td.rtmrs });
  const { members } = await verify({ quote: quote.toBase64(), cc_eventlog: null });
  expect(Object.keys(members)).not.toContain("measured");
});
