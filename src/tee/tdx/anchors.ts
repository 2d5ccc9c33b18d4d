import { createHash } from "node:crypto";
import { type Certificate, checkIssued, checkPlace, parseCertificate, parseCertificates } from "../../crypto/index.ts";
import { CaiError } from "../../system/index.ts";
import type { TrustAnchor } from "../tee.ts";
import { sameBytes } from "./layout.ts";

/** The Intel SGX Root CA, valid 2018-05-21 to 2049-12-31, as every PCK chain carries it (tdx.md §2.3). */
const INTEL_ROOT = `-----BEGIN CERTIFICATE-----
MIICjzCCAjSgAwIBAgIUImUM1lqdNInzg7SVUr9QGzknBqwwCgYIKoZIzj0EAwIw
aDEaMBgGA1UEAwwRSW50ZWwgU0dYIFJvb3QgQ0ExGjAYBgNVBAoMEUludGVsIENv
cnBvcmF0aW9uMRQwEgYDVQQHDAtTYW50YSBDbGFyYTELMAkGA1UECAwCQ0ExCzAJ
BgNVBAYTAlVTMB4XDTE4MDUyMTEwNDUxMFoXDTQ5MTIzMTIzNTk1OVowaDEaMBgG
A1UEAwwRSW50ZWwgU0dYIFJvb3QgQ0ExGjAYBgNVBAoMEUludGVsIENvcnBvcmF0
aW9uMRQwEgYDVQQHDAtTYW50YSBDbGFyYTELMAkGA1UECAwCQ0ExCzAJBgNVBAYT
AlVTMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEC6nEwMDIYZOj/iPWsCzaEKi7
1OiOSLRFhWGjbnBVJfVnkY4u3IjkDYYL0MxO4mqsyYjlBalTVYxFP2sJBK5zlKOB
uzCBuDAfBgNVHSMEGDAWgBQiZQzWWp00ifODtJVSv1AbOScGrDBSBgNVHR8ESzBJ
MEegRaBDhkFodHRwczovL2NlcnRpZmljYXRlcy50cnVzdGVkc2VydmljZXMuaW50
ZWwuY29tL0ludGVsU0dYUm9vdENBLmRlcjAdBgNVHQ4EFgQUImUM1lqdNInzg7SV
Ur9QGzknBqwwDgYDVR0PAQH/BAQDAgEGMBIGA1UdEwEB/wQIMAYBAf8CAQEwCgYI
KoZIzj0EAwIDSQAwRgIhAOW/5QkR+S9CiSDcNoowLuPRLsWGf/Yi7GSX94BgwTwg
AiEA4J0lrHoMs+Xo5o/sX6O9QWxHRAvZUGOdRQ7cvqRXaqI=
-----END CERTIFICATE-----
`;

/** What a simulated root's common name must contain, so that no reader takes it for a real one (tdx.md §5.1). */
const SIMULATED = "Simulated";

/** SHA-256 of the public key info of test roots whose private keys are public: they prove nothing, not even a simulation (security.md I13). */
const PUBLIC_TEST_ROOTS: readonly string[] = ["59b9a58d499efb0332390f5d059e921d2a0e104aac15965f09f893df0315ec29"];

/** The production roots of TDX and SGX. There is no other way for a root to be one (security.md I13). */
export function builtInAnchors(): readonly TrustAnchor[] {
  return parseCertificates(INTEL_ROOT, 1).map(({ der }) => ({ certificate: der, simulated: false }));
}

/** Lower-case SHA-256 hex of the certificate's public key info: the name of an anchor in claims. */
export const anchorId = (certificate: Certificate): string => createHash("sha256").update(certificate.publicKey.spki).digest("hex");

/** True where both certificates are of the same subject and key: a root that was issued anew stays the same anchor (tdx.md §2.3). */
export const sameAnchor = (a: Certificate, b: Certificate): boolean =>
  sameBytes(a.publicKey.spki, b.publicKey.spki) && sameBytes(a.subject.der, b.subject.der);

/**
 * Reads a root certificate that an operator names.
 *
 * @param pemOrDer   one certificate
 * @param simulated  whether the operator calls it the root of a simulated platform
 * @throws CaiError  `tdx.anchor-refused` for everything but a self-signed CA that is either a built-in root called production, or one with
 *                   `Simulated` in its common name called simulated, and whose private key is not public
 */
export function loadAnchors(pemOrDer: Uint8Array, simulated: boolean): TrustAnchor {
  const certificate = readRoot(pemOrDer);
  const production = isProduction(certificate);
  const name = certificate.subject.commonName ?? "";
  if (!simulated && !production) throw refused("a production root, which is compiled in", JSON.stringify(name));
  if (simulated && (production || !name.includes(SIMULATED))) {
    throw refused(`a common name with ${JSON.stringify(SIMULATED)} for a simulated root`, JSON.stringify(name));
  }
  if (PUBLIC_TEST_ROOTS.includes(anchorId(certificate))) {
    throw refused("a root whose private key is not public", `${JSON.stringify(name)} of the test vectors`);
  }
  return { certificate: certificate.der, simulated };
}

/**
 * Reads a root certificate that the user of an offline verification names. What it leads to opens nothing, so roots whose private key is public are
 * taken, too. A root counts as simulated by its name alone: one that is neither compiled in nor says so is refused, since it would pass for a
 * manufacturer's (security.md I13).
 *
 * @throws CaiError `tdx.anchor-refused`
 */
export function anchorByName(pemOrDer: Uint8Array): TrustAnchor {
  const certificate = readRoot(pemOrDer);
  if (isProduction(certificate)) return { certificate: certificate.der, simulated: false };
  const name = certificate.subject.commonName ?? "";
  if (name.includes(SIMULATED)) return { certificate: certificate.der, simulated: true };
  throw refused(`a root that is compiled in, or a common name with ${JSON.stringify(SIMULATED)}`, JSON.stringify(name));
}

const isProduction = (certificate: Certificate): boolean =>
  builtInAnchors().some((anchor) => sameAnchor(parseCertificate(anchor.certificate), certificate));

function readRoot(pemOrDer: Uint8Array): Certificate {
  try {
    const isDer = pemOrDer[0] === 0x30;
    const [certificate] = isDer ? [parseCertificate(pemOrDer)] : parseCertificates(Buffer.from(pemOrDer).toString("latin1"), 1);
    checkPlace(certificate!, 0);
    checkIssued(certificate!, certificate!);
    return certificate!;
  } catch (cause) {
    if (!(cause instanceof CaiError)) throw cause;
    throw new CaiError("tdx.anchor-refused", `trust anchor: expected one self-signed CA certificate (${cause.message})`, { cause });
  }
}

function refused(expected: string, got: string): CaiError {
  return new CaiError("tdx.anchor-refused", `trust anchor: expected ${expected}, got ${got}`, { expected, got });
}
