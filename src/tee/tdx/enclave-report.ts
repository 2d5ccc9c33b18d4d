import { readFields, readU16 } from "./layout.ts";

export const ENCLAVE_REPORT_SIZE = 384;

/** Fields of an SGX enclave report (tdx.md §1.4). */
export const ENCLAVE_REPORT_FIELDS = {
  cpuSvn: [0, 16],
  miscSelect: [16, 4],
  attributes: [48, 16],
  mrEnclave: [64, 32],
  mrSigner: [128, 32],
  configId: [192, 64],
  isvProdId: [256, 2],
  isvSvn: [258, 2],
  reportData: [320, 64],
} as const;

/** The fields between, of which enclaves with key separation and sharing (KSS) use some; nothing is decided on them. */
export const ENCLAVE_REPORT_REST = {
  reserved1: [20, 12],
  isvExtProdId: [32, 16],
  reserved2: [96, 32],
  reserved3: [160, 32],
  configSvn: [260, 2],
  reserved4: [262, 42],
  isvFamilyId: [304, 16],
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
  /** 64 bytes: the digest of the init data, where the enclave was started with such */
  readonly configId: Uint8Array;
  readonly isvProdId: number;
  readonly isvSvn: number;
  readonly reportData: Uint8Array;
}

/** @param bytes  exactly 384 bytes */
export function readEnclaveReport(bytes: Uint8Array): EnclaveReport {
  const fields = readFields(bytes, ENCLAVE_REPORT_FIELDS);
  return { ...fields, bytes, isvProdId: readU16(fields.isvProdId), isvSvn: readU16(fields.isvSvn) };
}
