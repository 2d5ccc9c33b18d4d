import { readFields, readU16 } from "./layout.ts";

export const ENCLAVE_REPORT_SIZE = 384;

/** Fields of an SGX enclave report (tdx.md §1.4). */
export const ENCLAVE_REPORT_FIELDS = {
  cpuSvn: [0, 16],
  miscSelect: [16, 4],
  attributes: [48, 16],
  mrEnclave: [64, 32],
  mrSigner: [128, 32],
  isvProdId: [256, 2],
  isvSvn: [258, 2],
  reportData: [320, 64],
} as const;

/** An SGX enclave report: the body of an SGX quote, or what the quoting enclave says of itself. */
export interface EnclaveReport {
  /** all 384 bytes */
  readonly bytes: Uint8Array;
  readonly cpuSvn: Uint8Array;
  readonly miscSelect: Uint8Array;
  /** 8 bytes of flags (bit 1 of the first byte: DEBUG), 8 bytes of XFRM */
  readonly attributes: Uint8Array;
  readonly mrEnclave: Uint8Array;
  readonly mrSigner: Uint8Array;
  readonly isvProdId: number;
  readonly isvSvn: number;
  readonly reportData: Uint8Array;
}

/** @param bytes  exactly 384 bytes */
export function readEnclaveReport(bytes: Uint8Array): EnclaveReport {
  const fields = readFields(bytes, ENCLAVE_REPORT_FIELDS);
  return { ...fields, bytes, isvProdId: readU16(fields.isvProdId), isvSvn: readU16(fields.isvSvn) };
}
