import { afterAll, afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Errno, type ErrorId, type JsonObject, SystemError } from "../../../../src/system/index.ts";
import {
  aaelEvent,
  encodeLogEvent,
  encodeLogHeader,
  joinEventLog,
  parseEventLog,
  replayEventLog,
  SHA384,
} from "../../../../src/tee/eventlog/index.ts";
import { parseQuote, type QuoteSourceName, type TdxAttesterOptions, tdxAttester, tdxPaths } from "../../../../src/tee/tdx/index.ts";
import { asyncRejection } from "../../../rejection.ts";
import { haveVectors, REPORT_DATA, vector } from "../testing.ts";
import { acpiTable } from "./fakes/acpi-table.ts";
import { deviceOf, FakeCalls, type FakeCallsOptions } from "./fakes/device-calls.ts";
import { FakeGuest } from "./fakes/fake-guest.ts";
import { canMount, GuestKernel } from "./fakes/guest-kernel.ts";
import { answerTo, type QgsFault, QgsServer } from "./fakes/qgs-server.ts";

const quoteIn = (evidence: JsonObject) => parseQuote(Buffer.from(String(evidence["quote"]), "base64")).body;
const reportDataIn = (evidence: JsonObject) => quoteIn(evidence).report.reportData;
const logIn = (evidence: JsonObject) => Buffer.from(String(evidence["cc_eventlog"]), "base64");
const address = { kind: "vsock", cid: 2, port: 4050 } as const;

/** A machine that is a folder with these files below it, its guest device behind the border to the foreign function. */
function machine(files: Record<string, string | Uint8Array> = {}, calls: FakeCallsOptions | "no device" = {}) {
  const root = mkdtempSync(join(tmpdir(), "cai-machine-"));
  afterAll(() => rmSync(root, { recursive: true, force: true }));
  const path = (name: string) => join(root, name);
  for (const [name, content] of Object.entries(files)) writeFileSync(path(name), content);
  if (calls !== "no device") writeFileSync(path("tdx_guest"), "");
  const guest = new FakeGuest();
  const recorded = new FakeCalls(guest, calls === "no device" ? {} : calls);
  const paths = {
    configfsRoot: path("report"),
    devicePaths: [path("tdx_guest"), path("tdx-attest")],
    sysfsMeasurements: path("measurements"),
    ccelTable: path("CCEL"),
    ccelData: path("CCEL-data"),
    qgsConfig: path("tdx-attest.conf"),
    runtimeLog: path("eventlog"),
  };
  const make = (options: TdxAttesterOptions = {}) => tdxAttester({ paths, openDevice: () => deviceOf(recorded), ...options });
  return { guest, calls: recorded.calls, path, make };
}

