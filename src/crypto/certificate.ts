import { CaiError } from "../system/index.ts";
import { contextTag, DerReader, TAG } from "./x509/der.ts";
import {
  type BasicConstraints,
  EXTENSION,
  type Extension,
  type KeyUsage,
  readAuthorityKeyId,
  readBasicConstraints,
  readExtensions,
  readKeyPurposes,
  readKeyUsage,
  readSubjectKeyId,
} from "./x509/extensions.ts";
import { type DistinguishedName, readName } from "./x509/name.ts";
import { decodePem, encodePem } from "./x509/pem.ts";
import { readEcdsaAlgorithm, readPublicKey, readSigned, type SubjectPublicKey } from "./x509/public-key.ts";

/** Larger than any certificate of this field by far, so that nobody pays for parsing a huge one. */
const MAX_BYTES = 16 * 1024;
/** RFC 5280 §4.1.2.2: serial numbers have at most 20 octets. */
const MAX_SERIAL = (1n << 160n) - 1n;

/** An X.509 v3 certificate (RFC 5280 §4.1), signed with ECDSA and SHA-256. Byte members share the memory of `der`. */
export interface Certificate {
  readonly der: Uint8Array;
  /** the bytes that the signature covers */
  readonly tbs: Uint8Array;
  /** r ‖ s, 64 bytes */
  readonly signature: Uint8Array;
  /** never negative; compare these, not their encodings */
  readonly serial: bigint;
  readonly issuer: DistinguishedName;
  readonly subject: DistinguishedName;
  /** seconds since 1970; both ends belong to the validity */
  readonly notBefore: number;
  readonly notAfter: number;
  readonly publicKey: SubjectPublicKey;
  /** by dotted object identifier */
  readonly extensions: ReadonlyMap<string, Extension>;
  readonly basicConstraints: BasicConstraints | undefined;
  readonly keyUsage: ReadonlySet<KeyUsage> | undefined;
  /** dotted object identifiers of the purposes; undefined: not limited */
  readonly keyPurposes: readonly string[] | undefined;
  readonly subjectKeyId: Uint8Array | undefined;
  readonly authorityKeyId: Uint8Array | undefined;
}

/**
 * Parses one certificate in DER; nothing may follow it.
 *
 * @throws CaiError `crypto.certificate-malformed`, whose cause names the place
 */
export function parseCertificate(der: Uint8Array): Certificate {
  try {
    return read(der);
  } catch (cause) {
    if (!(cause instanceof CaiError)) throw cause;
    throw new CaiError("crypto.certificate-malformed", `expected an X.509 v3 certificate, got other bytes (${cause.message})`, { cause });
  }
}

/** Parses every certificate of a PEM text, in its order. @throws CaiError `crypto.pem-malformed`, `crypto.certificate-malformed` */
export const parseCertificates = (pem: string, max?: number): Certificate[] => decodePem(pem, "CERTIFICATE", max).map(parseCertificate);

/** PEM of one certificate or of a chain, in the given order. */
export const certificatePem = (...ders: readonly Uint8Array[]): string => ders.map((der) => encodePem(der, "CERTIFICATE")).join("");

function read(der: Uint8Array): Certificate {
  const { tbs, signature } = readSigned(der, "certificate", MAX_BYTES);

  const body = new DerReader(tbs.content, "certificate body");
  const version = body.enter(contextTag(0, true));
  if (version.small(255) !== 2) throw new CaiError("crypto.der-malformed", "version: expected 3, got another");
  version.end();
  const serial = body.unsigned();
  if (serial > MAX_SERIAL) throw new CaiError("crypto.der-malformed", "serial number: expected at most 20 bytes, got more");
  readEcdsaAlgorithm(body, "inner signature algorithm");
  const issuer = readName(body.element(TAG.sequence));
  const validity = body.enter(TAG.sequence);
  const notBefore = validity.time();
  const notAfter = validity.time();
  validity.end();
  const subject = readName(body.element(TAG.sequence));
  const publicKey = readPublicKey(body.element(TAG.sequence));
  const explicit = body.optional(contextTag(3, true));
  body.end();

  const extensions = explicit === undefined ? new Map<string, Extension>() : readExplicitExtensions(explicit.content);
  const extension = <T>(oid: string, reader: (extension: Extension) => T): T | undefined => {
    const found = extensions.get(oid);
    return found && reader(found);
  };
  return {
    der,
    tbs: tbs.whole,
    signature,
    serial,
    issuer,
    subject,
    notBefore,
    notAfter,
    publicKey,
    extensions,
    basicConstraints: extension(EXTENSION.basicConstraints, readBasicConstraints),
    keyUsage: extension(EXTENSION.keyUsage, readKeyUsage),
    keyPurposes: extension(EXTENSION.extendedKeyUsage, readKeyPurposes),
    subjectKeyId: extension(EXTENSION.subjectKeyId, readSubjectKeyId),
    authorityKeyId: extension(EXTENSION.authorityKeyId, readAuthorityKeyId),
  };
}

function readExplicitExtensions(content: Uint8Array): ReadonlyMap<string, Extension> {
  const reader = new DerReader(content, "extensions");
  const extensions = readExtensions(reader.enter(TAG.sequence));
  reader.end();
  return extensions;
}
