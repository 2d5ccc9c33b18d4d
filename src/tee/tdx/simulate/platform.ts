import { createHash } from "node:crypto";
import { certificatePem } from "../../../crypto/index.ts";
import { CaiError } from "../../../system/index.ts";
import { type Collateral, formatBundle } from "../collateral.ts";
import { ENCLAVE_REPORT_FIELDS, ENCLAVE_REPORT_SIZE } from "../enclave-report.ts";
import { u16, u32, writeFields } from "../layout.ts";
import { CERTIFICATION } from "../quote.ts";
import type { QuotedTee } from "../refusal.ts";
import type { SignedText } from "../signed-json.ts";
import { makeCertificates, type SimulatedCertificates } from "./certificates.ts";
import { makeCollateral, makeEvaluationNumbers, QE_MR_SIGNER, QE_PROD_IDS } from "./documents.ts";
import { DEFAULT_KNOBS, type SimulatedKnobs } from "./knobs.ts";
import { type SimulatedEnclaveOptions, type SimulatedQuoteOptions, signedEnclaveRegion, signedTdRegion } from "./signed-region.ts";

export const SEED_SIZE = 32;
const QE_AUTH_DATA = Uint8Array.from({ length: 32 }, (_, index) => index);

/**
 * A TDX machine without the hardware: byte-exact quotes and collateral under a root of its own, which nothing trusts unless an operator names it
 * (tdx.md §5). Everything follows from the seed; only the dates of the collateral follow from `now`. As real ones do, it also makes SGX quotes.
 */
export class SimulatedPlatform {
  readonly anchorDer: Uint8Array;
  readonly anchorPem: string;
  readonly #certificates: SimulatedCertificates;
  readonly #knobs: SimulatedKnobs;
  readonly #now: number;
  /** by kind of quote, what its quoting enclave says and who certifies that: the same in every quote of a platform */
  readonly #certifications = new Map<QuotedTee, Uint8Array>();

  private constructor(seed: Uint8Array, now: number, knobs: SimulatedKnobs) {
    this.#knobs = knobs;
    this.#now = now;
    this.#certificates = makeCertificates(seed, knobs);
    this.anchorDer = this.#certificates.ders.root;
    this.anchorPem = certificatePem(this.anchorDer);
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

  /** The platform's collateral for one kind of quotes, issued when the platform says that it is now. */
  collateral(tee: QuotedTee = "tdx"): Collateral {
    return makeCollateral(this.#certificates, this.#knobs, this.#now, tee);
  }

  /** The same as a bundle (tdx.md §2.9, form 1). */
  bundle(tee: QuotedTee = "tdx"): string {
    return formatBundle(this.collateral(tee));
  }

  /** A signed quote of a TD. @throws CaiError `tdx.report-data-length` where the report data are not 64 bytes */
  quote(options: SimulatedQuoteOptions): Uint8Array {
    checkReportData(options.reportData);
    return this.#sign(signedTdRegion(options), this.#wrapped("tdx"));
  }

  /** A signed quote of an SGX enclave. @throws CaiError `tdx.report-data-length` where the report data are not 64 bytes */
  enclaveQuote(options: SimulatedEnclaveOptions): Uint8Array {
    checkReportData(options.reportData);
    const certification = options.version === 4 || options.version === 5 ? this.#wrapped("sgx") : this.#certification("sgx");
    return this.#sign(signedEnclaveRegion(options), certification);
  }

  #sign(signed: Uint8Array, certification: Uint8Array): Uint8Array {
    const { attestation } = this.#certificates.keys;
    const section = Buffer.concat([attestation.sign(signed), attestation.point.subarray(1), certification]);
    return new Uint8Array(Buffer.concat([signed, u32(section.length), section]));
  }

  /** From version 4 on, the certification stands in certification data of a type of its own (tdx.md §1.5). */
  #wrapped(tee: QuotedTee): Uint8Array {
    const certification = this.#certification(tee);
    return Buffer.concat([u16(CERTIFICATION.qeReport), u32(certification.length), certification]);
  }

  #certification(tee: QuotedTee): Uint8Array {
    const known = this.#certifications.get(tee);
    if (known !== undefined) return known;
    const { keys } = this.#certificates;
    const report = writeFields(new Uint8Array(ENCLAVE_REPORT_SIZE), ENCLAVE_REPORT_FIELDS, {
      cpuSvn: Uint8Array.from(this.#knobs.components),
      attributes: this.#knobs.qeAttributes,
      mrSigner: QE_MR_SIGNER,
      isvProdId: u16(QE_PROD_IDS[tee]),
      isvSvn: u16(this.#knobs.qeSvn),
      reportData: createHash("sha256").update(keys.attestation.point.subarray(1)).update(QE_AUTH_DATA).digest(),
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
    this.#certifications.set(tee, certification);
    return certification;
  }
}

function checkReportData({ length }: Uint8Array): void {
  if (length !== 64) throw new CaiError("tdx.report-data-length", `report data: expected 64 bytes, got ${length}`);
}
