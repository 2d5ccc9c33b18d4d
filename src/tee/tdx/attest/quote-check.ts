import { CaiError } from "../../../system/index.ts";
import { type Field, readU16, readU32, sameBytes } from "../layout.ts";
import { HEADER_SIZE, TEE_TYPE } from "../quote.ts";
import { TD_REPORT_FIELDS } from "../td-report.ts";
import { TD_INFO_FIELDS } from "../tdreport-fields.ts";

/** Bytes of report data in a quote. */
export const REPORT_DATA_SIZE = 64;
/** No quote with a signature is as short as this (tdx.md §3.1). */
const TOO_SHORT = 1020;
/** Body type u16 and size u32 stand before the body of a version 5 quote. */
const BODY_HEADER_V5 = 6;

/** @throws CaiError `tdx.report-data-length` */
export function requireReportData(reportData: Uint8Array): void {
  if (reportData.length === REPORT_DATA_SIZE) return;
  const [expected, got] = [`${REPORT_DATA_SIZE} bytes`, `${reportData.length}`];
  throw new CaiError("tdx.report-data-length", `report data: expected ${expected}, got ${got}`, { expected, got });
}

/**
 * Looks whether the bytes can be a TDX quote over this report data. Whether they are one, a verifier decides.
 *
 * @throws CaiError `tdx.quote-implausible`
 */
export function requireQuote(quote: Uint8Array, reportData: Uint8Array): Uint8Array {
  if (quote.length <= TOO_SHORT) throw implausible("size", `more than ${TOO_SHORT} bytes`, `${quote.length}`);
  const [version, teeType] = [readU16(quote), readU32(quote, 4)];
  if (version !== 4 && version !== 5) throw implausible("version", "4 or 5", `${version}`);
  if (teeType !== TEE_TYPE.tdx) throw implausible("TEE type", "0x81", `0x${teeType.toString(16)}`);
  const got = bodyPart(quote, TD_REPORT_FIELDS.reportData);
  if (!sameBytes(got, reportData)) throw implausible("report data", reportData.toHex(), got.toHex());
  return quote;
}

/** Every register of the machine by its name in a TDREPORT and in a quote. */
const REGISTERS = [
  ["attributes", "tdAttributes"],
  ["xfam", "xfam"],
  ["mrTd", "mrTd"],
  ["mrConfigId", "mrConfigId"],
  ["mrOwner", "mrOwner"],
  ["mrOwnerConfig", "mrOwnerConfig"],
  ["rtmr0", "rtmr0"],
  ["rtmr1", "rtmr1"],
  ["rtmr2", "rtmr2"],
  ["rtmr3", "rtmr3"],
] as const;

/**
 * Looks whether the bytes can be the quote of this TDREPORT: the host, which makes it, could give that of another machine over the same report data.
 *
 * @param tdreport    1024 bytes
 * @param reportData  64 bytes
 * @throws CaiError `tdx.quote-implausible`
 */
export function requireQuoteOf(quote: Uint8Array, tdreport: Uint8Array, reportData: Uint8Array): Uint8Array {
  requireQuote(quote, reportData);
  for (const [reported, quoted] of REGISTERS) {
    const [offset, size] = TD_INFO_FIELDS[reported];
    const [expected, got] = [tdreport.subarray(offset, offset + size), bodyPart(quote, TD_REPORT_FIELDS[quoted])];
    if (!sameBytes(expected, got)) throw implausible(`${reported} of this machine`, expected.toHex(), got.toHex());
  }
  return quote;
}

/** A field of the TD report in a quote that is long enough to have one. */
function bodyPart(quote: Uint8Array, [offset, size]: Field): Uint8Array {
  const at = HEADER_SIZE + (readU16(quote) === 5 ? BODY_HEADER_V5 : 0) + offset;
  return quote.subarray(at, at + size);
}

function implausible(what: string, expected: string, got: string): CaiError {
  return new CaiError("tdx.quote-implausible", `what came as a quote, ${what}: expected ${expected}, got ${got}`, { expected, got });
}