describe("the attester of a TDX guest", () => {
  test("detects a guest device, by whichever name it has", async () => {
    expect(await machine().make().detect()).toBe(true);
    expect(await machine({ "tdx-attest": "" }, "no device").make().detect()).toBe(true);
    expect(await machine({}, "no device").make().detect()).toBe(false);
  });

  test("looks at the usual paths, or at the same ones below another folder", () => {
    expect(tdxPaths().devicePaths).toEqual(["/dev/tdx_guest", "/dev/tdx-guest", "/dev/tdx-attest"]);
    expect(tdxPaths("/host/").configfsRoot).toBe("/host/sys/kernel/config/tsm/report");
  });

  test("asks the configured service on the host where there is no configfs-tsm", async () => {
    const asked: unknown[] = [];
    const connect = async (to: unknown, message: Uint8Array) => {
      asked.push(to);
      return answerTo(message).subarray(4);
    };
    const evidence = await machine({ "tdx-attest.conf": "port = 4050" }).make({ connect }).evidence(REPORT_DATA);
    expect(reportDataIn(evidence)).toEqual(REPORT_DATA);
    expect(asked).toEqual([address]);
    expect(evidence["cc_eventlog"]).toBe(null);
  });

  test("asks the vendor kernel's own call where neither is there", async () => {
    const { make, calls } = machine();
    expect(reportDataIn(await make().evidence(REPORT_DATA))).toEqual(REPORT_DATA);
    expect(calls.map(({ request }) => request)).toEqual([0xc4405401, 0x80105404]);
  });

  test("passes on no quote of another machine over the same report data, by whichever way it comes", async () => {
    // The first and last byte of MRTD, the digest of the init data, and the last byte of the last register.
    for (const at of [528, 575, 576, 911]) {
      const fault = { kind: "machine", at } as const;
      const connect = async (_: unknown, message: Uint8Array) => answerTo(message, fault).subarray(4);
      const vsock = machine().make({ source: "vsock", qgs: address, connect });
      const guest = deviceOf(new FakeCalls(new FakeGuest()));
      const openDevice = () => ({ ...guest, exchange: async (message: Uint8Array) => answerTo(message, fault).subarray(4) });
      const ioctl = machine().make({ source: "ioctl", openDevice });
      for (const attester of [vsock, ioctl])
        expect([at, (await asyncRejection(attester.evidence(REPORT_DATA))).id]).toEqual([at, "tdx.quote-implausible"]);
    }
  });

  test("says what every way lacks where none works", async () => {
    const { id, message } = await asyncRejection(machine({}, "no device").make().evidence(REPORT_DATA));
    expect(id).toBe("tdx.quote-unavailable");
    for (const part of ["configfs: tdx.configfs-unusable", "vsock: tdx.qgs-unreachable", "ioctl: tdx.device-unusable"])
      expect(message).toContain(part);
  });

  test("tries the one way that is set, and says what that lacks", async () => {
    for (const [source, id] of [
      ["configfs", "tdx.configfs-unusable"],
      ["vsock", "tdx.qgs-unreachable"],
    ] as const) {
      expect((await asyncRejection(machine().make({ source }).evidence(REPORT_DATA))).id).toBe(id);
    }
    expect(reportDataIn(await machine().make({ source: "ioctl" }).evidence(REPORT_DATA))).toEqual(REPORT_DATA);
  });

  test("refuses report data of other than 64 bytes, whichever way is set", async () => {
    for (const source of ["auto", "configfs", "vsock", "ioctl"] as const) {
      for (const size of [0, 48, 63, 65]) {
        const { make, calls } = machine();
        expect((await asyncRejection(make({ source }).evidence(new Uint8Array(size)))).id).toBe("tdx.report-data-length");
        expect(calls).toEqual([]);
      }
    }
  });

  test("makes one quote for all who ask over the same report data at once", async () => {
    const { make, calls } = machine();
    const attester = make();
    const all = await Promise.all(Array.from({ length: 20 }, () => attester.evidence(REPORT_DATA)));
    expect(new Set(all).size).toBe(1);
    expect(calls).toHaveLength(2);
  });

  test("says what a device that fails, or is none, does", async () => {
    const failing = (calls: FakeCallsOptions, source: QuoteSourceName = "ioctl") =>
      asyncRejection(machine({ "tdx-attest.conf": "port = 4050" }, calls).make({ source }).evidence(REPORT_DATA));
    expect(await failing({ errno: "EACCES" })).toMatchObject({ id: "tdx.device-unusable", got: expect.stringContaining("root") });
    expect((await failing({ errno: "EIO" }, "vsock")).id).toBe("tdx.device-unusable");
    expect((await failing({ errno: "ETIMEDOUT" })).id).toBe("tdx.quote-timeout");
    expect(await failing({ knows: [0xc4405401] })).toMatchObject({ id: "tdx.device-unusable", got: expect.stringContaining("ENOTTY") });
    const { make } = machine();
    const other = make({ openDevice: () => ({ ...deviceOf(new FakeCalls(new FakeGuest())), report: async () => new Uint8Array(1024) }) });
    expect((await asyncRejection(other.evidence(REPORT_DATA))).id).toBe("tdx.quote-unavailable");
    const only = make({
      source: "ioctl",
      openDevice: () => ({ ...deviceOf(new FakeCalls(new FakeGuest())), report: async () => new Uint8Array(1024) }),
    });
    expect((await asyncRejection(only.evidence(REPORT_DATA))).id).toBe("tdx.tdreport-malformed");
  });

  test("says that a service cannot be reached, or takes too long", async () => {
    for (const [errno, id] of [
      ["ECONNREFUSED", "tdx.qgs-unreachable"],
      ["EAFNOSUPPORT", "tdx.qgs-unreachable"],
      ["ETIMEDOUT", "tdx.quote-timeout"],
    ] as const) {
      const connect = () => Promise.reject(new SystemError("connect", Errno[errno]));
      expect((await asyncRejection(machine().make({ source: "vsock", qgs: address, connect }).evidence(REPORT_DATA))).id).toBe(id);
    }
  });
});

