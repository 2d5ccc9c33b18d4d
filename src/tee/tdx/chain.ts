import { type Certificate, checkIssued, checkPlace, EXTENSION, importPublicKey, parseCertificate } from "../../crypto/index.ts";
import { CaiError, type QuoteReason } from "../../system/index.ts";
import type { TrustAnchor } from "../tee.ts";
import { sameAnchor } from "./anchors.ts";
import { Fingerprints, type VerificationCache } from "./cache.ts";
import { type PckFacts, readPck } from "./pck.ts";
import { type QuotedTee, refusal, refuseAs } from "./refusal.ts";

/** Extensions that every certificate must have (tdx.md §2.3). */
const REQUIRED = [
  EXTENSION.authorityKeyId,
  EXTENSION.crlDistributionPoints,
  EXTENSION.subjectKeyId,
  EXTENSION.keyUsage,
  EXTENSION.basicConstraints,
];

/** A root that a chain was found to lead to. */
export interface Anchor {
  /** the anchor as it was named, not as the chain carries it */
  readonly certificate: Certificate;
  readonly simulated: boolean;
}

/** The verified chain of the machine's attestation certificate. */
export interface PckChain {
  readonly leaf: Certificate;
  readonly intermediate: Certificate;
  readonly root: Certificate;
  readonly anchor: Anchor;
  readonly facts: PckFacts;
}

/** The verified chain of an authority that issues PCK certificates. */
export interface IssuerChain {
  readonly intermediate: Certificate;
  readonly root: Certificate;
  readonly anchor: Anchor;
}

/** The verified chain of the key that signs collateral. */
export interface SigningChain {
  readonly leaf: Certificate;
  readonly root: Certificate;
}

/** What all chain checks need: whose errors they throw, and what is known already. */
export interface ChainContext {
  readonly tee: QuotedTee;
  readonly cache: VerificationCache;
}

/**
 * Checks everything about the chain of a PCK certificate but dates and revocation (tdx.md §2.3).
 *
 * @param ders  leaf, intermediate, root
 * @throws CaiError `pck-chain-invalid`, `untrusted-root`
 */
export function verifyPckChain(ders: readonly Uint8Array[], anchors: readonly TrustAnchor[], { tee, cache }: ChainContext): PckChain {
  return refuseAs(tee, "pck-chain-invalid", "PCK certificate chain", () => {
    const [leaf, intermediate, root] = parseExactly(ders, 3, cache);
    const anchor = findAnchor(root!, anchors, tee);
    checkName(leaf!, "SGX PCK Certificate", anchor);
    checkIssuerNames(intermediate!, root!, anchor);
    checkLinks([leaf!, intermediate!, root!], cache);
    return { leaf: leaf!, intermediate: intermediate!, root: root!, anchor, facts: readPck(leaf!) };
  });
}

/**
 * Checks the chain of an authority that issues PCK certificates, where there is no such certificate to go by: everything but dates and revocation.
 *
 * @param ders  intermediate, root
 * @throws CaiError `crl-issuer-mismatch`, for the chain comes with a revocation list; `untrusted-root`
 */
export function verifyIssuerChain(ders: readonly Uint8Array[], anchors: readonly TrustAnchor[], { tee, cache }: ChainContext): IssuerChain {
  return refuseAs(tee, "crl-issuer-mismatch", "issuer chain of the PCK revocation list", () => {
    const [intermediate, root] = parseExactly(ders, 2, cache);
    const anchor = findAnchor(root!, anchors, tee);
    checkIssuerNames(intermediate!, root!, anchor);
    checkLinks([intermediate!, root!], cache, 0);
    return { intermediate: intermediate!, root: root!, anchor };
  });
}

/** Which authority for PCK certificates this is (tdx.md §2.3). Every other name was refused with its chain. */
export const pckAuthority = (intermediate: Certificate): "platform" | "processor" =>
  intermediate.subject.commonName?.includes("Platform") ? "platform" : "processor";

/**
 * Checks the chain of a collateral signing key: leaf and root, and the root is the very anchor that the PCK chain led to. Otherwise a simulated
 * platform's collateral could vouch for a real machine.
 *
 * @throws CaiError `reason`, `untrusted-root`
 */
