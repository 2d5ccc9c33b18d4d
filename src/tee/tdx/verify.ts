import { createHash } from "node:crypto";
import { decodePem, verifyP256 } from "../../crypto/index.ts";
import type { TrustAnchor } from "../tee.ts";
import { Fingerprint, Fingerprints, VerificationCache } from "./cache.ts";
import { type ChainContext, type PckChain, verifyPckChain } from "./chain.ts";
import type { Collateral } from "./collateral.ts";
import { chainFinding, documentFinding, platformIdFinding, qeReportFinding, quoteFinding, validityFinding } from "./findings.ts";
import { isZero, sameBytes } from "./layout.ts";
import { checkQeIdentity, type QeIdentity, readQeIdentity } from "./qe-identity.ts";
import { CERTIFICATION, parseQuote, type Quote } from "./quote.ts";
import { refusal, refuseAs } from "./refusal.ts";
import { type RevocationLists, refuseRevoked, verifyRevocationLists } from "./revocation.ts";
import { verifyDocument } from "./signed-document.ts";
import { type Steps, unreported } from "./steps.ts";
import { checkTdxModule, evaluateTcb, type TcbVerdict } from "./tcb.ts";
import { moduleFinding } from "./tcb-findings.ts";
import { readTcbInfo, type TcbInfo } from "./tcb-info.ts";
import { type Clock, checkValidity, datedCertificates, datedDocument, datedList, type Validity } from "./validity.ts";

/** RFC 3339 dates in collateral are made by another clock than ours. */
const DEFAULT_SKEW = 300;

export interface VerifyOptions {
  /** seconds since 1970; the verifier has no clock */
  readonly now: number;
  readonly anchors: readonly TrustAnchor[];
  /** what becomes of collateral past its date; a date in the future is always an error */
  readonly expired: Clock["expired"];
  /** how far in the future an issue date may lie, seconds; default 300 */
  readonly skew?: number;
  /** whether a document's signature may be over its compact form where it was served indented; default true (tdx.md §2.4) */
  readonly resealFallback?: boolean;
  /** remembers what was verified, between calls */
  readonly cache?: VerificationCache;
  /** listens to the steps; default: nobody, which costs nothing */
  readonly steps?: Steps;
}

/** A quote whose own signatures lead to an anchor: what can be known without collateral. */
export interface AuthenticQuote {
  readonly quote: Quote;
  readonly chain: PckChain;
}

/** A quote of which everything was verified. */
export interface QuoteVerdict extends AuthenticQuote {
  readonly tcb: TcbVerdict;
  readonly validity: Validity;
  readonly tcbInfo: TcbInfo;
  readonly qeIdentity: QeIdentity;
  readonly lists: RevocationLists;
}

/**
 * Verifies a quote against collateral: every check of tdx.md §2.2 up to the caller's own bindings (step 15).
 *
 * The steps that need no collateral come first, so that nothing is fetched for a quote that its own signatures do not carry (security.md I40).
 *
 * @throws CaiError `tdx.<reason>` or `sgx.<reason>`: the first check that failed, with what it expected and got
 */
export function verifyQuote(quote: Uint8Array, collateral: Collateral, options: VerifyOptions): QuoteVerdict {
  const cached = { ...options, cache: options.cache ?? new VerificationCache() };
  return appraiseQuote(authenticateQuote(quote, collateral.pckCertificateChain, cached), collateral, cached);
}

/**
 * Steps 1 to 3, 10, 11 and 13: the structure, the chain of the machine's certificate up to an anchor, and the three signatures of the quote.
 *
 * @param deliveredChain  PEM of the PCK chain for quotes that carry none
 * @throws CaiError `unsupported-quote`, `pck-chain-invalid`, `untrusted-root`, `qe-report-signature-invalid`, `qe-report-data-mismatch`,
 *                  `quote-signature-invalid`
 */
export function authenticateQuote(bytes: Uint8Array, deliveredChain: string | undefined, options: VerifyOptions): AuthenticQuote {
  const { cache = new VerificationCache(), steps = unreported } = options;
  const quote = steps.run("quote-format", () => parseQuote(bytes), quoteFinding);
  const context = { tee: quote.tee, cache, steps };
  const chain = steps.run("pck-chain", () => readPckChain(quote, deliveredChain, options.anchors, context), chainFinding);
  steps.run(
    "qe-report",
    () => verifyQeReport(quote, chain, cache),
    () => qeReportFinding(quote),
  );
  steps.run("quote-signature", () => verifyQuoteSignature(quote));
  return { quote, chain };
}

