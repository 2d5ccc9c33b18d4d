import { z } from "zod";
import { decodePem } from "../../crypto/index.ts";
import { CaiError } from "../../system/index.ts";

const MAX_BUNDLE = 4 * 1024 * 1024;

/**
 * What the manufacturer says about a platform, as it was delivered; nothing of it is believed before it is verified. It never changes once it is
 * made, bytes included: what was verified of it is remembered for the object.
 */
export interface Collateral {
  /** PEM: intermediate and root */
  readonly pckCrlIssuerChain: string;
  /** DER */
  readonly rootCaCrl: Uint8Array;
  /** DER */
  readonly pckCrl: Uint8Array;
  /** PEM: signing certificate and root */
  readonly tcbInfoIssuerChain: string;
  /** JSON text, the exact characters that are signed */
  readonly tcbInfo: string;
  /** r ‖ s, 64 bytes */
  readonly tcbInfoSignature: Uint8Array;
  /** PEM: signing certificate and root */
  readonly qeIdentityIssuerChain: string;
  /** JSON text, the exact characters that are signed */
  readonly qeIdentity: string;
  /** r ‖ s, 64 bytes */
  readonly qeIdentitySignature: Uint8Array;
  /** PEM: leaf, intermediate and root, for quotes that carry no chain */
  readonly pckCertificateChain: string | undefined;
}

// Writers of bundles differ: hexadecimal text, or an array of byte values (tdx.md §2.9).
const hex = z
  .string()
  .regex(/^(?:[0-9A-Fa-f]{2})*$/)
  .transform((text) => Uint8Array.fromHex(text));
const byteArray = z.array(z.int().min(0).max(255)).transform((values) => Uint8Array.from(values));
const bytes = z.union([hex, byteArray]);
const signature = bytes.refine((value) => value.length === 64, { error: "expected 64 bytes" });
const crlPem = z
  .string()
  .includes("-----BEGIN X509 CRL-----")
  .transform((text, context) => {
    try {
      return decodePem(text, "X509 CRL", 1)[0]!;
    } catch (cause) {
      if (!(cause instanceof CaiError)) throw cause;
      context.addIssue({ code: "custom", message: cause.message });
      return z.NEVER;
    }
  });
const crl = z.union([bytes, crlPem]);

const bundleSchema = z.object({
  pck_crl_issuer_chain: z.string(),
  root_ca_crl: crl,
  pck_crl: crl,
  tcb_info_issuer_chain: z.string(),
  tcb_info: z.string(),
  tcb_info_signature: signature,
  qe_identity_issuer_chain: z.string(),
  qe_identity: z.string(),
  qe_identity_signature: signature,
  pck_certificate_chain: z.string().nullish(),
});

/**
 * Reads a collateral bundle: one JSON object with the members of tdx.md §2.9, form 1.
 *
 * @throws CaiError `tdx.collateral-malformed`, naming the first member that is not as it should be
 */
export function parseBundle(text: string): Collateral {
  return readBundle(parseCollateralJson(text, MAX_BUNDLE));
}

/** @throws CaiError `tdx.collateral-malformed` for text that is longer than `max` characters or no JSON */
export function parseCollateralJson(text: string, max: number): unknown {
  if (text.length > max) throw malformed("", `at most ${max} characters`, `${text.length}`);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw malformed("", "a JSON object", "text that is no JSON", cause);
  }
}

/**
 * Gives JSON the form that a schema describes.
 *
 * @param where  the place of `json` in its file, for messages
 * @throws CaiError `tdx.collateral-malformed`, naming the first member that is not as it should be
 */
export function readCollateralJson<Schema extends z.ZodType>(schema: Schema, json: unknown, where: string): z.output<Schema> {
  try {
    return schema.parse(json);
  } catch (cause) {
    // The schema's transformations throw errors of their own.
    const issue = cause instanceof z.ZodError ? cause.issues[0] : undefined;
    const place = `${where}/${issue?.path.join("/") ?? ""}`;
    throw malformed(place, "the form of a collateral bundle", issue?.message ?? "something else", cause);
  }
}

/** As {@link parseBundle}, for JSON that is parsed already. */
export function readBundle(json: unknown, where = ""): Collateral {
  const bundle = readCollateralJson(bundleSchema, json, where);
  return {
    pckCrlIssuerChain: bundle.pck_crl_issuer_chain,
    rootCaCrl: bundle.root_ca_crl,
    pckCrl: bundle.pck_crl,
    tcbInfoIssuerChain: bundle.tcb_info_issuer_chain,
    tcbInfo: bundle.tcb_info,
    tcbInfoSignature: bundle.tcb_info_signature,
    qeIdentityIssuerChain: bundle.qe_identity_issuer_chain,
    qeIdentity: bundle.qe_identity,
    qeIdentitySignature: bundle.qe_identity_signature,
    pckCertificateChain: bundle.pck_certificate_chain ?? undefined,
  };
}

/** Writes a collateral bundle that `parseBundle` reads back. */
export const formatBundle = (collateral: Collateral): string => JSON.stringify(bundleMembers(collateral));

/** The members of a bundle, which `readBundle` reads back. */
export function bundleMembers(collateral: Collateral): Readonly<Record<string, string>> {
  const { pckCertificateChain } = collateral;
  return {
    pck_crl_issuer_chain: collateral.pckCrlIssuerChain,
    root_ca_crl: collateral.rootCaCrl.toHex(),
    pck_crl: collateral.pckCrl.toHex(),
    tcb_info_issuer_chain: collateral.tcbInfoIssuerChain,
    tcb_info: collateral.tcbInfo,
    tcb_info_signature: collateral.tcbInfoSignature.toHex(),
    qe_identity_issuer_chain: collateral.qeIdentityIssuerChain,
    qe_identity: collateral.qeIdentity,
    qe_identity_signature: collateral.qeIdentitySignature.toHex(),
    ...(pckCertificateChain !== undefined && { pck_certificate_chain: pckCertificateChain }),
  };
}

export function malformed(where: string, expected: string, got: string, cause?: unknown): CaiError {
  return new CaiError("tdx.collateral-malformed", `collateral bundle${where}: expected ${expected}, got ${got}`, { expected, got, cause });
}
