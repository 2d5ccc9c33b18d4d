import { X509Certificate } from "node:crypto";
import { decodePem } from "../../../crypto/index.ts";
import { CaiError, type JsonObject } from "../../../system/index.ts";
import { type PckFacts, readUnverifiedPck } from "../../../tee/tdx/index.ts";
import { memberRows, type Section } from "../report.ts";
import { type Artefact, type ArtefactKind, dateText, type Explanation } from "./artefact.ts";

const MAX_CERTIFICATES = 16;
const MAX_DER = 64 * 1024;

/** A certificate in DER, or one or more in PEM. */
export const certificate: ArtefactKind = {
  name: "certificate (DER, PEM, or a chain)",
  explain({ bytes, text }: Artefact): Explanation | undefined {
    if (text?.startsWith("-----BEGIN CERTIFICATE-----")) return explain(decodePem(text, "CERTIFICATE", MAX_CERTIFICATES));
    if (text?.includes("PRIVATE KEY-----")) {
      throw new CaiError("owner.artefact-unknown", "this is a private key, which is shown to nobody");
    }
    return looksLikeCertificate(bytes) ? explain([bytes]) : undefined;
  },
};

/** A SEQUENCE in a SEQUENCE that begins with the explicit version of certificates. */
function looksLikeCertificate(bytes: Uint8Array): boolean {
  return bytes[0] === 0x30 && bytes[1] === 0x82 && bytes[4] === 0x30 && bytes[8] === 0xa0;
}

function explain(ders: readonly Uint8Array[]): Explanation {
  const shown = ders.map(certificateFacts);
  return {
    kind: ders.length === 1 ? "X.509 certificate" : `chain of ${ders.length} X.509 certificates`,
    json: { certificates: shown },
    sections: shown.map((facts, at) => ({ title: ders.length === 1 ? "Certificate" : `Certificate ${at + 1}`, rows: memberRows(facts) })),
  };
}

/** What certificates say, as sections of the explanation of something that carries them. */
export const certificateSections = (title: string, facts: readonly JsonObject[]): Section[] =>
  facts.map((each, at) => ({ title: `${title}, certificate ${at + 1}`, rows: memberRows(each) }));

/**
 * What one certificate says.
 *
 * @throws CaiError `crypto.certificate-malformed`
 */
export function certificateFacts(der: Uint8Array): JsonObject {
  const parsed = parse(der);
  const pck = readUnverifiedPck(der);
  return {
    subject: oneLine(parsed.subject),
    issuer: oneLine(parsed.issuer),
    serial: parsed.serialNumber.toLowerCase(),
    not_before: isoDate(parsed.validFrom),
    not_after: isoDate(parsed.validTo),
    ca: parsed.ca,
    key: keyText(parsed),
    sha256: parsed.fingerprint256.replaceAll(":", "").toLowerCase(),
    ...(parsed.subjectAltName !== undefined && { subject_alt_name: parsed.subjectAltName }),
    ...(pck !== undefined && { sgx: pckFacts(pck) }),
  };
}

function parse(der: Uint8Array): X509Certificate {
  try {
    if (der.length <= MAX_DER) return new X509Certificate(der);
  } catch {
    // falls through to the same error as one that is too large
  }
  throw new CaiError("crypto.certificate-malformed", "expected an X.509 certificate, got other bytes");
}

const oneLine = (name: string | undefined): string => (name ?? "").split("\n").reverse().join(", ");

function isoDate(text: string): string {
  const milliseconds = Date.parse(text);
  return Number.isNaN(milliseconds) ? text : dateText(milliseconds / 1000);
}

function keyText(parsed: X509Certificate): string {
  try {
    const { asymmetricKeyType, asymmetricKeyDetails } = parsed.publicKey;
    return [asymmetricKeyType, asymmetricKeyDetails?.namedCurve ?? asymmetricKeyDetails?.modulusLength].filter(Boolean).join(" ");
  } catch {
    return "of a kind that is not known";
  }
}

/** What a machine's certificate says of the machine. */
function pckFacts(pck: PckFacts): JsonObject {
  const { dynamicPlatform, cachedKeys, smtEnabled } = pck.configuration;
  return {
    ppid: pck.ppid.toHex(),
    fmspc: pck.fmspc.toHex(),
    pce_id: pck.pceId.toHex(),
    pce_svn: pck.pceSvn,
    tcb_components: pck.components,
    sgx_type: pck.sgxType,
    ...(pck.platformInstanceId !== undefined && { platform_instance_id: pck.platformInstanceId.toHex() }),
    ...(dynamicPlatform !== undefined && { dynamic_platform: dynamicPlatform }),
    ...(cachedKeys !== undefined && { cached_keys: cachedKeys }),
    ...(smtEnabled !== undefined && { smt_enabled: smtEnabled }),
  };
}
