import { CaiError } from "../../../system/index.ts";
import { readU16, readU32, u16, u32 } from "../layout.ts";

/** Header of a message: major u16, minor u16, type u32, size u32, error u32 (tdx.md §3.3). */
const HEADER = 16;
/** Sizes of what follows: report and id list in a request, id and quote in a response. */
const SIZES = 8;
const MAJOR = 1;
const MINOR = 1;
const GET_QUOTE_REQUEST = 0;
const GET_QUOTE_RESPONSE = 1;
/** The largest message that is taken: nothing real is near it. */
export const MAX_QGS_MESSAGE = 64 * 1024;

/** Error codes of the message layer; every other code is the service's own. */
const MESSAGE_ERRORS: Readonly<Record<number, string>> = {
  73729: "unexpected failure",
  73730: "out of memory",
  73731: "invalid parameter",
  73732: "invalid version",
  73733: "invalid type",
  73734: "invalid size",
  73735: "invalid code",
};

/** The request for a quote of a TDREPORT. @param tdreport  1024 bytes */
export function encodeQuoteRequest(tdreport: Uint8Array): Uint8Array {
  const size = HEADER + SIZES + tdreport.length;
  const parts = [u16(MAJOR), u16(MINOR), u32(GET_QUOTE_REQUEST), u32(size), u32(0), u32(tdreport.length), u32(0), tdreport];
  return new Uint8Array(Buffer.concat(parts));
}

/**
 * Reads the quote out of a response.
 *
 * @param message  without the length that frames it
 * @throws CaiError `tdx.qgs-refused` for an error of the service, `tdx.qgs-malformed` for anything that is no response
 */
export function decodeQuoteResponse(message: Uint8Array): Uint8Array {
  if (message.length < HEADER) throw malformed("message", `at least ${HEADER} bytes`, `${message.length}`);
  const [major, type, size, code] = [readU16(message), readU32(message, 4), readU32(message, 8), readU32(message, 12)];
  if (major !== MAJOR) throw malformed("major version", `${MAJOR}`, `${major}`);
  if (type !== GET_QUOTE_RESPONSE) throw malformed("type", `${GET_QUOTE_RESPONSE} (quote response)`, `${type}`);
  if (size !== message.length) throw malformed("size", `${message.length}, the bytes that came`, `${size}`);
  if (code !== 0) {
    const got = `0x${code.toString(16)}`;
    const meaning = MESSAGE_ERRORS[code];
    throw new CaiError("tdx.qgs-refused", `the quote generation service gave error ${got}${meaning ? ` (${meaning})` : ""}`, { got });
  }
  if (message.length < HEADER + SIZES) throw malformed("response", `at least ${HEADER + SIZES} bytes`, `${message.length}`);
  const [idSize, quoteSize] = [readU32(message, HEADER), readU32(message, HEADER + 4)];
  if (HEADER + SIZES + idSize + quoteSize !== message.length) {
    throw malformed("sizes of id and quote", `${message.length - HEADER - SIZES} together`, `${idSize} and ${quoteSize}`);
  }
  return message.slice(HEADER + SIZES + idSize);
}

/** The error of an answer that is no message of the protocol. */
export function malformed(what: string, expected: string, got: string): CaiError {
  return new CaiError("tdx.qgs-malformed", `answer of the quote generation service, ${what}: expected ${expected}, got ${got}`, {
    expected,
    got,
  });
}
