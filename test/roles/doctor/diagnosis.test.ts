import { afterAll, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { diagnose } from "../../../src/roles/doctor/diagnosis.ts";
import { Machine } from "../../../src/roles/doctor/machine.ts";
import { diagnosisJson, diagnosisText } from "../../../src/roles/doctor/report.ts";
import { aaelEvent, encodeLogEvent, SHA384 } from "../../../src/tee/eventlog/index.ts";
import { extended } from "../../tee/tdx/attest/fakes/fake-guest.ts";
import { canMount, GuestKernel } from "../../tee/tdx/attest/fakes/guest-kernel.ts";
import { QgsServer } from "../../tee/tdx/attest/fakes/qgs-server.ts";
import { finding, kinds, machineWith, removeMachines } from "./fake-machine.ts";

afterAll(removeMachines);
const subject = (machine: Machine) => ({
  machine,
  fuse: { available: true },
  now: 1_768_003_200,
  reportData: new Uint8Array(randomBytes(64)),
});

describe("the diagnosis of an ordinary machine", () => {
  test("claims no level, and says of each way to a quote why there is none", async () => {
    const diagnosis = await diagnose(subject(machineWith({ "/proc/sys/kernel/osrelease": "6.18.0" })));
    expect(diagnosis.assurance).toEqual({ level: "none", lacks: ["this machine is no TEE that evidence can be had from"] });
    expect(finding(diagnosis.findings, "platform.none").severity).toBe("problem");
    for (const id of ["quote.configfs", "quote.vsock", "quote.ioctl"]) {
      const { severity, mend } = finding(diagnosis.findings, id);
      expect([severity, mend]).toEqual(["info", undefined]);
    }
    expect(diagnosis.failed).toEqual([]);
    const text = diagnosisText(diagnosis);
    expect(text).toContain("no level: a verdict about this machine would prove nothing");
    expect(text).toContain("1 problem");
  });

  test("says first what matters most", async () => {
    const { findings } = await diagnose(subject(machineWith({ "/proc/1/comm": "sshd" })));
    const severities = findings.map(({ severity }) => severity).filter((severity, i, all) => severity !== all[i - 1]);
    expect(severities).toEqual(["problem", "warning", "info", "ok"]);
  });

  test("takes a processor that says TDX guest for one whose ways to a quote want mending", async () => {
    const { findings, assurance } = await diagnose(subject(machineWith({ "/proc/cpuinfo": "flags\t\t: fpu tdx_guest\n" })));
    for (const id of ["platform.tdx-device-missing", "quote.configfs", "configfs.mounted"])
      expect([finding(findings, id).severity, typeof finding(findings, id).mend]).toEqual(["problem", "string"]);
    expect(assurance).toEqual({ level: "none", lacks: ["no quote can be had, so nothing about this machine can be proved"] });
  });

  test("has for each finding an id of its own, one sentence, and a mend unless nothing has to be done", async () => {
    const { findings } = await diagnose(subject(machineWith({ "/proc/1/comm": "sshd", "/usr/bin/cloud-init": "" })));
    expect(new Set(findings.map(({ id }) => id)).size).toBe(findings.length);
    for (const { id, severity, message, mend } of findings) {
      expect(id).toMatch(/^[a-z]+\.[a-z-]+$/);
      expect(message).not.toMatch(/\n|\.$/);
      if (severity === "problem" || severity === "warning")
        expect([id, typeof mend]).toEqual(["kernel.version", "undefined"].includes(id) ? [id, typeof mend] : [id, "string"]);
    }
  });

  test("goes on where one check fails, says so, and does not take that for a good sign", async () => {
    class Broken extends Machine {
      override programs(): Set<string> {
        throw new Error("the process table is gone");
      }
    }
    const { findings, failed, assurance } = await diagnose(subject(new Broken(machineWith().root)));
    expect(failed).toEqual(["access"]);
    expect(finding(findings, "access.check-failed").message).toContain("the process table is gone");
    expect(kinds(findings)).toContain("access.unknown problem");
    expect(kinds(findings)).toContain("clock.plausible ok");
    expect(assurance.level).toBe("none");
  });
});

describe.skipIf(!canMount)("the diagnosis of a TDX guest", () => {
  const { data, digest } = aaelEvent({ domain: "cai", operation: "instance", content: "x" }, SHA384);
  const runtimeLog = encodeLogEvent({ index: 4, type: 6, digests: [{ algorithm: "SHA-384", digest }], data });
  const zero = new Uint8Array(48);
  const qgs = new QgsServer();
  const kernels: GuestKernel[] = [];
  afterAll(async () => {
    qgs.stop();
    for (const kernel of kernels) await kernel.stop();
  });
  const start = (...args: Parameters<typeof GuestKernel.start>) => {
    const kernel = GuestKernel.start(...args);
    kernels.push(kernel);
    return kernel;
  };

  test("finds the way that works, and reaches L1 at most on a stock image", async () => {
    const { findings, assurance } = await diagnose(subject(new Machine(start().root)));
    expect(kinds(findings)).toEqual(
      expect.arrayContaining([
        "platform.tdx ok",
        "quote.configfs ok",
        "quote.vsock info",
        "quote.ioctl info",
        "registers.read ok",
        "registers.extend ok",
        "log.boot info",
      ]),
    );
    expect(assurance.level).toBe("L1");
    expect(kinds(findings)).not.toContain("configfs.mounted problem");
  });

  test("tries the service and the device too, and changes no register by that", async () => {
    const kernel = start({ configfs: false, measurements: false });
    const { findings } = await diagnose({ ...subject(new Machine(kernel.root)), qgs: qgs.address });
    expect(kinds(findings)).toEqual(
      expect.arrayContaining(["quote.configfs info", "quote.vsock ok", "registers.read ok", "registers.extend info"]),
    );
    expect(kernel.steps.filter((step) => step.includes("0x40315403") || step.startsWith("extend"))).toEqual([]);
  });

  test("says whether the event log replays to the registers", async () => {
    const good = start({ runtimeLog }, [zero, zero, zero, extended(zero, digest)]);
    const replayed = await diagnose(subject(new Machine(good.root)));
    expect(kinds(replayed.findings)).toEqual(expect.arrayContaining(["log.boot ok", "log.replays ok"]));
    // Nothing was measured at boot there, so a quote shows the hardware only.
    expect(replayed.assurance.level).toBe("L0");
    const bad = start({ runtimeLog }, [zero, zero, zero, zero]);
    expect(finding((await diagnose(subject(new Machine(bad.root)))).findings, "log.replays")).toMatchObject({
      severity: "problem",
      message: expect.stringContaining("RTMR3"),
    });
  });

  test("says what is wrong where no way works, and then claims no level", async () => {
    const kernel = start();
    kernel.faults.set("outblobIo", 1_000);
    const { findings, assurance } = await diagnose(subject(new Machine(kernel.root)));
    expect(finding(findings, "quote.configfs")).toMatchObject({
      severity: "problem",
      message: expect.stringContaining("the host refuses"),
    });
    expect(assurance).toEqual({ level: "none", lacks: ["no quote can be had, so nothing about this machine can be proved"] });
  });

  test("is a document for programs", async () => {
    const json = diagnosisJson(await diagnose(subject(new Machine(kernels[0]!.root))));
    expect(json).toMatchObject({ assurance: { reachable: "L1", lacks: [expect.any(String)] }, failed_checks: [] });
  });
});