export function verifySigningChain(
  ders: readonly Uint8Array[],
  anchor: Anchor,
  reason: QuoteReason,
  { tee, cache }: ChainContext,
): SigningChain {
  return refuseAs(tee, reason, "collateral signing chain", () => {
    const [leaf, root] = parseExactly(ders, 2, cache);
    if (!sameAnchor(root!, anchor.certificate)) {
      throw refusal(tee, "untrusted-root", "root of the collateral signing chain", "the root of the PCK chain", nameOf(root!));
    }
    checkName(leaf!, "SGX TCB Signing", anchor);
    checkLinks([leaf!, root!], cache);
    return { leaf: leaf!, root: root! };
  });
}

function parseExactly(ders: readonly Uint8Array[], count: number, cache: VerificationCache): Certificate[] {
  if (ders.length !== count) throw chainError(`${count} certificates`, `${ders.length}`);
  return ders.map((der) => rememberedCertificate(der, cache));
}

/** Reads a certificate, each once: the chains of a quote and its collateral share most of theirs. @throws CaiError `crypto.certificate-malformed` */
export const rememberedCertificate = (der: Uint8Array, cache: VerificationCache): Certificate =>
  cache.remember("certificate", [der], () => parseCertificate(der));

/** The anchor that a root is. @throws CaiError `untrusted-root` */
export function findAnchor(root: Certificate, anchors: readonly TrustAnchor[], tee: QuotedTee): Anchor {
  for (const { certificate: der, simulated } of anchors) {
    const certificate = parseCertificate(der);
    if (sameAnchor(root, certificate)) return { certificate, simulated };
  }
  throw refusal(tee, "untrusted-root", "root of the PCK certificate chain", "a trust anchor", nameOf(root), {
    hint: "the root of a simulated platform counts only where the operator names it",
  });
}

function checkIssuerNames(intermediate: Certificate, root: Certificate, anchor: Anchor): void {
  const name = /SGX PCK (?:Platform|Processor) CA/.exec(intermediate.subject.commonName ?? "")?.[0] ?? "SGX PCK Platform CA";
  checkName(intermediate, name, anchor);
  checkName(root, "SGX Root CA", anchor);
}

/** Intel's names must be exact; a simulated platform's contain the same phrase (tdx.md §5.2). */
function checkName(certificate: Certificate, phrase: string, { simulated }: Anchor): void {
  const name = certificate.subject.commonName ?? "";
  const expected = simulated ? phrase : `Intel ${phrase}`;
  if (simulated ? !name.includes(phrase) : name !== expected)
    throw chainError(`common name ${JSON.stringify(expected)}`, JSON.stringify(name));
}

/**
 * Checks extensions, places, keys and signatures.
 *
 * @param chain  root last
 * @param first  the place of the first certificate: the leaf, or how many CA certificates stand between it and the leaf
 */
function checkLinks(chain: readonly Certificate[], cache: VerificationCache, first: "leaf" | 0 = "leaf"): void {
  for (const [index, certificate] of chain.entries()) {
    const missing = REQUIRED.find((oid) => !certificate.extensions.has(oid));
    if (missing !== undefined) throw chainError(`extension ${missing} in ${nameOf(certificate)}`, "none");
    checkPlace(certificate, first === "leaf" ? (index === 0 ? "leaf" : index - 1) : index);
    if (certificate.publicKey.point === undefined) throw chainError(`a P-256 key in ${nameOf(certificate)}`, "another");
    importPublicKey(certificate.publicKey.spki);
  }
  for (const [index, certificate] of chain.entries()) {
    checkIssuedOnce(certificate, chain[index + 1] ?? certificate, cache);
  }
}

/** As `checkIssued`, each pair once. */
export function checkIssuedOnce(certificate: Certificate, issuer: Certificate, cache: VerificationCache): void {
  cache.remember("certificate issued", [certificateFingerprint.of(certificate), certificateFingerprint.of(issuer)], () => {
    checkIssued(certificate, issuer);
    return true;
  });
}

/** Of a certificate's DER. */
export const certificateFingerprint = new Fingerprints<Certificate>(({ der }) => [der]);

const nameOf = (certificate: Certificate): string => JSON.stringify(certificate.subject.commonName ?? "");

const chainError = (expected: string, got: string): CaiError =>
  new CaiError("crypto.chain-invalid", `expected ${expected}, got ${got}`, { expected, got });
