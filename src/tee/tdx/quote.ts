import { ENCLAVE_REPORT_SIZE, type EnclaveReport, readEnclaveReport } from "./enclave-report.ts";
import { type Field, readFields, readU16, readU32, sameBytes } from "./layout.ts";
import { type QuotedTee, refusal } from "./refusal.ts";
import { readTdReport, TD_REPORT_SIZES, type TdReport } from "./td-report.ts";

/** Google Cloud pads to 8000 bytes; nothing real is near this. */
const MAX_SIZE = 64 * 1024;

export const HEADER_SIZE = 48;
export const ATTESTATION_KEY_P256 = 2;
export const TEE_TYPE = { sgx: 0x00, tdx: 0x81 } as const;
export const QE_VENDOR_ID: Uint8Array = Uint8Array.fromHex("939a7233f79c4ca9940a0db3957f0607");
/** Certification data types (tdx.md §1.5). */
export const CERTIFICATION = { pckLeaf: 4, pckChain: 5, qeReport: 6 } as const;

/** Fields of the header (tdx.md §1.1). */
export const HEADER_FIELDS = {
  version: [0, 2],
  attestationKeyType: [2, 2],
  teeType: [4, 4],
  reserved: [8, 4],
  vendorId: [12, 16],
  userData: [28, 20],
} as const satisfies Record<string, Field>;

/** PPID, plain or encrypted, with CPUSVN, PCESVN and PCEID: the sizes that occur by certification data type. */
const PPID_SIZES: Readonly<Record<number, readonly number[]>> = { 1: [34, 36], 2: [276], 3: [404] };

/** A DCAP quote, taken apart and not yet verified. Byte members share the memory of the quote. */
export interface Quote {
  readonly tee: QuotedTee;
  readonly version: 3 | 4 | 5;
  /** 48 bytes by field, as they stand there */
  readonly header: Readonly<Record<keyof typeof HEADER_FIELDS, Uint8Array>>;
  /** version 5 only: body type and size as they stand there */
  readonly bodyHeader: { readonly type: Uint8Array; readonly size: Uint8Array } | undefined;
  readonly body: { readonly kind: "td"; readonly report: TdReport } | { readonly kind: "enclave"; readonly report: EnclaveReport };
  /** what the attestation key signs: header and body */
  readonly signed: Uint8Array;
  /** r ‖ s by the attestation key */
  readonly signature: Uint8Array;
  /** x ‖ y */
  readonly attestationKey: Uint8Array;
  readonly qeReport: EnclaveReport;
  /** r ‖ s by the PCK */
  readonly qeReportSignature: Uint8Array;
  readonly qeAuthData: Uint8Array;
  readonly certification: { readonly type: 1 | 2 | 3 | 4 | 5; readonly data: Uint8Array };
}

/**
 * Takes a quote of version 3, 4 or 5 apart (tdx.md §1). What follows the signature section is padding that nothing authenticates; it is ignored.
 *
 * @throws CaiError `tdx.unsupported-quote`, or `sgx.unsupported-quote` where the TEE type says so
 */
export function parseQuote(quote: Uint8Array): Quote {
  if (quote.length > MAX_SIZE) throw refusal("tdx", "unsupported-quote", "quote", `at most ${MAX_SIZE} bytes`, `${quote.length}`);
  const reader = new QuoteReader(quote, "tdx");
  const header = readFields(reader.bytes(HEADER_SIZE, "header"), HEADER_FIELDS);
  const { tee, version } = checkHeader(header);
  reader.tee = tee;

  const bodyHeader = version === 5 ? { type: reader.bytes(2, "body type"), size: reader.bytes(4, "body size") } : undefined;
  const body = readBody(reader, tee, bodyHeader);
  const signed = quote.subarray(0, reader.at);
  const auth = reader.section("signature section");
  const signature = auth.bytes(64, "quote signature");
  const attestationKey = auth.bytes(64, "attestation key");
  const qe = version === 3 ? auth : enterQeReportCertification(auth);
  const qeReport = readEnclaveReport(qe.bytes(ENCLAVE_REPORT_SIZE, "QE report"));
  const qeReportSignature = qe.bytes(64, "QE report signature");
  const qeAuthData = qe.bytes(qe.u16("size of the QE authentication data"), "QE authentication data");
  const type = qe.u16("certification data type");
  const data = qe.section("certification data").rest();
  qe.end();
  auth.end();
  return {
    tee,
    version,
    header,
    bodyHeader,
    body,
    signed,
    signature,
    attestationKey,
    qeReport,
    qeReportSignature,
    qeAuthData,
    certification: checkCertification(tee, type, data),
  };
}

