/** One system call that may take seconds, on a thread of its own: an ioctl of the TDX guest device, or an exchange over a stream socket. */
import { constants } from "node:fs";
import {
  CaiError,
  closeDescriptor,
  type ErrorId,
  ioctl,
  ioctlBuffer,
  openDevice,
  PinnedMemory,
  Stream,
  type StreamAddress,
  SystemError,
} from "../../../system/index.ts";
import { type DeviceCalls, extendRtmr, getQuote, getReport0 } from "./guest-calls.ts";
import { exchange } from "./qgs-frame.ts";

/** What the thread is asked to do. */
export type DeviceOrder =
  | { readonly kind: "report"; readonly device: string; readonly reportData: Uint8Array }
  | { readonly kind: "extend"; readonly device: string; readonly register: number; readonly digest: Uint8Array }
  | { readonly kind: "quote"; readonly device: string; readonly message: Uint8Array }
  | { readonly kind: "exchange"; readonly address: StreamAddress; readonly message: Uint8Array; readonly timeoutMs: number };

/** What it says. An error class does not pass between threads, so its members do. */
export type DeviceReply =
  | { readonly kind: "done"; readonly bytes: Uint8Array }
  | { readonly kind: "system-error"; readonly syscall: string; readonly errno: number }
  | { readonly kind: "refused"; readonly error: { readonly id: ErrorId; readonly message: string; readonly got?: string } };

declare const self: Worker;

self.onmessage = ({ data }: MessageEvent<DeviceOrder>) => {
  self.postMessage(replyTo(data));
};

function replyTo(order: DeviceOrder): DeviceReply {
  try {
    return { kind: "done", bytes: perform(order) };
  } catch (error) {
    if (error instanceof SystemError) return { kind: "system-error", syscall: error.syscall, errno: error.errno };
    return { kind: "refused", error: CaiError.from(error).toJSON() };
  }
}

function perform(order: DeviceOrder): Uint8Array {
  switch (order.kind) {
    case "report":
      return withDevice(order.device, (calls) => getReport0(calls, order.reportData));
    case "extend":
      return withDevice(order.device, (calls) => {
        extendRtmr(calls, order.register, order.digest);
        return new Uint8Array();
      });
    case "quote":
      return withDevice(order.device, (calls) => getQuote(calls, order.message));
    case "exchange": {
      const stream = Stream.connect(order.address, order.timeoutMs);
      try {
        return exchange(stream, order.message);
      } finally {
        stream.close();
      }
    }
  }
}

function withDevice<T>(path: string, use: (calls: DeviceCalls) => T): T {
  const fd = openDevice(path, constants.O_RDWR);
  try {
    return use({
      ioctl: (request, argument) => void ioctl(fd, request, argument),
      ioctlBuffer: (request, buffer) => {
        const memory = new PinnedMemory(buffer.byteLength);
        memory.bytes.set(buffer);
        ioctlBuffer(fd, request, memory);
        buffer.set(memory.bytes);
      },
    });
  } finally {
    closeDescriptor(fd);
  }
}
