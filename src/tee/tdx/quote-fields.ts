import { ENCLAVE_REPORT_FIELDS, ENCLAVE_REPORT_REST } from "./enclave-report.ts";
import { type Field, readFields, snakeCase } from "./layout.ts";
import { HEADER_FIELDS, parseQuote, QE_VENDOR_ID, type Quote } from "./quote.ts";
import { TD_REPORT_15_FIELDS, TD_REPORT_EXTENDED_FIELDS, TD_REPORT_FIELDS, TD_REPORT_SIZES, type TdReport } from "./td-report.ts";

/** One field of a binary structure, for showing it. */
export interface ShownField {
  readonly part: string;
  /** bytes from the start of the whole structure */
  readonly offset: number;
  /** in snake case */
  readonly name: string;
  /** shares the structure's memory */
  readonly value: Uint8Array;
}

/** A quote field by field, and taken apart. Nothing of it is verified. */
export interface ShownQuote {
  readonly quote: Quote;
  readonly fields: readonly ShownField[];
  /** bytes after the signature section, which nothing authenticates */
  readonly padding: number;
}

/**
 * Takes a quote apart for showing it.
 *
 * @throws CaiError `tdx.unsupported-quote`, `sgx.unsupported-quote`
 */
export function showQuote(bytes: Uint8Array): ShownQuote {
  const quote = parseQuote(bytes);
  const shown = (part: string, values: Readonly<Record<string, Uint8Array>>): ShownField[] =>
    Object.entries(values).map(([name, value]) => ({ part, offset: value.byteOffset - bytes.byteOffset, name: snakeCase(name), value }));
  const { bodyHeader, body, qeReport, certification } = quote;
  const fields = [
    ...shown("header", quote.header),
    ...(bodyHeader === undefined ? [] : shown("body", { bodyType: bodyHeader.type, bodySize: bodyHeader.size })),
    ...shown("body", body.kind === "td" ? tdFields(body.report) : enclaveFields(body.report.bytes)),
    ...shown("signature section", { signature: quote.signature, attestationKey: quote.attestationKey }),
    ...shown("QE report", enclaveFields(qeReport.bytes)),
    ...shown("signature section", {
      qeReportSignature: quote.qeReportSignature,
      qeAuthData: quote.qeAuthData,
      certificationData: certification.data,
    }),
  ];
  const { data } = certification;
  return { quote, fields, padding: bytes.byteOffset + bytes.length - (data.byteOffset + data.length) };
}

function tdFields(report: TdReport): Record<string, Uint8Array> {
  const { type, teeTcbSvn: start } = report;
  const whole = new Uint8Array(start.buffer, start.byteOffset, TD_REPORT_SIZES[type]);
  const fields: Readonly<Record<string, Field>> = {
    ...TD_REPORT_FIELDS,
    ...(type !== 2 && TD_REPORT_15_FIELDS),
    ...(type === 4 && TD_REPORT_EXTENDED_FIELDS),
  };
  return readFields(whole, fields);
}

const ENCLAVE_FIELDS: Readonly<Record<string, Field>> = Object.fromEntries(
  Object.entries<Field>({ ...ENCLAVE_REPORT_FIELDS, ...ENCLAVE_REPORT_REST }).sort(([, a], [, b]) => a[0] - b[0]),
);

const enclaveFields = (report: Uint8Array): Record<string, Uint8Array> => readFields(report, ENCLAVE_FIELDS);

/** Whether bytes begin as a quote does: with the vendor id of every quoting enclave at its place. */
export function looksLikeQuote(bytes: Uint8Array): boolean {
  const [offset, size] = HEADER_FIELDS.vendorId;
  return Buffer.compare(bytes.subarray(offset, offset + size), QE_VENDOR_ID) === 0;
}
