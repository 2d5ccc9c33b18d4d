import { createHash } from "node:crypto";
import { certificatePem } from "../../../crypto/index.ts";
import { CaiError } from "../../../system/index.ts";
import { type Collateral, formatBundle } from "../collateral.ts";
import { ENCLAVE_REPORT_FIELDS, ENCLAVE_REPORT_SIZE } from "../enclave-report.ts";
import { u16, u32, writeFields } from "../layout.ts";
import { ATTESTATION_KEY_P256, CERTIFICATION, HEADER_FIELDS, HEADER_SIZE, QE_VENDOR_ID, TEE_TYPE } from "../quote.ts";
import type { SignedText } from "../signed-json.ts";
import { TD_REPORT_15_FIELDS, TD_REPORT_FIELDS, TD_REPORT_SIZES } from "../td-report.ts";
import { makeCertificates, type SimulatedCertificates } from "./certificates.ts";
import { makeCollateral, makeEvaluationNumbers, QE_MR_SIGNER, QE_PROD_ID } from "./documents.ts";
import { DEFAULT_KNOBS, type SimulatedKnobs } from "./knobs.ts";

export const SEED_SIZE = 32;
/** Attributes of an ordinary TD: SEPT_VE_DISABLE, not DEBUG. */
const DEFAULT_TD_ATTRIBUTES = Uint8Array.of(0, 0, 0, 0x10, 0, 0, 0, 0);
const DEFAULT_XFAM = Uint8Array.of(0xe7, 0x02, 0x06, 0, 0, 0, 0, 0);
/** An up-to-date module of TDX 1.5 and up-to-date late microcode. */
const DEFAULT_TEE_TCB_SVN = Uint8Array.of(7, 1, 4);
const QE_AUTH_DATA = Uint8Array.from({ length: 32 }, (_, index) => index);

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
  readonly teeTcbSvn?: Uint8Array;
  /** default 4 */
  readonly version?: 4 | 5;
  /** version 5 only: 2 is a report of TDX 1.0, 3 of TDX 1.5 (default) */
  readonly bodyType?: 2 | 3;
  /** body type 3 only; default: the same as `teeTcbSvn` */
  readonly teeTcbSvn2?: Uint8Array;
  /** body type 3 only */
  readonly mrServiceTd?: Uint8Array;
}

/**
 * A TDX machine without the hardware: byte-exact quotes and collateral under a root of its own, which nothing trusts unless an operator names it
 * (tdx.md §5). Everything follows from the seed; only the dates of the collateral follow from `now`.
 */
export class SimulatedPlatform {
  readonly anchorDer: Uint8Array;
  readonly anchorPem: string;
  readonly #certificates: SimulatedCertificates;
  readonly #knobs: SimulatedKnobs;
  readonly #now: number;
  /** the signature section after the quote signature: the same in every quote of a platform */
  readonly #sectionTail: Uint8Array;

  private constructor(seed: Uint8Array, now: number, knobs: SimulatedKnobs) {
    this.#knobs = knobs;
    this.#now = now;
    this.#certificates = makeCertificates(seed, knobs);
    this.anchorDer = this.#certificates.ders.root;
    this.anchorPem = certificatePem(this.anchorDer);
    this.#sectionTail = this.#makeSectionTail();
  }

  /**
   * @param seed  32 bytes; who knows them can speak for this platform
   * @param now   when the collateral is issued, seconds since 1970
   * @throws CaiError `tdx.simulated-state-invalid` for a seed of another size
   */
  static create({ seed, now, knobs = {} }: { seed: Uint8Array; now: number; knobs?: Partial<SimulatedKnobs> }): SimulatedPlatform {
    if (seed.length !== SEED_SIZE) {
      throw new CaiError("tdx.simulated-state-invalid", `seed of a simulated platform: expected ${SEED_SIZE} bytes, got ${seed.length}`);
    }
    return new SimulatedPlatform(seed, now, { ...DEFAULT_KNOBS, ...knobs });
  }

  /** PEM of the chain of the platform's certificate: leaf, intermediate, root. */
  pckChain(): string {
    const { pck, platform, root } = this.#certificates.ders;
    return certificatePem(pck, platform, root);
  }

