import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createRtmrs } from "../../../../src/tee/tdx/attest/rtmr.ts";
import { asyncRejection } from "../../../rejection.ts";
import { deviceOf, FakeCalls, type FakeCallsOptions } from "./fakes/device-calls.ts";
import { extended, FakeGuest } from "./fakes/fake-guest.ts";
import { canMount, GuestKernel } from "./fakes/guest-kernel.ts";

const digest = new Uint8Array(48).fill(3);
const NOWHERE = "/nonexistent/measurements";

/** Registers behind a guest device in this thread. */
function throughDevice(options: FakeCallsOptions = {}) {
  const guest = new FakeGuest();
  const calls = new FakeCalls(guest, options);
  return { guest, calls, rtmrs: createRtmrs({ measurements: NOWHERE, device: async () => deviceOf(calls) }) };
}

describe("registers", () => {
  test("other than 2 and 3 are not extended, and other than 0 to 3 are not read", async () => {
    const { rtmrs, calls } = throughDevice();
    for (const register of [0, 1, 4, -1, 2.5, Number.NaN])
      expect((await asyncRejection(rtmrs.extend(register, digest))).id).toBe("tdx.rtmr-register");
    for (const register of [-1, 4, 0.5]) expect((await asyncRejection(rtmrs.read(register))).id).toBe("tdx.rtmr-register");
    expect(calls.calls).toEqual([]);
  });

  test("are extended by 48 bytes only", async () => {
    for (const size of [0, 47, 49]) {
      expect((await asyncRejection(throughDevice().rtmrs.extend(3, new Uint8Array(size)))).id).toBe("tdx.rtmr-digest-length");
    }
  });

  test("are read and extended through the guest device where the kernel has no files", async () => {
    const { rtmrs, guest } = throughDevice();
    const before = await rtmrs.read(2);
    await rtmrs.extend(2, digest);
    expect((await rtmrs.read(2)).toHex()).toBe(extended(before, digest).toHex());
    expect(guest.rtmrs[2]?.toHex()).toBe(extended(before, digest).toHex());
  });

  test("that nothing gives access to are said to be unavailable", async () => {
    const without = createRtmrs({ measurements: NOWHERE, device: async () => undefined });
    expect((await asyncRejection(without.read(0))).id).toBe("tdx.rtmr-unavailable");
    expect((await asyncRejection(without.extend(3, digest))).id).toBe("tdx.rtmr-unavailable");
    expect((await asyncRejection(throughDevice({ knows: [] }).rtmrs.extend(3, digest))).id).toBe("tdx.rtmr-unavailable");
    expect((await asyncRejection(throughDevice({ knows: [] }).rtmrs.read(3))).id).toBe("tdx.device-unusable");
  });

  test("that the kernel does not let be touched say why", async () => {
    for (const [errno, words] of [
      ["EACCES", "only root"],
      ["EPERM", "only root"],
      ["EINVAL", "does not let this register"],
      ["EIO", "EIO"],
    ] as const) {
      const { id, got } = await asyncRejection(throughDevice({ errno }).rtmrs.extend(3, digest));
      expect([id, got]).toEqual(["tdx.rtmr-refused", expect.stringContaining(words)]);
    }
  });

  test("in files of another size are not taken for registers", async () => {
    const measurements = mkdtempSync(join(tmpdir(), "cai-registers-"));
    const rtmrs = createRtmrs({ measurements, device: async () => undefined });
    for (const size of [0, 47, 49]) {
      writeFileSync(join(measurements, "rtmr3:sha384"), new Uint8Array(size));
      expect((await asyncRejection(rtmrs.read(3))).id).toBe("tdx.rtmr-unavailable");
    }
    mkdirSync(join(measurements, "rtmr2:sha384"));
    expect((await asyncRejection(rtmrs.read(2))).id).toBe("tdx.rtmr-refused");
    expect((await asyncRejection(rtmrs.extend(2, digest))).id).toBe("tdx.rtmr-refused");
    rmSync(measurements, { recursive: true });
  });
});

describe.skipIf(!canMount)("registers as files", () => {
  const kernel = canMount ? GuestKernel.start() : undefined!;
  afterAll(() => kernel?.stop());

  test("are extended by one write, without the guest device", async () => {
    const rtmrs = createRtmrs({
      measurements: kernel.paths.sysfsMeasurements,
      device: () => Promise.reject(new Error("the guest device was asked for")),
    });
    const before = await rtmrs.read(3);
    await rtmrs.extend(3, digest);
    expect((await rtmrs.read(3)).toHex()).toBe(extended(before, digest).toHex());
    expect(kernel.steps).toEqual(["extend 3"]);
  });
});