function checkHeader(header: Quote["header"]): { tee: QuotedTee; version: 3 | 4 | 5 } {
  const [version, keyType, teeType] = [readU16(header.version), readU16(header.attestationKeyType), readU32(header.teeType)];
  const tee: QuotedTee = teeType === TEE_TYPE.sgx ? "sgx" : "tdx";
  const check = (ok: boolean, what: string, expected: string, got: string): void => {
    if (!ok) throw refusal(tee, "unsupported-quote", what, expected, got);
  };
  const hex = `0x${teeType.toString(16)}`;
  check(version === 3 || version === 4 || version === 5, "quote version", "3, 4 or 5", `${version}`);
  check(keyType === ATTESTATION_KEY_P256, "attestation key type", "2 (ECDSA P-256)", `${keyType}`);
  check(teeType === TEE_TYPE.sgx || teeType === TEE_TYPE.tdx, "TEE type", "0x0 (SGX) or 0x81 (TDX)", hex);
  check(version !== 3 || tee === "sgx", "TEE type of a version 3 quote", "0x0 (SGX)", hex);
  check(sameBytes(header.vendorId, QE_VENDOR_ID), "QE vendor id", QE_VENDOR_ID.toHex(), header.vendorId.toHex());
  return { tee, version: version as 3 | 4 | 5 };
}

function readBody(reader: QuoteReader, tee: QuotedTee, bodyHeader: Quote["bodyHeader"]): Quote["body"] {
  const type = bodyHeader === undefined ? (tee === "tdx" ? 2 : 1) : readU16(bodyHeader.type);
  if (tee === "sgx" ? type !== 1 : type !== 2 && type !== 3 && type !== 4) {
    throw refusal(tee, "unsupported-quote", "body type", tee === "sgx" ? "1" : "2, 3 or 4", `${type}`);
  }
  const size = type === 2 || type === 3 || type === 4 ? TD_REPORT_SIZES[type] : ENCLAVE_REPORT_SIZE;
  if (bodyHeader !== undefined && readU32(bodyHeader.size) !== size) {
    throw refusal(tee, "unsupported-quote", `body size of type ${type}`, `${size}`, `${readU32(bodyHeader.size)}`);
  }
  const bytes = reader.bytes(size, "body");
  return type === 2 || type === 3 || type === 4
    ? { kind: "td", report: readTdReport(bytes, type) }
    : { kind: "enclave", report: readEnclaveReport(bytes) };
}

function enterQeReportCertification(auth: QuoteReader): QuoteReader {
  const type = auth.u16("outer certification data type");
  if (type !== CERTIFICATION.qeReport) {
    throw refusal(auth.tee, "unsupported-quote", "outer certification data type", `${CERTIFICATION.qeReport}`, `${type}`);
  }
  return auth.section("QE report certification data");
}

function checkCertification(tee: QuotedTee, type: number, data: Uint8Array): Quote["certification"] {
  if (type < 1 || type > CERTIFICATION.pckChain) {
    throw refusal(tee, "unsupported-quote", "certification data type", "1 to 5", `${type}`);
  }
  const sizes = PPID_SIZES[type];
  if (sizes !== undefined && !sizes.includes(data.length)) {
    throw refusal(tee, "unsupported-quote", `size of certification data of type ${type}`, sizes.join(" or "), `${data.length}`);
  }
  return { type: type as Quote["certification"]["type"], data };
}

/** Reads forward through a quote; whatever would pass the end is an unsupported quote. */
class QuoteReader {
  tee: QuotedTee;
  at = 0;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array, tee: QuotedTee) {
    this.#bytes = bytes;
    this.tee = tee;
  }

  bytes(size: number, what: string): Uint8Array {
    const left = this.#bytes.length - this.at;
    if (size > left) throw refusal(this.tee, "unsupported-quote", what, `${size} bytes`, `${left} left`);
    this.at += size;
    return this.#bytes.subarray(this.at - size, this.at);
  }

  u16(what: string): number {
    return readU16(this.bytes(2, what));
  }

  /** A reader of as many bytes as the next u32 says. */
  section(what: string): QuoteReader {
    return new QuoteReader(this.bytes(readU32(this.bytes(4, `size of the ${what}`)), what), this.tee);
  }

  rest(): Uint8Array {
    return this.bytes(this.#bytes.length - this.at, "rest");
  }

  end(): void {
    const left = this.#bytes.length - this.at;
    if (left > 0) throw refusal(this.tee, "unsupported-quote", "section", "no further bytes", `${left} bytes`);
  }
}