/** Steps 4 to 9, 12 and 14: revocation, TCB info, QE identity, dates, and what they say of this quote. */
export function appraiseQuote({ quote, chain }: AuthenticQuote, collateral: Collateral, options: VerifyOptions): QuoteVerdict {
  const { tee } = quote;
  const { now, skew = DEFAULT_SKEW, expired, cache = new VerificationCache(), steps = unreported } = options;
  const context = { tee, cache, steps };
  const reseal = options.resealFallback ?? true;
  const lists = verifyRevocationLists(collateral, chain, context);
  const tcbInfo = steps.run("tcb-info", () => verifyTcbInfo(collateral, chain, lists, reseal, context), documentFinding);
  const identity = steps.run("qe-identity", () => verifyIdentity(collateral, chain, lists, reseal, context), documentFinding);
  const items = [
    ...datedCertificates("PCK chain", [chain.leaf, chain.intermediate, chain.root]),
    ...datedCertificates("issuer chain of the PCK revocation list", lists.pckIssuerChain),
    ...datedCertificates("TCB info chain", [tcbInfo.chain.leaf, tcbInfo.chain.root]),
    ...datedCertificates("QE identity chain", [identity.chain.leaf, identity.chain.root]),
    datedList("root CA revocation list", lists.root),
    datedList("PCK revocation list", lists.pck),
    datedDocument("TCB info", tcbInfo.value),
    datedDocument("QE identity", identity.value),
  ];
  const validity = steps.run(
    "validity",
    () => checkValidity(items, { now, skew, expired }, tee),
    (dates) => validityFinding(items, now, dates),
  );
  steps.run(
    "tcb-info-platform",
    () => checkPlatform(tcbInfo.value, chain, tee),
    () => platformIdFinding(tcbInfo.value),
  );
  const report = quote.body.kind === "td" ? quote.body.report : undefined;
  if (report !== undefined) steps.run("tdx-module", () => checkTdxModule(report, tcbInfo.value), moduleFinding);
  steps.run("qe-identity-match", () => checkQeIdentity(quote.qeReport, identity.value, tee));
  const tcb = evaluateTcb(chain.facts, report, quote.qeReport.isvSvn, tcbInfo.value, identity.value, context);
  return { quote, chain, tcb, validity, tcbInfo: tcbInfo.value, qeIdentity: identity.value, lists };
}

const anchorsFingerprint = new Fingerprints<readonly TrustAnchor[]>((anchors) =>
  anchors.flatMap(({ certificate, simulated }) => [certificate, `${simulated}`]),
);
const tcbInfoFingerprint = new Fingerprints<Collateral>((of) => [of.tcbInfoIssuerChain, of.tcbInfo, of.tcbInfoSignature]);
const qeIdentityFingerprint = new Fingerprints<Collateral>((of) => [of.qeIdentityIssuerChain, of.qeIdentity, of.qeIdentitySignature]);

/** Steps 2 and 3. The chain in the quote counts; one that was delivered must not contradict it. */
function readPckChain(quote: Quote, delivered: string | undefined, anchors: readonly TrustAnchor[], context: ChainContext): PckChain {
  const { tee, certification } = quote;
  // No chain beside the quote is another input than an empty one, which is no chain.
  const beside = delivered === undefined ? [] : [delivered];
  const inputs = [certification.data, `${certification.type}`, tee, anchorsFingerprint.of(anchors), ...beside];
  return context.cache.remember("PCK chain", inputs, () => {
    const ders = refuseAs(tee, "pck-chain-invalid", "PCK certificate chain", () => chainCertificates(quote, delivered));
    return verifyPckChain(ders, anchors, context);
  });
}

function chainCertificates({ tee, certification }: Quote, delivered: string | undefined): Uint8Array[] {
  const { type, data } = certification;
  const carried = type === CERTIFICATION.pckChain || type === CERTIFICATION.pckLeaf ? decodePem(textBeforeNul(data), "CERTIFICATE", 3) : [];
  if (type === CERTIFICATION.pckLeaf && carried.length !== 1) {
    throw refusal(tee, "pck-chain-invalid", "certification data of type 4", "one certificate", `${carried.length}`);
  }
  if (type === CERTIFICATION.pckChain && carried.length !== 3) {
    throw refusal(tee, "pck-chain-invalid", "certification data of type 5", "three certificates", `${carried.length}`);
  }
  if (delivered === undefined) {
    if (type === CERTIFICATION.pckChain) return carried;
    throw refusal(
      tee,
      "pck-chain-invalid",
      "PCK certificate chain",
      "a whole chain in the quote or in the collateral",
      `type ${type} alone`,
    );
  }
  const chain = decodePem(delivered, "CERTIFICATE", 3);
  if (carried.some((der, index) => chain[index] === undefined || !sameBytes(der, chain[index]))) {
    throw refusal(tee, "pck-chain-invalid", "PCK certificate chain of the collateral", "the quote's own", "another");
  }
  return chain;
}

