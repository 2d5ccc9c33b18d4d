import { z } from "zod";
import { type Collateral, malformed, readCollateralJson } from "../collateral.ts";
import { JsonRefused, type SignedText, splitSignedJson } from "../signed-json.ts";
import { decodeChain } from "./answer.ts";

const hex = z
  .string()
  .regex(/^(?:[0-9A-Fa-f]{2})+$/)
  .transform((text) => Uint8Array.fromHex(text));
const chain = z.string().transform((text, context) => {
  const pem = decodeChain(text);
  if (pem === undefined) context.addIssue("expected certificates in PEM, percent-encoded or not");
  return pem ?? "";
});

// Some versions of the tool keep an answer as text, some as what it parses to, written anew with white space of their own. The compact form of the
// latter is what was signed, since the order of members stays (tdx.md §2.9).
const answer = z
  .union([z.string(), z.record(z.string(), z.unknown())])
  .transform((value) => (typeof value === "string" ? value : JSON.stringify(value)));
const optional = answer.nullish();

const schema = z.object({
  collaterals: z.object({
    tcbinfos: z
      .array(
        z.object({
          fmspc: z.string(),
          sgx_tcbinfo: optional,
          tdx_tcbinfo: optional,
          sgx_tcbinfo_early: optional,
          tdx_tcbinfo_early: optional,
        }),
      )
      .max(256),
    pckcacrl: z.object({ processorCrl: hex.optional(), platformCrl: hex.optional() }),
    qeidentity: optional,
    tdqeidentity: optional,
    qeidentity_early: optional,
    tdqeidentity_early: optional,
    certificates: z.object({
      "TCB-Info-Issuer-Chain": chain,
      "SGX-Enclave-Identity-Issuer-Chain": chain,
      "SGX-PCK-Certificate-Issuer-Chain": z.object({ PROCESSOR: chain.optional(), PLATFORM: chain.optional() }),
    }),
    rootcacrl: hex,
  }),
});

/** A set of the file, with what the file says of it. */
export interface PccsSet {
  readonly collateral: Collateral;
  readonly ca: "platform" | "processor";
  readonly update: "standard" | "early";
}

const KINDS = [
  { info: "tdx_tcbinfo", identity: "tdqeidentity", update: "standard" },
  { info: "sgx_tcbinfo", identity: "qeidentity", update: "standard" },
  { info: "tdx_tcbinfo_early", identity: "tdqeidentity_early", update: "early" },
  { info: "sgx_tcbinfo_early", identity: "qeidentity_early", update: "early" },
] as const;

/**
 * Reads the file of the PCCS administration tool. It does not say which authority certified a kind of platform, so there is a set for each of the
 * two whose revocation list it has.
 *
 * @throws CaiError `tdx.collateral-malformed`
 */
export function readPccsFile(json: unknown): PccsSet[] {
  const { collaterals } = readCollateralJson(schema, json, "");
  const { certificates, pckcacrl, rootcacrl } = collaterals;
  const issuers = certificates["SGX-PCK-Certificate-Issuer-Chain"];
  const authorities = [
    { ca: "platform", crl: pckcacrl.platformCrl, chain: issuers.PLATFORM },
    { ca: "processor", crl: pckcacrl.processorCrl, chain: issuers.PROCESSOR },
  ] as const;
  const sets: PccsSet[] = [];
  for (const { info, identity, update } of KINDS) {
    const identityText = collaterals[identity];
    if (typeof identityText !== "string") continue;
    // Once for all platforms: each may be as large as the file.
    const qeIdentity = split(identityText, "enclaveIdentity", `/collaterals/${identity}`);
    for (const [index, infos] of collaterals.tcbinfos.entries()) {
      const infoText = infos[info];
      if (typeof infoText !== "string") continue;
      const tcbInfo = split(infoText, "tcbInfo", `/collaterals/tcbinfos/${index}/${info}`);
      for (const { ca, crl, chain: issuerChain } of authorities) {
        if (crl === undefined || issuerChain === undefined) continue;
        const collateral = {
          pckCrlIssuerChain: issuerChain,
          rootCaCrl: rootcacrl,
          pckCrl: crl,
          tcbInfoIssuerChain: certificates["TCB-Info-Issuer-Chain"],
          tcbInfo: tcbInfo.text,
          tcbInfoSignature: tcbInfo.signature,
          qeIdentityIssuerChain: certificates["SGX-Enclave-Identity-Issuer-Chain"],
          qeIdentity: qeIdentity.text,
          qeIdentitySignature: qeIdentity.signature,
          pckCertificateChain: undefined,
        };
        sets.push({ collateral, ca, update });
      }
    }
  }
  return sets;
}

/** A signed document in a file. @throws CaiError `tdx.collateral-malformed` */
export function split(text: string, member: string, where: string): SignedText {
  try {
    return splitSignedJson(text, member);
  } catch (cause) {
    if (!(cause instanceof JsonRefused)) throw cause;
    throw malformed(where, cause.expected, cause.got, cause);
  }
}
