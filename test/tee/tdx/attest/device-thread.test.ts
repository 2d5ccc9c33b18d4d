import { afterAll, describe, expect, test } from "bun:test";
import { SystemError } from "../../../../src/system/index.ts";
import { onDeviceThread } from "../../../../src/tee/tdx/attest/device-thread.ts";
import { asyncRejection } from "../../../rejection.ts";
import { REPORT_DATA } from "../testing.ts";
import { QgsServer } from "./fakes/qgs-server.ts";

describe("a call on a thread of its own", () => {
  const qgs = new QgsServer();
  afterAll(() => qgs.stop());
  const message = new Uint8Array(4);
  const code = (call: Promise<unknown>) =>
    call.then(
      () => undefined,
      (error) => (error instanceof SystemError ? error.code : error),
    );

  test("is given up by itself, and where it hangs by whoever waits", async () => {
    qgs.fault = { kind: "silent" };
    const silent = (timeoutMs: number) => ({ kind: "exchange", address: qgs.address, message, timeoutMs }) as const;
    expect(await code(onDeviceThread(silent(20), 30_000))).toBe("ETIMEDOUT");
    expect(await code(onDeviceThread(silent(30_000), 20))).toBe("ETIMEDOUT");
  });

  test("fails as the call fails, with the system's error or this program's", async () => {
    const missing = { kind: "report", device: "/nonexistent/tdx_guest", reportData: REPORT_DATA } as const;
    expect(await code(onDeviceThread(missing, 30_000))).toBe("ENOENT");
    const notADevice = { kind: "report", device: "/dev/null", reportData: REPORT_DATA } as const;
    expect(await code(onDeviceThread(notADevice, 30_000))).toBe("ENOTTY");
    const noDevice = { kind: "quote", device: "/dev/null", message } as const;
    expect(await code(onDeviceThread(noDevice, 30_000))).toBe("ENOTTY");
    qgs.fault = { kind: "cut", after: 2 };
    const cut = { kind: "exchange", address: qgs.address, message, timeoutMs: 30_000 } as const;
    const { id, got, expected } = await asyncRejection(onDeviceThread(cut, 30_000));
    expect([id, got, expected]).toEqual(["tdx.qgs-malformed", "2 before the end", "4 bytes"]);
  });
});
