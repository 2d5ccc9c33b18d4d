import { createHash } from "node:crypto";
import { DerReader, TAG } from "./x509/der.ts";
import { encodeExplicit, encodeSequence, encodeTime, encodeUnsigned } from "./x509/der-writer.ts";
import {
  authorityKeyId,
  basicConstraints,
  crlDistributionPoint,
  crlNumber,
  type Extension,
  encodeExtensions,
  type KeyPurpose,
  type KeyUsage,
  keyPurposes,
  keyUsage,
  type SubjectAltName,
  subjectAltNames,
  subjectKeyId,
} from "./x509/extensions.ts";
import { encodeName } from "./x509/name.ts";
import { ECDSA_WITH_SHA256, encodeP256PublicKey, encodeSigned, readPublicKey } from "./x509/public-key.ts";

/** Signs with the issuer's key: ECDSA on P-256 over SHA-256 of the bytes given, as r ‖ s in 64 bytes. */
export type Sign = (tbs: Uint8Array) => Uint8Array;

/** What a new certificate says. */
export interface CertificateTemplate {
  /** positive, at most 20 bytes */
  readonly serial: bigint;
  /** the common names; a certificate of this program has no other name parts */
  readonly subject: string;
  readonly issuer: string;
  /** seconds since 1970 */
  readonly notBefore: number;
  readonly notAfter: number;
  /** the subject's P-256 key: 64 or 65 bytes of point, or DER SubjectPublicKeyInfo */
  readonly publicKey: Uint8Array;
  /** the issuer's key in one of the same forms; default: the subject's own, for a self-signed certificate */
  readonly issuerPublicKey?: Uint8Array;
  /** present: a CA certificate, with `pathLength` CA certificates below it at most */
  readonly ca?: { readonly pathLength?: number };
  readonly keyUsage: readonly KeyUsage[];
  readonly keyPurposes?: readonly KeyPurpose[];
  readonly subjectAltNames?: readonly SubjectAltName[];
  readonly crlDistributionPoint?: string;
  /** further extensions, after the standard ones */
  readonly extensions?: readonly Extension[];
  readonly sign: Sign;
}

/**
 * Builds an X.509 v3 certificate, ecdsa-with-SHA256, with critical keyUsage and basicConstraints and both key ids.
 * The same template and a deterministic `sign` give the same bytes.
 *
 * @returns DER
 */
export function buildCertificate(template: CertificateTemplate): Uint8Array {
  const spki = toSpki(template.publicKey);
  const extensions = [
    authorityKeyId(keyId(template.issuerPublicKey ?? template.publicKey)),
    ...(template.crlDistributionPoint === undefined ? [] : [crlDistributionPoint(template.crlDistributionPoint)]),
    subjectKeyId(keyId(template.publicKey)),
    keyUsage(template.keyUsage),
    basicConstraints(template.ca !== undefined, template.ca?.pathLength),
    ...(template.keyPurposes === undefined ? [] : [keyPurposes(template.keyPurposes)]),
    ...(template.subjectAltNames === undefined ? [] : [subjectAltNames(template.subjectAltNames)]),
    ...(template.extensions ?? []),
  ];
  const tbs = encodeSequence(
    encodeExplicit(0, encodeUnsigned(2)),
    encodeUnsigned(template.serial),
    ECDSA_WITH_SHA256,
    encodeName(template.issuer),
    encodeSequence(encodeTime(template.notBefore), encodeTime(template.notAfter)),
    encodeName(template.subject),
    spki,
    encodeExplicit(3, encodeExtensions(extensions)),
  );
  return encodeSigned(tbs, template.sign);
}

/** What a new revocation list says. */
export interface RevocationListTemplate {
  readonly issuer: string;
  readonly issuerPublicKey: Uint8Array;
  /** seconds since 1970 */
  readonly thisUpdate: number;
  readonly nextUpdate: number;
  readonly number: number | bigint;
  /** serial numbers of revoked certificates, all dated `thisUpdate` */
  readonly revoked: readonly bigint[];
  /** further extensions, after the standard ones */
  readonly extensions?: readonly Extension[];
  readonly sign: Sign;
}

/** Builds an X.509 v2 revocation list, ecdsa-with-SHA256. @returns DER */
export function buildRevocationList(template: RevocationListTemplate): Uint8Array {
  const thisUpdate = encodeTime(template.thisUpdate);
  const entries = template.revoked.map((serial) => encodeSequence(encodeUnsigned(serial), thisUpdate));
  const tbs = encodeSequence(
    encodeUnsigned(1),
    ECDSA_WITH_SHA256,
    encodeName(template.issuer),
    thisUpdate,
    encodeTime(template.nextUpdate),
    // RFC 5280 §5.1.2.6: the list is absent when nothing is revoked.
    ...(entries.length === 0 ? [] : [encodeSequence(...entries)]),
    encodeExplicit(
      0,
      encodeExtensions([crlNumber(template.number), authorityKeyId(keyId(template.issuerPublicKey)), ...(template.extensions ?? [])]),
    ),
  );
  return encodeSigned(tbs, template.sign);
}

const toSpki = (key: Uint8Array): Uint8Array => (key.length === 64 || key.length === 65 ? encodeP256PublicKey(key) : key);

/** Leftmost 160 bits of SHA-256 over the key's bits (RFC 7093 §2, method 1). */
function keyId(key: Uint8Array): Uint8Array {
  const spki = new DerReader(toSpki(key), "public key");
  const { spki: der } = readPublicKey(spki.element(TAG.sequence));
  spki.end();
  const body = new DerReader(der, "public key").enter(TAG.sequence);
  body.element();
  return createHash("sha256").update(body.bits()).digest().subarray(0, 20);
}
