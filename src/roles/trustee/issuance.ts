import { type KeyObject, randomBytes, sign } from "node:crypto";
import type { buildCertificate } from "../../crypto/index.ts";

/** Seconds by which certificates are taken back, so that clients and relying parties with a clock a little behind take one that was just made. */
export const BACKDATED = 3600;

/** @param authority  an EC private key. @returns what a certificate has of the authority that issues it: a serial number of its own, and the signature */
export function issuance(authority: KeyObject): Pick<Parameters<typeof buildCertificate>[0], "serial" | "sign"> {
  return {
    // 127 random bits: positive, and never 0 in practice.
    serial: BigInt(`0x${randomBytes(16).toString("hex")}`) >> 1n,
    sign: (tbs) => sign("sha256", tbs, { key: authority, dsaEncoding: "ieee-p1363" }),
  };
}