/** Producers end the text with a NUL, and some put a newline after it (tdx.md §1.5). */
function textBeforeNul(data: Uint8Array): string {
  const end = data.indexOf(0);
  return Buffer.from(end < 0 ? data : data.subarray(0, end)).toString("latin1");
}

/** Steps 10 and 11: the machine's certificate vouches for the quoting enclave, and that for the attestation key (tdx.md §1.6). */
function verifyQeReport(quote: Quote, { leaf }: PckChain, cache: VerificationCache): void {
  const { tee, qeReport, qeReportSignature, qeAuthData, attestationKey } = quote;
  const signed = new Fingerprint(qeReport.bytes, qeReportSignature, qeAuthData, attestationKey, leaf.publicKey.spki);
  cache.remember("QE report", [signed, tee], () => {
    if (!verifyP256(leaf.publicKey.point!, qeReport.bytes, qeReportSignature)) {
      throw refusal(tee, "qe-report-signature-invalid", "signature of the QE report", "a good signature", "a bad one");
    }
    const expected = createHash("sha256").update(attestationKey).update(qeAuthData).digest();
    if (!sameBytes(qeReport.reportData.subarray(0, 32), expected) || !isZero(qeReport.reportData.subarray(32))) {
      throw refusal(tee, "qe-report-data-mismatch", "report data of the QE", expected.toHex(), qeReport.reportData.toHex());
    }
    return true;
  });
}

/** Step 13. */
function verifyQuoteSignature({ tee, attestationKey, signed, signature }: Quote): void {
  const good = refuseAs(tee, "quote-signature-invalid", "attestation key", () => verifyP256(attestationKey, signed, signature));
  if (!good) throw refusal(tee, "quote-signature-invalid", "signature of the quote", "a good signature", "a bad one");
}

/** Step 5: the signed TCB info, whatever platform it is of. @throws CaiError `tcb-info-…`, `untrusted-root`, `tcb-signing-revoked` */
export function verifyTcbInfo(
  collateral: Collateral,
  chain: Pick<PckChain, "anchor">,
  lists: Pick<RevocationLists, "root">,
  reseal: boolean,
  context: ChainContext,
) {
  const document = {
    name: "TCB info",
    text: collateral.tcbInfo,
    signature: collateral.tcbInfoSignature,
    issuerChain: collateral.tcbInfoIssuerChain,
    fingerprint: tcbInfoFingerprint.of(collateral),
    malformed: "tcb-info-malformed",
    signatureInvalid: "tcb-info-signature-invalid",
  } as const;
  const verified = verifyDocument(document, chain.anchor, reseal, context, readTcbInfo);
  refuseRevoked(verified.chain.leaf, lists.root, "tcb-signing-revoked", context);
  return verified;
}

/** Step 6: the signed QE identity, whatever enclave it is of. @throws CaiError `qe-identity-…`, `untrusted-root`, `tcb-signing-revoked` */
export function verifyIdentity(
  collateral: Collateral,
  chain: Pick<PckChain, "anchor">,
  lists: Pick<RevocationLists, "root">,
  reseal: boolean,
  context: ChainContext,
) {
  const document = {
    name: "QE identity",
    text: collateral.qeIdentity,
    signature: collateral.qeIdentitySignature,
    issuerChain: collateral.qeIdentityIssuerChain,
    fingerprint: qeIdentityFingerprint.of(collateral),
    malformed: "qe-identity-malformed",
    signatureInvalid: "qe-identity-signature-invalid",
  } as const;
  const verified = verifyDocument(document, chain.anchor, reseal, context, readQeIdentity);
  refuseRevoked(verified.chain.leaf, lists.root, "tcb-signing-revoked", context);
  return verified;
}

/** Step 8: the TCB info is of this kind of TEE and this kind of platform. */
function checkPlatform(info: TcbInfo, { facts }: PckChain, tee: Quote["tee"]): void {
  const check = (what: string, expected: string, got: string): void => {
    if (expected !== got) throw refusal(tee, "tcb-info-mismatch", `${what} of the TCB info`, expected, got);
  };
  check("id", tee.toUpperCase(), info.id);
  check("FMSPC", facts.fmspc.toHex(), info.fmspc.toHex());
  check("PCEID", facts.pceId.toHex(), info.pceId.toHex());
}
