import { type Errno, Errno as errnos, SystemError } from "../../../../../src/system/index.ts";
import { type DeviceCalls, extendRtmr, getQuote, getReport0 } from "../../../../../src/tee/tdx/attest/guest-calls.ts";
import type { GuestDevice } from "../../../../../src/tee/tdx/attest/guest-device.ts";
import type { FakeGuest } from "./fake-guest.ts";
import { answerTo } from "./qgs-server.ts";

/** What an ioctl layer was asked: its number, and the bytes that went in. */
export interface RecordedCall {
  readonly request: number;
  readonly input: Uint8Array;
}

export interface FakeCallsOptions {
  /** numbers that the kernel knows; default: all of them in their first spelling */
  readonly knows?: readonly number[];
  /** fails every call */
  readonly errno?: keyof typeof Errno;
  /** status of the legacy quote call */
  readonly status?: bigint;
  /** what the host answers to a message, instead of what a good one would */
  readonly answer?: Uint8Array;
}

const GET_REPORT0 = 0xc4405401;
const EXTEND_RTMR = 0x40315403;
const GET_QUOTE = 0x80105404;

/** The ioctl calls of a guest device, behind the border to the foreign function: they answer out of a fake TD and are recorded. */
export class FakeCalls implements DeviceCalls {
  readonly calls: RecordedCall[] = [];
  readonly #guest: FakeGuest;
  readonly #options: FakeCallsOptions;

  constructor(guest: FakeGuest, options: FakeCallsOptions = {}) {
    this.#guest = guest;
    this.#options = options;
  }

  ioctl(request: number, argument: Uint8Array): void {
    this.#record(request, argument);
    if (argument.length === 64 + 1024) argument.set(this.#guest.tdreport(argument.slice(0, 64)), 64);
    else this.#guest.extend(argument[48]!, argument.slice(0, 48));
  }

  ioctlBuffer(request: number, buffer: Uint8Array): void {
    this.#record(request, buffer);
    const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
    const input = buffer.slice(24 + 4, 24 + view.getUint32(16, true));
    const answer = this.#options.answer ?? answerTo(input);
    view.setBigUint64(8, this.#options.status ?? 0n, true);
    view.setUint32(20, answer.length, true);
    buffer.set(answer.subarray(0, buffer.length - 24), 24);
  }

  #record(request: number, input: Uint8Array): void {
    this.calls.push({ request, input: Uint8Array.from(input) });
    const { knows = [GET_REPORT0, EXTEND_RTMR, GET_QUOTE], errno } = this.#options;
    if (errno !== undefined) throw new SystemError("ioctl", errnos[errno]);
    if (!knows.includes(request)) throw new SystemError("ioctl", errnos.ENOTTY);
  }
}

/** A guest device whose calls are answered in this thread. */
export const deviceOf = (calls: DeviceCalls): GuestDevice => ({
  report: async (reportData) => getReport0(calls, reportData),
  extend: async (register, digest) => extendRtmr(calls, register, digest),
  exchange: async (message) => getQuote(calls, message),
});
