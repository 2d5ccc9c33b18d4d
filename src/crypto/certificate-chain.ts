import { CaiError } from "../system/index.ts";
import type { Certificate } from "./certificate.ts";
import type { RevocationList } from "./x509/crl.ts";
import { EXTENSION } from "./x509/extensions.ts";
import { verifyP256 } from "./x509/public-key.ts";

/** Critical extensions that the checks of this file take into account. */
const UNDERSTOOD: readonly string[] = [EXTENSION.basicConstraints, EXTENSION.keyUsage];

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

const invalid = (certificate: Certificate, expected: string, got: string): CaiError =>
  new CaiError(
    "crypto.chain-invalid",
    `certificate ${JSON.stringify(certificate.subject.commonName ?? "")}: expected ${expected}, got ${got}`,
    { expected, got },
  );

/**
 * Checks what a certificate says against its place in a chain, without looking at dates or signatures.
 *
 * @param caBelow  how many CA certificates stand between this one and the leaf, or `leaf` for the leaf itself
 * @throws CaiError `crypto.chain-invalid`
 */
export function checkPlace(certificate: Certificate, caBelow: number | "leaf"): void {
  const { basicConstraints, keyUsage } = certificate;
  for (const { oid, critical } of certificate.extensions.values()) {
    if (critical && !UNDERSTOOD.includes(oid)) throw invalid(certificate, "no unknown critical extension", oid);
  }
  if (caBelow === "leaf") {
    if (basicConstraints?.ca) throw invalid(certificate, "a certificate that is no CA", "a CA");
    return;
  }
  if (!basicConstraints?.ca) throw invalid(certificate, "a CA", "a certificate that is none");
  if (!keyUsage?.has("keyCertSign")) throw invalid(certificate, "key usage keyCertSign", [...(keyUsage ?? [])].join(", ") || "none");
  if (basicConstraints.pathLength !== undefined && basicConstraints.pathLength < caBelow) {
    throw invalid(certificate, `at most ${basicConstraints.pathLength} CA certificates below it`, `${caBelow}`);
  }
}

/**
 * Checks that `issuer` signed `certificate`: the names agree byte for byte, so do the key ids where both are given, and the signature is good.
 *
 * @throws CaiError `crypto.chain-invalid`, `crypto.key-invalid`
 */
export function checkIssued(certificate: Certificate, issuer: Certificate): void {
  if (!sameBytes(certificate.issuer.der, issuer.subject.der)) {
    throw invalid(
      certificate,
      `issuer ${JSON.stringify(issuer.subject.commonName ?? "")}`,
      JSON.stringify(certificate.issuer.commonName ?? ""),
    );
  }
  if (certificate.authorityKeyId && issuer.subjectKeyId && !sameBytes(certificate.authorityKeyId, issuer.subjectKeyId)) {
    throw invalid(certificate, "the issuer's key id", "another key id");
  }
  if (!verifyP256(pointOf(issuer), certificate.tbs, certificate.signature)) throw invalid(certificate, "a good signature", "a bad one");
}

/** @throws CaiError `crypto.crl-issuer-mismatch` where another name issued the list */
export function checkRevocationListIssuer(list: RevocationList, issuer: Certificate): void {
  const same = sameBytes(list.issuer.der, issuer.subject.der);
  if (same && (!list.authorityKeyId || !issuer.subjectKeyId || sameBytes(list.authorityKeyId, issuer.subjectKeyId))) return;
  const [expected, got] = [issuer.subject.commonName ?? "", list.issuer.commonName ?? ""];
  throw new CaiError(
    "crypto.crl-issuer-mismatch",
    `revocation list: expected issuer ${JSON.stringify(expected)}, got ${JSON.stringify(got)}`,
    {
      expected,
      got: same ? `${got} with another key id` : got,
    },
  );
}

/** @throws CaiError `crypto.crl-signature-invalid` */
export function checkRevocationListSignature(list: RevocationList, issuer: Certificate): void {
  if (issuer.keyUsage?.has("cRLSign") && verifyP256(pointOf(issuer), list.tbs, list.signature)) return;
  throw new CaiError(
    "crypto.crl-signature-invalid",
    `revocation list of ${JSON.stringify(issuer.subject.commonName ?? "")}: expected a good signature, got a bad one`,
  );
}

function pointOf(certificate: Certificate): Uint8Array {
  if (certificate.publicKey.point) return certificate.publicKey.point;
  throw invalid(certificate, "an uncompressed P-256 key", "another kind of key");
}
