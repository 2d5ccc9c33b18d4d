import { CaiError } from "../../system/index.ts";
import { contextTag, DerReader, TAG } from "./der.ts";
import { EXTENSION, type Extension, readAuthorityKeyId, readCrlNumber, readExtensions } from "./extensions.ts";
import { type DistinguishedName, readName } from "./name.ts";
import { readEcdsaAlgorithm, readSigned } from "./public-key.ts";

const MAX_BYTES = 1024 * 1024;
const UNDERSTOOD: readonly string[] = [EXTENSION.crlNumber, EXTENSION.authorityKeyId];
/** They make a list mean something else than "these serials of this issuer", and are to be critical; a list that has one is refused in any case. */
const REFUSED: readonly string[] = [EXTENSION.deltaCrlIndicator, EXTENSION.issuingDistributionPoint];
/** RFC 5280 §5.2.3: CRL numbers have at most 20 octets. */
const MAX_NUMBER = (1n << 160n) - 1n;

/** An X.509 v2 certificate revocation list (RFC 5280 §5.1), signed with ECDSA and SHA-256. */
export interface RevocationList {
  readonly der: Uint8Array;
  /** the bytes that the signature covers */
  readonly tbs: Uint8Array;
  /** r ‖ s, 64 bytes */
  readonly signature: Uint8Array;
  readonly issuer: DistinguishedName;
  /** seconds since 1970 */
  readonly thisUpdate: number;
  readonly nextUpdate: number;
  /** serial numbers of revoked certificates */
  readonly revoked: ReadonlySet<bigint>;
  readonly number: bigint;
  readonly authorityKeyId: Uint8Array | undefined;
}

/**
 * Parses one revocation list in DER. It must have nextUpdate, crlNumber and authority key id, no critical extension besides (tdx.md §2.5), and
 * may be no indirect, partial or delta list.
 *
 * @throws CaiError `crypto.crl-malformed`, whose cause names the place; never an empty list instead
 */
export function parseRevocationList(der: Uint8Array): RevocationList {
  try {
    return read(der);
  } catch (cause) {
    if (!(cause instanceof CaiError)) throw cause;
    throw new CaiError("crypto.crl-malformed", `expected an X.509 v2 revocation list, got other bytes (${cause.message})`, { cause });
  }
}

function read(der: Uint8Array): RevocationList {
  const { tbs, signature } = readSigned(der, "revocation list", MAX_BYTES);

  const body = new DerReader(tbs.content, "revocation list body");
  if (body.small(255) !== 1) throw new CaiError("crypto.der-malformed", "version: expected 2, got another");
  readEcdsaAlgorithm(body, "inner signature algorithm");
  const issuer = readName(body.element(TAG.sequence));
  const thisUpdate = body.time();
  const nextUpdate = body.time();
  const entries = body.optional(TAG.sequence);
  const explicit = new DerReader(body.element(contextTag(0, true)).content, "extensions");
  body.end();
  const extensions = readExtensions(explicit.enter(TAG.sequence));
  explicit.end();
  refuseCritical(extensions, UNDERSTOOD);
  const refused = REFUSED.find((oid) => extensions.has(oid));
  if (refused !== undefined) throw new CaiError("crypto.der-malformed", `extensions: expected those of a whole list, got ${refused}`);
  const number = readCrlNumber(required(extensions, EXTENSION.crlNumber, "crlNumber"));
  if (number > MAX_NUMBER) throw new CaiError("crypto.der-malformed", "crlNumber: expected at most 20 bytes, got more");
  return {
    der,
    tbs: tbs.whole,
    signature,
    issuer,
    thisUpdate,
    nextUpdate,
    revoked: entries === undefined ? new Set() : readEntries(entries.content),
    number,
    authorityKeyId: readAuthorityKeyId(required(extensions, EXTENSION.authorityKeyId, "authority key id")),
  };
}

function readEntries(content: Uint8Array): Set<bigint> {
  const reader = new DerReader(content, "revoked certificates");
  const serials = new Set<bigint>();
  while (!reader.atEnd) {
    const entry = reader.enter(TAG.sequence);
    serials.add(entry.unsigned());
    entry.time();
    if (!entry.atEnd) refuseCritical(readExtensions(entry.enter(TAG.sequence)), []);
    entry.end();
  }
  return serials;
}

function refuseCritical(extensions: ReadonlyMap<string, Extension>, understood: readonly string[]): void {
  for (const { oid, critical } of extensions.values()) {
    if (critical && !understood.includes(oid)) {
      throw new CaiError("crypto.der-malformed", `extensions: expected no unknown critical extension, got ${oid}`);
    }
  }
}

function required(extensions: ReadonlyMap<string, Extension>, oid: string, name: string): Extension {
  const found = extensions.get(oid);
  if (found === undefined) throw new CaiError("crypto.der-malformed", `extensions: expected ${name}, got none`);
  return found;
}
