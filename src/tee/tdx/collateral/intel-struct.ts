import { z } from "zod";
import { withoutTrailingNuls } from "../../../crypto/index.ts";
import { CaiError } from "../../../system/index.ts";
import { type Collateral, malformed, readCollateralJson } from "../collateral.ts";
import { readRevocationList } from "./answer.ts";
import { split } from "./pccs-file.ts";

const MAX_BLOB = 1024 * 1024;

// In C the blobs are arrays of `char`, which is signed on the machines where this is made; writers differ in how they show that.
const blob = z
  .union([z.string().max(MAX_BLOB), z.array(z.int().min(-128).max(255)).max(MAX_BLOB)])
  .transform((value) => (typeof value === "string" ? Buffer.from(value, "latin1") : Uint8Array.from(value, (byte) => byte & 0xff)));

const schema = z.object({
  major_version: z.literal(3),
  minor_version: z.union([z.literal(0), z.literal(1)]),
  pck_crl_issuer_chain: blob,
  root_ca_crl: blob,
  pck_crl: blob,
  tcb_info_issuer_chain: blob,
  tcb_info: blob,
  qe_identity_issuer_chain: blob,
  qe_identity: blob,
});

/**
 * Reads Intel's `sgx_ql_qve_collateral_t` of version 3 as JSON: the members by their names, blobs as text or arrays of bytes. The structure has no
 * serialisation of Intel's own. Documents are whole answers with their signature; revocation lists are hexadecimal in 3.0 and DER in 3.1, and which
 * it is shows (tdx.md §2.9, form 3).
 *
 * @throws CaiError `tdx.collateral-malformed`
 */
export function readIntelStruct(json: unknown): Collateral {
  const struct = readCollateralJson(schema, json, "");
  const tcbInfo = split(textOf(struct.tcb_info), "tcbInfo", "/tcb_info");
  const qeIdentity = split(textOf(struct.qe_identity), "enclaveIdentity", "/qe_identity");
  return {
    pckCrlIssuerChain: textOf(struct.pck_crl_issuer_chain),
    rootCaCrl: listOf(struct.root_ca_crl, "/root_ca_crl"),
    pckCrl: listOf(struct.pck_crl, "/pck_crl"),
    tcbInfoIssuerChain: textOf(struct.tcb_info_issuer_chain),
    tcbInfo: tcbInfo.text,
    tcbInfoSignature: tcbInfo.signature,
    qeIdentityIssuerChain: textOf(struct.qe_identity_issuer_chain),
    qeIdentity: qeIdentity.text,
    qeIdentitySignature: qeIdentity.signature,
    pckCertificateChain: undefined,
  };
}

/** Texts end with the NUL of C. */
const textOf = (bytes: Uint8Array): string => Buffer.from(withoutTrailingNuls(bytes)).toString("utf8");

function listOf(bytes: Uint8Array, where: string): Uint8Array {
  try {
    // Hexadecimal is text and ends with a NUL; DER says itself how long it is, and a NUL behind it would be refused with the list.
    return readRevocationList(bytes[0] === 0x30 ? bytes : Buffer.from(textOf(bytes), "latin1"), where);
  } catch (cause) {
    if (!(cause instanceof CaiError)) throw cause;
    throw malformed(where, "a revocation list", "other bytes", cause);
  }
}
