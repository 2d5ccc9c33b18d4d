import { createHash } from "node:crypto";
import { certificatePem } from "../../../src/crypto/index.ts";
import { ENCLAVE_REPORT_FIELDS, ENCLAVE_REPORT_SIZE } from "../../../src/tee/tdx/enclave-report.ts";
import { u16, u32, writeFields } from "../../../src/tee/tdx/layout.ts";
import { HEADER_FIELDS, HEADER_SIZE, QE_VENDOR_ID } from "../../../src/tee/tdx/quote.ts";
import { makeCertificates } from "../../../src/tee/tdx/simulate/certificates.ts";
import { DEFAULT_KNOBS } from "../../../src/tee/tdx/simulate/knobs.ts";
import { platform, SEED } from "./testing.ts";

const { keys, ders } = makeCertificates(SEED, DEFAULT_KNOBS);
const QE_AUTH_DATA = new Uint8Array(32).fill(5);
const chain = new TextEncoder().encode(`${platform.pckChain()}\0`);

/** A quote that the simulated platform's keys sign for an enclave. */
export function sgxQuote(
  version: 3 | 4 | 5,
  body: Partial<Record<keyof typeof ENCLAVE_REPORT_FIELDS, Uint8Array>>,
  certification: { readonly type: number; readonly data: Uint8Array } = { type: 5, data: chain },
): Uint8Array {
  const header = writeFields(new Uint8Array(HEADER_SIZE), HEADER_FIELDS, {
    version: u16(version),
    attestationKeyType: u16(2),
    reserved: Uint8Array.of(9, 0, 13, 0),
    vendorId: QE_VENDOR_ID,
  });
  const report = writeFields(new Uint8Array(ENCLAVE_REPORT_SIZE), ENCLAVE_REPORT_FIELDS, { attributes: Uint8Array.of(5), ...body });
  const signed = Buffer.concat([header, ...(version === 5 ? [u16(1), u32(report.length)] : []), report]);
  const attestationKey = keys.attestation.point.subarray(1);
  const qeReport = writeFields(new Uint8Array(ENCLAVE_REPORT_SIZE), ENCLAVE_REPORT_FIELDS, {
    attributes: Uint8Array.of(0x11),
    mrSigner: new Uint8Array(32).fill(0xab),
    isvProdId: u16(1),
    isvSvn: u16(6),
    reportData: createHash("sha256").update(attestationKey).update(QE_AUTH_DATA).digest(),
  });
  const { type, data } = certification;
  const inner = Buffer.concat([
    qeReport,
    keys.pck.sign(qeReport),
    u16(QE_AUTH_DATA.length),
    QE_AUTH_DATA,
    u16(type),
    u32(data.length),
    data,
  ]);
  const section = Buffer.concat([
    keys.attestation.sign(signed),
    attestationKey,
    ...(version === 3 ? [] : [u16(6), u32(inner.length)]),
    inner,
  ]);
  return new Uint8Array(Buffer.concat([signed, u32(section.length), section]));
}

/** PEM of the machine's chain, for quotes that do not carry it. */
export const machineChain: string = platform.pckChain();
export const machineLeaf = certificatePem(ders.pck);
