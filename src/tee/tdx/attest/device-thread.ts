import { CaiError, Errno, SystemError, startWorker } from "../../../system/index.ts";
import type { DeviceOrder, DeviceReply } from "./device-worker.ts";

/**
 * Runs one order on a thread that is started for it and ended after it, so that the event loop stays free and a call that hangs can be given up.
 *
 * @param timeoutMs  milliseconds until the call is given up
 * @throws SystemError of the call, `ETIMEDOUT` where it was given up; CaiError that the order leads to
 */
export async function onDeviceThread(order: DeviceOrder, timeoutMs: number): Promise<Uint8Array> {
  const worker = startWorker("tee/tdx/attest/device-worker.ts");
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    return bytesOf(
      await new Promise<DeviceReply>((resolve, reject) => {
        worker.onmessage = ({ data }: MessageEvent<DeviceReply>) => resolve(data);
        worker.onerror = (event) => reject(new Error(event.message));
        timer = setTimeout(() => resolve({ kind: "system-error", syscall: order.kind, errno: Errno.ETIMEDOUT }), timeoutMs);
        worker.postMessage(order);
      }),
    );
  } finally {
    clearTimeout(timer);
    worker.terminate();
  }
}

function bytesOf(reply: DeviceReply): Uint8Array {
  switch (reply.kind) {
    case "done":
      return reply.bytes;
    case "system-error":
      throw new SystemError(reply.syscall, reply.errno);
    case "refused":
      throw new CaiError(reply.error.id, reply.error.message, reply.error);
  }
}
