import { createHash } from "node:crypto";
import type { Certificate, RevocationList } from "../../crypto/index.ts";
import type { JsonObject } from "../../system/index.ts";
import { anchorId } from "./anchors.ts";
import type { PckChain } from "./chain.ts";
import type { QeIdentity } from "./qe-identity.ts";
import type { Quote } from "./quote.ts";
import type { VerifiedDocument } from "./signed-document.ts";
import type { Finding } from "./steps.ts";
import type { TcbInfo } from "./tcb-info.ts";
import { type Dated, rfc3339, type Validity } from "./validity.ts";

// What the report of a verification tells of its steps: made of the values that the steps themselves gave, and only where somebody listens.

export function quoteFinding(quote: Quote | undefined): Finding {
  if (quote === undefined) return {};
  const { tee, version, body, certification } = quote;
  const kind = body.kind === "td" ? `TD report of body type ${body.report.type}` : "enclave report";
  return {
    got: `${tee.toUpperCase()} quote, version ${version}, ${kind}, certification data of type ${certification.type}`,
    facts: { tee, version, body: kind, certification_type: certification.type, signed_bytes: quote.signed.length },
  };
}

export function chainFinding(chain: PckChain | undefined): Finding {
  if (chain === undefined) return {};
  const { leaf, intermediate, root, anchor, facts } = chain;
  return {
    expected: "a root that is trusted",
    got: `${nameOf(root)}, ${anchor.simulated ? "of a SIMULATED platform" : "compiled in"}`,
    facts: {
      certificates: [leaf, intermediate, root].map(certificateFacts),
      trust_anchor: anchorId(anchor.certificate),
      simulated: anchor.simulated,
      fmspc: facts.fmspc.toHex(),
      pce_id: facts.pceId.toHex(),
      ppid: facts.ppid.toHex(),
      sgx_type: facts.sgxType,
    },
  };
}

export function qeReportFinding({ qeReport, attestationKey }: Quote): Finding {
  return {
    facts: {
      mr_enclave: qeReport.mrEnclave.toHex(),
      mr_signer: qeReport.mrSigner.toHex(),
      isv_prod_id: qeReport.isvProdId,
      isv_svn: qeReport.isvSvn,
      attestation_key: createHash("sha256").update(attestationKey).digest("hex"),
    },
  };
}

export function listFinding(issuer: Certificate, list: RevocationList | undefined): Finding {
  if (list === undefined) return { facts: { issuer: nameOf(issuer) } };
  return {
    got: `number ${list.number}, ${list.revoked.size} revoked, ${day(list.thisUpdate)} to ${day(list.nextUpdate)}`,
    facts: {
      issuer: nameOf(issuer),
      number: Number(list.number),
      revoked: list.revoked.size,
      this_update: rfc3339(list.thisUpdate),
      next_update: rfc3339(list.nextUpdate),
    },
  };
}

export function certificatesFinding(certificates: readonly Certificate[] | undefined): Finding {
  return certificates === undefined ? {} : { facts: { certificates: certificates.map(certificateFacts) } };
}

export function revocationFinding(certificate: Certificate, list: RevocationList): Finding {
  const serial = certificate.serial.toString(16);
  return { got: `serial ${serial} is not among ${list.revoked.size}`, facts: { name: nameOf(certificate), serial } };
}

export function documentFinding(document: VerifiedDocument<TcbInfo | QeIdentity> | undefined): Finding {
  if (document === undefined) return {};
  const { chain, value, signed } = document;
  const resealed = signed === "resealed" ? ", signed in its compact form" : "";
  return {
    got: `${value.id}, evaluation number ${value.evaluationNumber}, ${day(value.issueDate)} to ${day(value.nextUpdate)}${resealed}`,
    facts: {
      id: value.id,
      evaluation_data_number: value.evaluationNumber,
      issue_date: rfc3339(value.issueDate),
      next_update: rfc3339(value.nextUpdate),
      signature: signed,
      certificates: [chain.leaf, chain.root].map(certificateFacts),
    },
  };
}

export function validityFinding(items: readonly Dated[], now: number, validity: Validity | undefined): Finding {
  return {
    expected: `valid at ${rfc3339(now)}`,
    ...(validity && {
      got: `all valid until ${rfc3339(validity.earliestExpiration)}${validity.earliestExpiration < now ? ", which is past" : ""}`,
    }),
    facts: { items: items.map(({ what, from, until }) => ({ what, from: rfc3339(from), until: rfc3339(until) })) },
  };
}

export function platformIdFinding(info: TcbInfo): Finding {
  const [fmspc, pceId] = [info.fmspc.toHex(), info.pceId.toHex()];
  return { got: `${info.id}, FMSPC ${fmspc}, PCEID ${pceId}`, facts: { id: info.id, fmspc, pce_id: pceId } };
}

function certificateFacts(certificate: Certificate): JsonObject {
  const { serial, notBefore, notAfter, issuer } = certificate;
  return {
    subject: nameOf(certificate),
    issuer: issuer.commonName ?? "",
    serial: serial.toString(16),
    not_before: rfc3339(notBefore),
    not_after: rfc3339(notAfter),
  };
}

const nameOf = ({ subject }: Certificate): string => subject.commonName ?? "";

const day = (seconds: number): string => rfc3339(seconds).slice(0, 10);