describe("the event log in the evidence", () => {
  const { data, digest } = aaelEvent({ domain: "cai", operation: "model", content: "sha256:00" }, SHA384);
  const record = encodeLogEvent({ index: 4, type: 6, digests: [{ algorithm: "SHA-384", digest }], data });

  test("is the runtime log behind the fixed header where firmware has none, and replays to the registers of the quote", async () => {
    const { make, guest } = machine({ eventlog: record });
    guest.rtmrs[3] = new Uint8Array(48);
    const attester = make();
    await attester.extend(3, digest);
    const evidence = await attester.evidence(REPORT_DATA);
    expect(logIn(evidence).toHex()).toBe(Buffer.concat([encodeLogHeader(), record, new Uint8Array(8).fill(0xff)]).toHex());
    const { body } = parseQuote(Buffer.from(String(evidence["quote"]), "base64"));
    expect(body.kind === "td" && body.report.rtmr3.toHex()).toBe(
      replayEventLog(parseEventLog(logIn(evidence)), SHA384)
        .get(4)!
        .toHex(),
    );
  });

  test.skipIf(!haveVectors)("is the firmware's up to its terminator, then the runtime log's, where there are both", async () => {
    const area = Buffer.concat([vector("ccel/cos113.bin"), new Uint8Array(1000).fill(0xff)]);
    const { make } = machine({ CCEL: acpiTable(area.length), "CCEL-data": area, eventlog: record });
    const log = logIn(await make().evidence(REPORT_DATA));
    expect(log.toHex()).toBe(Buffer.from(joinEventLog(area, record)!).toHex());
    expect(parseEventLog(log).events).toHaveLength(parseEventLog(area).events.length + 1);
  });

  test("that is no log stops the evidence, for a verifier would refuse it anyway", async () => {
    expect(
      (
        await asyncRejection(
          machine({ eventlog: record.subarray(1) })
            .make()
            .evidence(REPORT_DATA),
        )
      ).id,
    ).toBe("eventlog.malformed");
    expect((await asyncRejection(machine({ CCEL: "" }).make().evidence(REPORT_DATA))).id).toBe("tdx.ccel-malformed");
  });

  test("is of the same moment as the quote: a record that comes meanwhile gives both anew", async () => {
    const { make, path, calls } = machine({ eventlog: record });
    let quotes = 0;
    const attester = make({
      qgs: address,
      connect: async (_, message) => {
        if (++quotes === 1) writeFileSync(path("eventlog"), Buffer.concat([record, record]));
        return answerTo(message).subarray(4);
      },
    });
    expect(parseEventLog(logIn(await attester.evidence(REPORT_DATA))).events).toHaveLength(2);
    expect([quotes, calls.length]).toEqual([2, 2]);
  });
});

describe.skipIf(!canMount)("an attester over a fake kernel", () => {
  const kernel = canMount ? GuestKernel.start() : undefined!;
  const plain = canMount ? GuestKernel.start({ configfs: false, measurements: false }) : undefined!;
  const qgs = new QgsServer();
  afterAll(async () => {
    qgs.stop();
    await kernel?.stop();
    await plain?.stop();
  });
  afterEach(() => {
    qgs.fault = undefined;
  });

  test("gives evidence whose next quote shows an extended register", async () => {
    const attester = tdxAttester({ paths: { ...kernel.paths, devicePaths: [] } });
    expect(await attester.detect()).toBe(true);
    const register = async () => {
      const { report } = quoteIn(await attester.evidence(REPORT_DATA));
      return "rtmr3" in report ? report.rtmr3.toHex() : undefined;
    };
    const before = await register();
    await attester.extend(3, new Uint8Array(48).fill(1));
    expect(await register()).not.toBe(before);
    expect(await register()).toBe((await attester.rtmrs.read(3)).toHex());
  });

  test("works by real ioctl calls and a real socket, on threads", async () => {
    const attester = tdxAttester({ paths: plain.paths, qgs: qgs.address });
    expect(reportDataIn(await attester.evidence(REPORT_DATA))).toEqual(REPORT_DATA);
    qgs.fault = { kind: "trickle" };
    expect(reportDataIn(await attester.evidence(REPORT_DATA))).toEqual(REPORT_DATA);
    await attester.extend(2, new Uint8Array(48).fill(1));
    expect(plain.steps).toContain("ioctl 0x40315403");
    expect((await attester.rtmrs.read(2)).length).toBe(48);
    expect((await asyncRejection(tdxAttester({ paths: plain.paths, source: "ioctl" }).evidence(REPORT_DATA))).id).toBe(
      "tdx.device-unusable",
    );
  });

  test("takes nothing else from the service for a quote", async () => {
    const attester = tdxAttester({ paths: plain.paths, qgs: qgs.address, source: "vsock" });
    const faults: readonly (readonly [QgsFault, ErrorId])[] = [
      [{ kind: "error", code: 0x12003 }, "tdx.qgs-refused"],
      [{ kind: "type", type: 3 }, "tdx.qgs-malformed"],
      [{ kind: "major", major: 2 }, "tdx.qgs-malformed"],
      [{ kind: "size", by: 1 }, "tdx.qgs-malformed"],
      [{ kind: "quote-size", by: -1 }, "tdx.qgs-malformed"],
      [{ kind: "frame", length: 20 }, "tdx.qgs-malformed"],
      [{ kind: "frame", length: 2 ** 31 }, "tdx.qgs-malformed"],
      [{ kind: "cut", after: 0 }, "tdx.qgs-malformed"],
      [{ kind: "cut", after: 3 }, "tdx.qgs-malformed"],
      [{ kind: "cut", after: 2000 }, "tdx.qgs-malformed"],
      [{ kind: "other" }, "tdx.quote-implausible"],
    ];
    for (const [fault, id] of faults) {
      qgs.fault = fault;
      expect([fault, (await asyncRejection(attester.evidence(REPORT_DATA))).id]).toEqual([fault, id]);
    }
  });
});
