import { CaiError } from "../../system/index.ts";
import { contextTag, DerReader, TAG } from "./der.ts";
import {
  encodeBoolean,
  encodeElement,
  encodeExplicit,
  encodeNamedBits,
  encodeOctets,
  encodeOid,
  encodeSequence,
  encodeUnsigned,
} from "./der-writer.ts";

/** Object identifiers of the standard extensions (RFC 5280 §4.2.1, §5.2). */
export const EXTENSION = {
  subjectKeyId: "2.5.29.14",
  keyUsage: "2.5.29.15",
  subjectAltName: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  crlNumber: "2.5.29.20",
  deltaCrlIndicator: "2.5.29.27",
  issuingDistributionPoint: "2.5.29.28",
  crlDistributionPoints: "2.5.29.31",
  authorityKeyId: "2.5.29.35",
  extendedKeyUsage: "2.5.29.37",
} as const;

/** One extension as it stands in a certificate or revocation list. */
export interface Extension {
  readonly oid: string;
  readonly critical: boolean;
  /** what the OCTET STRING holds */
  readonly value: Uint8Array;
}

/** Key usages in the order of their bits (RFC 5280 §4.2.1.3). */
const KEY_USAGES = [
  "digitalSignature",
  "nonRepudiation",
  "keyEncipherment",
  "dataEncipherment",
  "keyAgreement",
  "keyCertSign",
  "cRLSign",
  "encipherOnly",
  "decipherOnly",
] as const;
export type KeyUsage = (typeof KEY_USAGES)[number];

/** Purposes of a key that this program names (RFC 5280 §4.2.1.12). */
const KEY_PURPOSES = { serverAuth: "1.3.6.1.5.5.7.3.1", clientAuth: "1.3.6.1.5.5.7.3.2" } as const;
export type KeyPurpose = keyof typeof KEY_PURPOSES;

/** What an alternative name of the subject says. */
export type SubjectAltName = { readonly dns: string } | { readonly uri: string } | { readonly ip: Uint8Array };

/** Reads a SEQUENCE of extensions. @throws CaiError `crypto.der-malformed`, also for an extension that stands there twice */
export function readExtensions(sequence: DerReader): ReadonlyMap<string, Extension> {
  const found = new Map<string, Extension>();
  do {
    const entry = sequence.enter(TAG.sequence);
    const oid = entry.oid();
    const critical = entry.flag();
    const value = entry.octets();
    entry.end();
    if (found.has(oid)) throw new CaiError("crypto.der-malformed", `extensions: expected each once, got ${oid} twice`);
    found.set(oid, { oid, critical, value });
  } while (!sequence.atEnd);
  return found;
}

export interface BasicConstraints {
  readonly ca: boolean;
  /** how many CA certificates may follow below this one; undefined: no limit */
  readonly pathLength: number | undefined;
}

export function readBasicConstraints({ value }: Extension): BasicConstraints {
  const outer = new DerReader(value, "basic constraints");
  const body = outer.enter(TAG.sequence);
  outer.end();
  const ca = body.flag();
  const pathLength = body.atEnd ? undefined : body.small(255);
  body.end();
  if (!ca && pathLength !== undefined) {
    throw new CaiError("crypto.der-malformed", "basic constraints: expected a path length for a CA only, got one without");
  }
  return { ca, pathLength };
}

export function readKeyUsage({ value }: Extension): ReadonlySet<KeyUsage> {
  const reader = new DerReader(value, "key usage");
  const bits = reader.namedBits();
  reader.end();
  return new Set([...bits].flatMap((bit) => KEY_USAGES[bit] ?? []));
}

export function readKeyPurposes({ value }: Extension): readonly string[] {
  const outer = new DerReader(value, "extended key usage");
  const body = outer.enter(TAG.sequence);
  outer.end();
  const purposes = [body.oid()];
  while (!body.atEnd) purposes.push(body.oid());
  return purposes;
}

export function readSubjectKeyId({ value }: Extension): Uint8Array {
  const reader = new DerReader(value, "subject key id");
  const id = reader.octets();
  reader.end();
  return id;
}

/** @returns the key id, or undefined where the extension names the authority in another way */
export function readAuthorityKeyId({ value }: Extension): Uint8Array | undefined {
  const outer = new DerReader(value, "authority key id");
  const body = outer.enter(TAG.sequence);
  outer.end();
  const id = body.optional(contextTag(0, false))?.content;
  // The issuer's names and serial number, which nothing here goes by.
  body.optional(contextTag(1, true));
  body.optional(contextTag(2, false));
  body.end();
  return id;
}

export function readCrlNumber({ value }: Extension): bigint {
  const reader = new DerReader(value, "CRL number");
  const number = reader.unsigned();
  reader.end();
  return number;
}

const encodeExtension = ({ oid, critical, value }: Extension): Uint8Array =>
  encodeSequence(encodeOid(oid), ...(critical ? [encodeBoolean(true)] : []), encodeOctets(value));

export const encodeExtensions = (extensions: readonly Extension[]): Uint8Array => encodeSequence(...extensions.map(encodeExtension));

export const basicConstraints = (ca: boolean, pathLength?: number): Extension => ({
  oid: EXTENSION.basicConstraints,
  critical: true,
  value: encodeSequence(...(ca ? [encodeBoolean(true)] : []), ...(pathLength === undefined ? [] : [encodeUnsigned(pathLength)])),
});

export const keyUsage = (usages: readonly KeyUsage[]): Extension => ({
  oid: EXTENSION.keyUsage,
  critical: true,
  value: encodeNamedBits(usages.map((usage) => KEY_USAGES.indexOf(usage))),
});

export const keyPurposes = (purposes: readonly KeyPurpose[]): Extension => ({
  oid: EXTENSION.extendedKeyUsage,
  critical: false,
  value: encodeSequence(...purposes.map((purpose) => encodeOid(KEY_PURPOSES[purpose]))),
});

export const subjectKeyId = (id: Uint8Array): Extension => ({ oid: EXTENSION.subjectKeyId, critical: false, value: encodeOctets(id) });

export const authorityKeyId = (id: Uint8Array): Extension => ({
  oid: EXTENSION.authorityKeyId,
  critical: false,
  value: encodeSequence(encodeElement(contextTag(0, false), id)),
});

export const crlNumber = (number: number | bigint): Extension => ({
  oid: EXTENSION.crlNumber,
  critical: false,
  value: encodeUnsigned(number),
});

/** One distribution point with one URI as its full name. */
export const crlDistributionPoint = (uri: string): Extension => ({
  oid: EXTENSION.crlDistributionPoints,
  critical: false,
  value: encodeSequence(
    encodeSequence(encodeExplicit(0, encodeExplicit(0, encodeElement(contextTag(6, false), new TextEncoder().encode(uri))))),
  ),
});

export const subjectAltNames = (names: readonly SubjectAltName[]): Extension => ({
  oid: EXTENSION.subjectAltName,
  critical: false,
  value: encodeSequence(
    ...names.map((name) => {
      if ("dns" in name) return encodeElement(contextTag(2, false), new TextEncoder().encode(name.dns));
      if ("uri" in name) return encodeElement(contextTag(6, false), new TextEncoder().encode(name.uri));
      return encodeElement(contextTag(7, false), name.ip);
    }),
  ),
});
