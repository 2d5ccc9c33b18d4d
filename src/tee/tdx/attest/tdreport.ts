import { createHash } from "node:crypto";
import { CaiError } from "../../../system/index.ts";
import { readFields, readU32, sameBytes } from "../layout.ts";
import { REPORT_MAC_FIELDS, TD_INFO_FIELDS, TDREPORT_PARTS, TDREPORT_SIZE } from "../tdreport-fields.ts";

/** What is looked at. */
const FIELDS = { ...TD_INFO_FIELDS, ...REPORT_MAC_FIELDS, ...TDREPORT_PARTS };

const TEE_TYPE_TDX = 0x81;

/** A TDREPORT taken apart. Its members share the memory of `bytes`. */
export interface Tdreport {
  /** 1024 bytes, as the hardware made them */
  readonly bytes: Uint8Array;
  /** 48 bytes: the digest of the init data */
  readonly mrConfigId: Uint8Array;
  /** RTMR0 to RTMR3, 48 bytes each */
  readonly rtmrs: readonly [Uint8Array, Uint8Array, Uint8Array, Uint8Array];
}

/**
 * Takes a TDREPORT apart and checks that it is one over `reportData`: type, report data, and the two digests that its own MAC covers.
 *
 * @param reportData  64 bytes
 * @throws CaiError `tdx.tdreport-malformed`
 */
export function readTdreport(bytes: Uint8Array, reportData: Uint8Array): Tdreport {
  if (bytes.length !== TDREPORT_SIZE) throw malformed("size", `${TDREPORT_SIZE} bytes`, `${bytes.length}`);
  const fields = readFields(bytes, FIELDS);
  // Byte 0 is the type; subtype, version and a reserved byte follow.
  if ((readU32(fields.type) & 0xff) !== TEE_TYPE_TDX) throw malformed("type", "0x81", `0x${(readU32(fields.type) & 0xff).toString(16)}`);
  if (!sameBytes(fields.reportData, reportData)) throw malformed("report data", reportData.toHex(), fields.reportData.toHex());
  requireDigest("TEE_TCB_INFO", fields.teeTcbInfo, fields.teeTcbInfoHash);
  requireDigest("TDINFO", fields.tdInfo, fields.tdInfoHash);
  return { bytes, mrConfigId: fields.mrConfigId, rtmrs: [fields.rtmr0, fields.rtmr1, fields.rtmr2, fields.rtmr3] };
}

function requireDigest(what: string, part: Uint8Array, digest: Uint8Array): void {
  const got = new Uint8Array(createHash("sha384").update(part).digest());
  if (!sameBytes(got, digest)) throw malformed(`digest of ${what}`, digest.toHex(), got.toHex());
}

function malformed(what: string, expected: string, got: string): CaiError {
  return new CaiError("tdx.tdreport-malformed", `TDREPORT, ${what}: expected ${expected}, got ${got}`, { expected, got });
}
