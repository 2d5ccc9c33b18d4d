import { afterAll, afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { mkdir, readdir, rmdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { requireTsm, tsmQuote } from "../../../../src/tee/tdx/attest/tsm-quote.ts";
import { parseQuote } from "../../../../src/tee/tdx/index.ts";
import { asyncRejection } from "../../../rejection.ts";
import { REPORT_DATA } from "../testing.ts";
import { Outblob, Provider } from "./fakes/faults.ts";
import { canMount, GuestKernel } from "./fakes/guest-kernel.ts";

describe.skipIf(!canMount)("a quote through configfs-tsm", () => {
  const kernel = canMount ? GuestKernel.start() : undefined!;
  afterAll(() => kernel?.stop());
  afterEach(() => kernel.faults.clear());
  const root = () => kernel.paths.configfsRoot;
  const waits: number[] = [];
  const ask = (reportData = REPORT_DATA) => {
    waits.length = 0;
    kernel.steps.length = 0;
    const sleep = async (milliseconds: number) => void waits.push(milliseconds);
    return tsmQuote({ root: root(), sleep }, reportData);
  };
  const failure = async () => {
    const { id } = await asyncRejection(ask());
    expect(await readdir(root())).toEqual([]);
    return id;
  };

  test("is asked for in the order of the specification, in an entry that is gone afterwards", async () => {
    const quote = await ask();
    expect(parseQuote(quote).body.report.reportData).toEqual(REPORT_DATA);
    const [entry] = /cai-\d+-[0-9a-f]{24}/.exec(kernel.steps[0] ?? "") ?? [];
    expect(entry).toStartWith(`cai-${process.pid}-`);
    expect(kernel.steps).toEqual([`mkdir ${entry}`, "generation", "inblob 64 at 0", "outblob", "generation", `rmdir ${entry}`]);
    expect(await readdir(root())).toEqual([]);
  });

  test("is refused over other than 64 bytes, before anything is made", async () => {
    for (const size of [0, 48, 63, 65]) {
      expect((await asyncRejection(ask(new Uint8Array(size)))).id).toBe("tdx.report-data-length");
      expect(kernel.steps).toEqual([]);
    }
  });

  test("is waited for where the kernel is busy, three times ten seconds", async () => {
    kernel.faults.set("inblobBusy", 1);
    kernel.faults.set("outblobBusy", 2);
    await ask();
    expect(waits).toEqual([10_000, 10_000, 10_000]);
    kernel.faults.set("outblobBusy", 4);
    expect(await failure()).toBe("tdx.quote-busy");
    expect(waits).toEqual([10_000, 10_000, 10_000]);
    kernel.faults.set("outblobBusy", 0);
    kernel.faults.set("inblobBusy", 9);
    expect(await failure()).toBe("tdx.quote-busy");
  });

  test("is asked for again where the host was too slow, and given up where it stays so", async () => {
    kernel.faults.set("outblobTimeout", 1);
    await ask();
    expect(waits).toEqual([10_000]);
    kernel.faults.set("outblobTimeout", 9);
    expect(await failure()).toBe("tdx.quote-timeout");
  });

  test("is asked for again at once where a signal came between", async () => {
    kernel.faults.set("outblobInterrupted", 3);
    await ask();
    expect(waits).toEqual([]);
  });

  test("is thrown away where somebody else wrote into the entry, and asked for in a new one", async () => {
    kernel.faults.set("raced", 2);
    expect(parseQuote(await ask()).body.report.reportData).toEqual(REPORT_DATA);
    expect(kernel.steps.filter((step) => step.startsWith("mkdir"))).toHaveLength(3);
    kernel.faults.set("raced", 3);
    expect(await failure()).toBe("tdx.quote-raced");
  });

  test("is not taken for one where it is empty, cut, endless, no quote, or over other report data", async () => {
    for (const [what, id] of [
      ["empty", "tdx.quote-unavailable"],
      ["short", "tdx.quote-implausible"],
      ["garbage", "tdx.quote-implausible"],
      ["endless", "tdx.quote-implausible"],
      ["otherReportData", "tdx.quote-implausible"],
    ] as const) {
      kernel.faults.set("outblob", Outblob[what]);
      expect([what, await failure()]).toEqual([what, id]);
    }
  });

  test("that the host or the kernel refuses is said with the reason", async () => {
    kernel.faults.set("outblobIo", 1);
    expect((await asyncRejection(ask())).message).toContain("the host refuses");
    kernel.faults.set("inblobDropped", 1);
    const { id, message } = await asyncRejection(ask());
    expect([id, message]).toEqual(["tdx.quote-unavailable", "the kernel did not take the report data"]);
  });

  test("keeps the event loop free while the host takes its time", async () => {
    kernel.faults.set("hold", 1);
    const held = kernel.next("held");
    let over = false;
    const quote = ask().finally(() => {
      over = true;
    });
    await held;
    // Turns of the loop, and another file read through the same pool of threads, go on while the read hangs in the kernel.
    for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(await Bun.file("/proc/self/comm").text()).not.toBe("");
    expect(over).toBe(false);
    kernel.faults.set("hold", 0);
    await quote;
  });

  test("is not asked of another TEE's driver, or of none", async () => {
    kernel.faults.set("provider", Provider.sev);
    const other = await asyncRejection(requireTsm(root()));
    expect([other.id, other.expected, other.got]).toEqual(["tdx.configfs-unusable", "tdx_guest", "sev_guest"]);
    expect(await failure()).toBe("tdx.configfs-unusable");
    kernel.faults.set("provider", Provider.none);
    expect((await asyncRejection(ask())).got).toContain("modprobe tdx_guest");
  });

  test("removes what killed processes left behind, and nothing else", async () => {
    const child = Bun.spawn(["true"]);
    await child.exited;
    await ask();
    const namespace = kernel.steps[0]!.split("-")[2]!.slice(0, 8);
    const random = "0123456789abcdef";
    const stale = `cai-${child.pid}-${namespace}${random}`;
    const others = [
      `cai-${process.pid}-${namespace}${random}`,
      `cai-${child.pid}-00000000${random}`,
      `cai-${child.pid}-${namespace}`,
      "com.intel.dcap",
      `other-${child.pid}-${namespace}${random}`,
    ];
    for (const name of [stale, ...others]) await mkdir(join(root(), name));
    await ask();
    expect((await readdir(root())).sort()).toEqual(others.toSorted());
    for (const name of others) await rmdir(join(root(), name));
  });
});

describe("configfs-tsm that is not there", () => {
  const sleep = async () => {};

  test("is said to be missing, with what mends it", async () => {
    const folder = mkdtempSync(join(tmpdir(), "cai-no-configfs-"));
    const { id, got } = await asyncRejection(tsmQuote({ root: join(folder, "report"), sleep }, REPORT_DATA));
    expect([id, got]).toEqual(["tdx.configfs-unusable", expect.stringContaining("mount -t configfs none /sys/kernel/config")]);
    expect((await asyncRejection(requireTsm(join(folder, "report")))).id).toBe("tdx.configfs-unusable");
    rmSync(folder, { recursive: true });
  });

  test("is told from an ordinary folder, which has no attributes", async () => {
    const folder = mkdtempSync(join(tmpdir(), "cai-no-configfs-"));
    expect((await asyncRejection(requireTsm(folder))).id).toBe("tdx.configfs-unusable");
    expect(await readdir(folder)).toEqual([]);
    rmSync(folder, { recursive: true });
  });
});
