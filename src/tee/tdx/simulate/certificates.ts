import {
  buildCertificate,
  type CertificateTemplate,
  encodeBoolean,
  encodeOctets,
  encodeOid,
  encodeSequence,
  encodeUnsigned,
  TAG,
} from "../../../crypto/index.ts";
import { SGX_EXTENSION } from "../pck.ts";
import { derive, deriveKey, deriveSerial, type SimulatedKey } from "./key.ts";
import type { SimulatedKnobs } from "./knobs.ts";

/** The kind of platform that simulated machines are: 6 bytes and 2 bytes. */
export const SIMULATED_FMSPC: Uint8Array = Uint8Array.fromHex("00cafe000000");
export const SIMULATED_PCE_ID: Uint8Array = new Uint8Array(2);

export const NAMES = {
  root: "cai Simulated SGX Root CA",
  platform: "cai Simulated SGX PCK Platform CA",
  pck: "cai Simulated SGX PCK Certificate",
  signing: "cai Simulated SGX TCB Signing",
} as const;
type Role = keyof typeof NAMES;

/** Certificates are dated once for ever, so that a platform's anchor does not change when its collateral is renewed. */
const NOT_BEFORE = Date.UTC(2020, 0, 1) / 1000;
const NOT_AFTER = Date.UTC(2049, 11, 31, 23, 59, 59) / 1000;
const CRL_URI = "https://simulated.invalid/root.crl";

/** Keys and certificates of a simulated platform (tdx.md §5.2). */
export interface SimulatedCertificates {
  readonly keys: Readonly<Record<Role | "attestation", SimulatedKey>>;
  readonly serials: Readonly<Record<Role, bigint>>;
  /** DER */
  readonly ders: Readonly<Record<Role, Uint8Array>>;
}

/** Makes all keys and certificates from the seed; the same seed gives the same bytes. */
export function makeCertificates(seed: Uint8Array, { components, pceSvn }: SimulatedKnobs): SimulatedCertificates {
  const key = (label: string): SimulatedKey => deriveKey(seed, label);
  const keys = { root: key("root"), platform: key("platform"), pck: key("pck"), signing: key("signing"), attestation: key("attestation") };
  const serial = (label: Role): bigint => deriveSerial(seed, label);
  const serials = { root: serial("root"), platform: serial("platform"), pck: serial("pck"), signing: serial("signing") };
  const build = (role: Role, issuer: Role, more: Pick<CertificateTemplate, "ca" | "keyUsage" | "extensions">): Uint8Array =>
    buildCertificate({
      serial: serials[role],
      subject: NAMES[role],
      issuer: NAMES[issuer],
      notBefore: NOT_BEFORE,
      notAfter: NOT_AFTER,
      publicKey: keys[role].point,
      issuerPublicKey: keys[issuer].point,
      crlDistributionPoint: CRL_URI,
      sign: keys[issuer].sign,
      ...more,
    });
  const extension = { oid: SGX_EXTENSION, critical: false, value: sgxExtension(seed, components, pceSvn) };
  const ders = {
    root: build("root", "root", { ca: { pathLength: 1 }, keyUsage: ["keyCertSign", "cRLSign"] }),
    platform: build("platform", "root", { ca: { pathLength: 0 }, keyUsage: ["keyCertSign", "cRLSign"] }),
    pck: build("pck", "platform", { keyUsage: ["digitalSignature", "nonRepudiation"], extensions: [extension] }),
    signing: build("signing", "root", { keyUsage: ["digitalSignature", "nonRepudiation"] }),
  };
  return { keys, serials, ders };
}

/** The seven entries that certificates of the Platform CA have (tdx.md §2.3). */
function sgxExtension(seed: Uint8Array, components: readonly number[], pceSvn: number): Uint8Array {
  const pair = (path: string, value: Uint8Array): Uint8Array => encodeSequence(encodeOid(`${SGX_EXTENSION}.${path}`), value);
  return encodeSequence(
    pair("1", encodeOctets(derive(seed, "ppid", 16))),
    pair(
      "2",
      encodeSequence(
        ...components.map((svn, index) => pair(`2.${index + 1}`, encodeUnsigned(svn))),
        pair("2.17", encodeUnsigned(pceSvn)),
        pair("2.18", encodeOctets(Uint8Array.from(components))),
      ),
    ),
    pair("3", encodeOctets(SIMULATED_PCE_ID)),
    pair("4", encodeOctets(SIMULATED_FMSPC)),
    pair("5", encodeUnsigned(1, TAG.enumerated)),
    pair("6", encodeOctets(derive(seed, "platform instance id", 16))),
    pair("7", encodeSequence(...[true, false, true].map((value, index) => pair(`7.${index + 1}`, encodeBoolean(value))))),
  );
}
