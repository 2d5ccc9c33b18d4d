import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import fc from "fast-check";
import type { JsonValue } from "../../../src/system/index.ts";
import { EVENT_TYPE, encodeLogEvent, encodeLogHeader, SHA256 } from "../../../src/tee/eventlog/index.ts";
import type { Claims } from "../../../src/tee/index.ts";
import { sampleDeviceVerifier, sampleVerifier } from "../../../src/tee/sample/index.ts";
import { asyncRejection } from "../../rejection.ts";

const rejectionId = async (work: Promise<unknown>) => (await asyncRejection(work)).id;
const NOW = 1_800_000_000;
const digest = new Uint8Array(48).fill(7);
const filled = new Uint8Array(64);
filled.set(digest);
const report = Buffer.from(digest).toString("base64");
const data = Buffer.from("AAEL runtime event");
const eventDigest = new Uint8Array(createHash("sha256").update(data).digest());

function log(index: number): Uint8Array {
  const digests = [{ algorithm: "SHA-256", digest: eventDigest } as const];
  return Buffer.concat([encodeLogHeader("SHA-256"), encodeLogEvent({ index, type: EVENT_TYPE.EV_IPL, digests, data })]);
}

const register = SHA256.digest(new Uint8Array(32), eventDigest).toHex();
const verify = (evidence: JsonValue, reportData?: Uint8Array, initData?: Uint8Array): Promise<Claims> =>
  sampleVerifier.verify(evidence, { ...(reportData && { reportData }), ...(initData && { initData }) }, [], NOW);

describe("sample evidence", () => {
  test("with a register has the claims of the openanolis family (trustee.md §6.5)", async () => {
    const evidence = { svn: "1", report_data: report, measure_register: register, cc_eventlog: null };
    const claims = await verify(evidence, filled);
    expect(claims.members).toEqual({ svn: "1", report_data: report, measure_register: register, cc_eventlog: null, simulated: true });
    expect(claims).toMatchObject({ tee: "sample", class: "cpu", simulated: true, trustAnchor: null, reportData: report });
  });

  test("without a register has the claims of the other family (trustee.md §6.5)", async () => {
    expect((await verify({ svn: "1", report_data: report }, digest)).members).toEqual({
      svn: "1",
      report_data: report,
      launch_digest: "abcde",
      platform_version: { major: 1, minor: 4 },
      debug: false,
      simulated: true,
    });
  });

  test("shows the log that leads to its register, and of that register only", async () => {
    const both = Buffer.concat([log(1), log(2).subarray(encodeLogHeader("SHA-256").length)]);
    const { members } = await verify({ svn: "1", report_data: report, measure_register: register, cc_eventlog: both.toString("base64") });
    const { uefi_event_logs: events } = members["cc_eventlog"] as { uefi_event_logs: { index: number; digests: object[] }[] };
    expect(events.map(({ index }) => index)).toEqual([1]);
    expect(events[0]?.digests).toEqual([{ alg: "SHA-256", digest: Buffer.from(eventDigest).toString("hex") }]);
  });

  test("binds no init data, so none becomes a claim (security.md I18)", async () => {
    expect((await verify({ svn: "1", report_data: report }, digest, new Uint8Array(48))).initData).toBeNull();
  });

  test("is compared with the report data wherever there is one to compare", async () => {
    const evidence = { svn: "1", report_data: report };
    expect((await verify(evidence)).simulated).toBe(true);
    const other = digest.slice();
    other[47]! ^= 1;
    const long = new Uint8Array(64).fill(7);
    for (const expected of [other, digest.subarray(0, 32), long, new Uint8Array(0)]) {
      expect(await rejectionId(verify(evidence, expected))).toBe("sample.report-data-mismatch");
    }
    expect(await rejectionId(verify({ svn: "1" }, digest))).toBe("sample.report-data-mismatch");
  });

  test.each([
    null,
    7,
    "text",
    [],
    {},
    { svn: 1, report_data: report },
    { svn: "1", report_data: "!" },
    { svn: "1", report_data: "A".repeat(200) },
    { svn: "1", report_data: report, measure_register: "00" },
    { svn: "1", report_data: report, measure_register: "zz".repeat(32) },
    { svn: "1", report_data: report, measure_register: "00".repeat(33) },
    { svn: "1", report_data: report, cc_eventlog: "AAAA" },
    { svn: "1", report_data: report, measure_register: register, cc_eventlog: "?" },
  ])("of another form is refused: %j", async (evidence) => {
    expect(await rejectionId(verify(evidence as JsonValue, digest))).toBe("sample.evidence-malformed");
  });

  test("with a log that is none, or leads elsewhere, is refused", async () => {
    const withLog = (bytes: Uint8Array) =>
      verify({ svn: "1", report_data: report, measure_register: register, cc_eventlog: Buffer.from(bytes).toString("base64") }, digest);
    expect(await rejectionId(withLog(log(1).subarray(0, 40)))).toBe("sample.event-log-malformed");
    expect(await rejectionId(withLog(log(2)))).toBe("sample.event-log-mismatch");
  });

  test("of any other report data is refused", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ minLength: 1, maxLength: 64 }),
        fc.uint8Array({ minLength: 1, maxLength: 64 }),
        async (carried, expected) => {
          const padded = new Uint8Array(expected.length);
          padded.set(carried.subarray(0, expected.length));
          const fits = carried.length <= expected.length && Buffer.compare(padded, expected) === 0;
          const evidence = { svn: "1", report_data: Buffer.from(carried).toString("base64") };
          const outcome = await verify(evidence, expected).then(
            () => "taken",
            () => "refused",
          );
          expect(outcome).toBe(fits ? "taken" : "refused");
        },
      ),
    );
  });
});

describe("evidence of a sample device", () => {
  test("is of class gpu, and compared like any other", async () => {
    const evidence = { svn: "2", report_data: report };
    const claims = await sampleDeviceVerifier.verify(evidence, { reportData: filled }, [], NOW);
    expect(claims).toMatchObject({ tee: "sampledevice", class: "gpu", members: { svn: "2", report_data: report, simulated: true } });
    expect(await rejectionId(sampleDeviceVerifier.verify(evidence, { reportData: new Uint8Array(64) }, [], NOW))).toBe(
      "sample.report-data-mismatch",
    );
    expect(await rejectionId(sampleDeviceVerifier.verify({}, {}, [], NOW))).toBe("sample.evidence-malformed");
  });
});
