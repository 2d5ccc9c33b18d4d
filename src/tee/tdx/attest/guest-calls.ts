import { CaiError, SystemError } from "../../../system/index.ts";
import { TDREPORT_SIZE } from "../tdreport-fields.ts";
import { frame, unframe } from "./qgs-frame.ts";
import { malformed } from "./qgs-message.ts";

/** The ioctl calls of an open TDX guest device: the border to the foreign function. Both throw SystemError. */
export interface DeviceCalls {
  /** the kernel may change the bytes of `argument` */
  ioctl(request: number, argument: Uint8Array): void;
  /** the argument names `buffer`, whose bytes the kernel may change */
  ioctlBuffer(request: number, buffer: Uint8Array): void;
}

/** _IOWR('T', 1, 1088): report data [64] in, TDREPORT [1024] out (tdx.md §3.2). */
const GET_REPORT0 = 0xc4405401;
/** Data [48], index u8. Vendor kernels disagree on the direction bits of the number (tdx.md §3.4). */
const EXTEND_RTMR = [0x40315403, 0x80315403] as const;
/** Buffer address u64, length u64; three spellings of the same call (agent.md §2.4). */
const GET_QUOTE = [0x80105404, 0xc0105404, 0x40105404] as const;

const REPORT_DATA_SIZE = 64;
const DIGEST_SIZE = 48;

/** A TDREPORT over report data, 1024 bytes, unchecked. @throws SystemError */
export function getReport0(calls: DeviceCalls, reportData: Uint8Array): Uint8Array {
  const argument = new Uint8Array(REPORT_DATA_SIZE + TDREPORT_SIZE);
  argument.set(reportData);
  calls.ioctl(GET_REPORT0, argument);
  return argument.slice(REPORT_DATA_SIZE);
}

/** Extends a register by a digest of 48 bytes. @throws SystemError `ENOTTY` where the kernel has no such call */
export function extendRtmr(calls: DeviceCalls, register: number, digest: Uint8Array): void {
  const argument = new Uint8Array(DIGEST_SIZE + 1);
  argument.set(digest);
  argument[DIGEST_SIZE] = register;
  firstKnown(EXTEND_RTMR, (request) => calls.ioctl(request, argument));
}

/** The buffer of the legacy quote call: version u64, status u64, input length u32, output length u32, data. */
const QUOTE_BUFFER = 16 * 1024;
const QUOTE_HEADER = 24;
const STATUS = { done: 0n, inFlight: 0xffff_ffff_ffff_ffffn, unavailable: 0x8000_0000_0000_0001n } as const;

/**
 * Lets a vendor kernel carry a message to the quote generation service and its answer back (tdx.md §3.3).
 *
 * @throws SystemError `ENOTTY` where the kernel has no such call; CaiError `tdx.quote-timeout`, `tdx.qgs-refused`, `tdx.qgs-malformed`
 */
export function getQuote(calls: DeviceCalls, message: Uint8Array): Uint8Array {
  const framed = frame(message);
  const buffer = new Uint8Array(QUOTE_BUFFER);
  const view = new DataView(buffer.buffer);
  firstKnown(GET_QUOTE, (request) => {
    buffer.fill(0);
    view.setBigUint64(0, 1n, true);
    view.setUint32(16, framed.length, true);
    buffer.set(framed, QUOTE_HEADER);
    calls.ioctlBuffer(request, buffer);
  });
  requireDone(view.getBigUint64(8, true));
  const size = view.getUint32(20, true);
  if (size > QUOTE_BUFFER - QUOTE_HEADER) throw malformed("output length", `at most ${QUOTE_BUFFER - QUOTE_HEADER}`, `${size}`);
  return unframe(buffer.slice(QUOTE_HEADER, QUOTE_HEADER + size));
}

function requireDone(status: bigint): void {
  if (status === STATUS.done) return;
  if (status === STATUS.inFlight) throw new CaiError("tdx.quote-timeout", "the host has not answered the request for a quote");
  const got = `status 0x${status.toString(16)}${status === STATUS.unavailable ? " (service unavailable)" : ""}`;
  throw new CaiError("tdx.qgs-refused", "the host gave an error instead of a quote", { got });
}

/** Calls with one number after the other until the kernel knows one. */
function firstKnown(requests: readonly number[], call: (request: number) => void): void {
  for (const [index, request] of requests.entries()) {
    try {
      call(request);
      return;
    } catch (error) {
      const last = index === requests.length - 1;
      if (last || !(error instanceof SystemError) || error.code !== "ENOTTY") throw error;
    }
  }
}
