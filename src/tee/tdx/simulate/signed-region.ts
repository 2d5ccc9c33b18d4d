import { ENCLAVE_REPORT_FIELDS, ENCLAVE_REPORT_SIZE } from "../enclave-report.ts";
import { u16, u32, writeFields } from "../layout.ts";
import { ATTESTATION_KEY_P256, HEADER_FIELDS, HEADER_SIZE, QE_VENDOR_ID, TEE_TYPE } from "../quote.ts";
import type { QuotedTee } from "../refusal.ts";
import { TD_REPORT_15_FIELDS, TD_REPORT_FIELDS, TD_REPORT_SIZES, type TdReportType } from "../td-report.ts";

/** Attributes of an ordinary TD: SEPT_VE_DISABLE, not DEBUG. */
const DEFAULT_TD_ATTRIBUTES = Uint8Array.of(0, 0, 0, 0x10, 0, 0, 0, 0);
const DEFAULT_XFAM = Uint8Array.of(0xe7, 0x02, 0x06, 0, 0, 0, 0, 0);
/** An up-to-date module of TDX 1.5 and up-to-date late microcode. */
const DEFAULT_TEE_TCB_SVN = Uint8Array.of(7, 1, 4);
/** Attributes of an ordinary enclave: INIT, MODE64BIT, not DEBUG; and its XFRM. */
const DEFAULT_ENCLAVE_ATTRIBUTES = Uint8Array.of(0x05, 0, 0, 0, 0, 0, 0, 0, 0xe7);
/** The body type of an enclave report in a version 5 quote (tdx.md §1.2). */
const ENCLAVE_BODY = 1;

/** What a simulated quote says. Shorter values are filled with zeros at the end. */
export interface SimulatedQuoteOptions {
  /** 64 bytes */
  readonly reportData: Uint8Array;
  readonly mrTd?: Uint8Array;
  /** RTMR0 to RTMR3; missing ones are zero */
  readonly rtmrs?: readonly Uint8Array[];
  readonly mrConfigId?: Uint8Array;
  readonly mrOwner?: Uint8Array;
  readonly mrOwnerConfig?: Uint8Array;
  /** 8 bytes, little-endian; bit 0 is DEBUG */
  readonly tdAttributes?: Uint8Array;
  readonly seamAttributes?: Uint8Array;
  readonly mrSignerSeam?: Uint8Array;
  readonly teeTcbSvn?: Uint8Array;
  /** default 4 */
  readonly version?: 4 | 5;
  /** version 5 only: 2 is a report of TDX 1.0, 3 of TDX 1.5 (default), 4 an extended one */
  readonly bodyType?: TdReportType;
  /** body types 3 and 4 only; default: the same as `teeTcbSvn` */
  readonly teeTcbSvn2?: Uint8Array;
  /** body types 3 and 4 only */
  readonly mrServiceTd?: Uint8Array;
}

/** What a simulated SGX quote says. Shorter values are filled with zeros at the end. */
export interface SimulatedEnclaveOptions {
  /** 64 bytes */
  readonly reportData: Uint8Array;
  readonly mrEnclave?: Uint8Array;
  readonly mrSigner?: Uint8Array;
  readonly configId?: Uint8Array;
  /** 16 bytes; bit 1 of the first is DEBUG */
  readonly attributes?: Uint8Array;
  /** default 3 */
  readonly version?: 3 | 4 | 5;
}

/** Header and body of a quote of a TD: what the attestation key signs. */
export function signedTdRegion(options: SimulatedQuoteOptions): Uint8Array {
  const { version = 4, bodyType = version === 5 ? 3 : 2 } = options;
  return region("tdx", version, bodyType, tdReport(options, bodyType));
}

/** Header and body of a quote of an enclave. */
export function signedEnclaveRegion(options: SimulatedEnclaveOptions): Uint8Array {
  const { reportData, mrEnclave, mrSigner, configId, attributes = DEFAULT_ENCLAVE_ATTRIBUTES, version = 3 } = options;
  const report = writeFields(new Uint8Array(ENCLAVE_REPORT_SIZE), ENCLAVE_REPORT_FIELDS, {
    attributes,
    reportData,
    ...defined({ mrEnclave, mrSigner, configId }),
  });
  return region("sgx", version, ENCLAVE_BODY, report);
}

function region(tee: QuotedTee, version: 3 | 4 | 5, bodyType: number, body: Uint8Array): Uint8Array {
  const header = writeFields(new Uint8Array(HEADER_SIZE), HEADER_FIELDS, {
    version: u16(version),
    attestationKeyType: u16(ATTESTATION_KEY_P256),
    teeType: u32(TEE_TYPE[tee]),
    vendorId: QE_VENDOR_ID,
  });
  return version === 5 ? Buffer.concat([header, u16(bodyType), u32(body.length), body]) : Buffer.concat([header, body]);
}

function tdReport(options: SimulatedQuoteOptions, type: TdReportType): Uint8Array {
  const { reportData, mrTd, rtmrs = [], mrConfigId, mrOwner, mrOwnerConfig, seamAttributes, mrSignerSeam, mrServiceTd } = options;
  const teeTcbSvn = options.teeTcbSvn ?? DEFAULT_TEE_TCB_SVN;
  const [rtmr0, rtmr1, rtmr2, rtmr3] = rtmrs;
  const body = writeFields(new Uint8Array(TD_REPORT_SIZES[type]), TD_REPORT_FIELDS, {
    teeTcbSvn,
    tdAttributes: options.tdAttributes ?? DEFAULT_TD_ATTRIBUTES,
    xfam: DEFAULT_XFAM,
    reportData,
    ...defined({ mrTd, mrConfigId, mrOwner, mrOwnerConfig, seamAttributes, mrSignerSeam, rtmr0, rtmr1, rtmr2, rtmr3 }),
  });
  if (type === 2) return body;
  return writeFields(body, TD_REPORT_15_FIELDS, { teeTcbSvn2: options.teeTcbSvn2 ?? teeTcbSvn, ...defined({ mrServiceTd }) });
}

/** Leaves out the members that are undefined. */
function defined<Name extends string>(values: Readonly<Record<Name, Uint8Array | undefined>>): Partial<Record<Name, Uint8Array>> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<Record<Name, Uint8Array>>;
}