  /** The signed list of evaluation numbers that the platform's collateral can be asked for. */
  evaluationNumbers(): SignedText {
    return makeEvaluationNumbers(this.#certificates, this.#knobs, this.#now);
  }

  /** The platform's collateral, issued when the platform says that it is now. */
  collateral(): Collateral {
    return makeCollateral(this.#certificates, this.#knobs, this.#now);
  }

  /** The platform's collateral as a bundle (tdx.md §2.9, form 1). */
  bundle(): string {
    return formatBundle(this.collateral());
  }

  /** A signed quote. @throws CaiError `tdx.report-data-length` where the report data are not 64 bytes */
  quote(options: SimulatedQuoteOptions): Uint8Array {
    if (options.reportData.length !== 64) {
      throw new CaiError("tdx.report-data-length", `report data: expected 64 bytes, got ${options.reportData.length}`);
    }
    const version = options.version ?? 4;
    const signed = Buffer.concat([makeHeader(version), makeBody(options, version === 5 ? (options.bodyType ?? 3) : 2, version === 5)]);
    const signature = this.#certificates.keys.attestation.sign(signed);
    return new Uint8Array(Buffer.concat([signed, u32(signature.length + this.#sectionTail.length), signature, this.#sectionTail]));
  }

  #makeSectionTail(): Uint8Array {
    const { keys } = this.#certificates;
    const attestationKey = keys.attestation.point.subarray(1);
    const report = writeFields(new Uint8Array(ENCLAVE_REPORT_SIZE), ENCLAVE_REPORT_FIELDS, {
      cpuSvn: Uint8Array.from(this.#knobs.components),
      attributes: this.#knobs.qeAttributes,
      mrSigner: QE_MR_SIGNER,
      isvProdId: u16(QE_PROD_ID),
      isvSvn: u16(this.#knobs.qeSvn),
      reportData: createHash("sha256").update(attestationKey).update(QE_AUTH_DATA).digest(),
    });
    const chain = Buffer.from(`${this.pckChain()}\0`, "latin1");
    const certification = Buffer.concat([
      report,
      keys.pck.sign(report),
      u16(QE_AUTH_DATA.length),
      QE_AUTH_DATA,
      u16(CERTIFICATION.pckChain),
      u32(chain.length),
      chain,
    ]);
    return Buffer.concat([attestationKey, u16(CERTIFICATION.qeReport), u32(certification.length), certification]);
  }
}

function makeHeader(version: 4 | 5): Uint8Array {
  return writeFields(new Uint8Array(HEADER_SIZE), HEADER_FIELDS, {
    version: u16(version),
    attestationKeyType: u16(ATTESTATION_KEY_P256),
    teeType: u32(TEE_TYPE.tdx),
    vendorId: QE_VENDOR_ID,
  });
}

function makeBody(options: SimulatedQuoteOptions, type: 2 | 3, withHeader: boolean): Uint8Array {
  const { reportData, mrTd, rtmrs = [], mrConfigId, mrOwner, mrOwnerConfig, seamAttributes, mrServiceTd } = options;
  const teeTcbSvn = options.teeTcbSvn ?? DEFAULT_TEE_TCB_SVN;
  const [rtmr0, rtmr1, rtmr2, rtmr3] = rtmrs;
  const body = writeFields(new Uint8Array(TD_REPORT_SIZES[type]), TD_REPORT_FIELDS, {
    teeTcbSvn,
    tdAttributes: options.tdAttributes ?? DEFAULT_TD_ATTRIBUTES,
    xfam: DEFAULT_XFAM,
    reportData,
    ...defined({ mrTd, mrConfigId, mrOwner, mrOwnerConfig, seamAttributes, rtmr0, rtmr1, rtmr2, rtmr3 }),
  });
  if (type === 3) {
    writeFields(body, TD_REPORT_15_FIELDS, { teeTcbSvn2: options.teeTcbSvn2 ?? teeTcbSvn, ...defined({ mrServiceTd }) });
  }
  return withHeader ? Buffer.concat([u16(type), u32(body.length), body]) : body;
}

/** Leaves out the members that are undefined. */
function defined<Name extends string>(values: Readonly<Record<Name, Uint8Array | undefined>>): Partial<Record<Name, Uint8Array>> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<Record<Name, Uint8Array>>;
}
