import type { KeyObject } from "node:crypto";
import { buildCertificate } from "../../crypto/index.ts";
import { BACKDATED, issuance } from "./issuance.ts";
import type { World } from "./store/index.ts";

/** Seconds for which a new trustee's certificates are valid; a signer's own never outlives its CA's. */
const CERTIFICATE_LIFE = 10 * 365 * 86_400;

/** When a certificate is valid, seconds since 1970. */
interface Validity {
  readonly notBefore: number;
  readonly notAfter: number;
}

/** The validity of certificates that are made now. */
export const validityFrom = (now: number): Validity => ({ notBefore: now - BACKDATED, notAfter: now + CERTIFICATE_LIFE });

/** What names the CA and the signers of a store: relying parties that pin the production CA see `Simulated` where that is (security.md I11). */
const certificateNames = (world: World): { readonly ca: string; readonly signer: string } =>
  world === "simulated"
    ? { ca: "cai Simulated Trustee Token CA", signer: "cai Simulated Trustee Token Signer" }
    : { ca: "cai Trustee Token CA", signer: "cai Trustee Token Signer" };

/** The key of the CA, and its public half. */
export interface CertificateAuthority {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

/** @returns DER of the CA's own certificate */
export function authorityCertificate(world: World, ca: CertificateAuthority, validity: Validity): Uint8Array {
  const { ca: name } = certificateNames(world);
  return buildCertificate({
    ...validity,
    ...issuance(ca.privateKey),
    subject: name,
    issuer: name,
    publicKey: spki(ca.publicKey),
    ca: { pathLength: 0 },
    keyUsage: ["keyCertSign", "cRLSign"],
  });
}

/**
 * A signer's certificate: an end entity's without extended key usage, since verifiers refuse a CA as signer, and any usage without clientAuth
 * (trustee.md §5.5; gateway.md §4.5).
 *
 * @returns DER
 */
export function signerCertificate(world: World, ca: CertificateAuthority, publicKey: KeyObject, validity: Validity): Uint8Array {
  const names = certificateNames(world);
  return buildCertificate({
    ...validity,
    ...issuance(ca.privateKey),
    subject: names.signer,
    issuer: names.ca,
    publicKey: spki(publicKey),
    issuerPublicKey: spki(ca.publicKey),
    keyUsage: ["digitalSignature"],
  });
}

const spki = (key: KeyObject): Uint8Array => key.export({ format: "der", type: "spki" });
