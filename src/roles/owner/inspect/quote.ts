import { decodePem } from "../../../crypto/index.ts";
import { CaiError, type JsonObject } from "../../../system/index.ts";
import { attributeClaims, looksLikeQuote, type ShownField, showQuote } from "../../../tee/tdx/index.ts";
import { memberRows, type Section } from "../report.ts";
import type { Artefact, ArtefactKind, Explanation } from "./artefact.ts";
import { certificateFacts, certificateSections } from "./certificate.ts";
import { byPart, fieldRows, fieldsJson } from "./fields.ts";

/** What certification data of each type is (tdx.md §1.5). */
const CERTIFICATION: Readonly<Record<number, string>> = {
  1: "PPID in the clear",
  2: "PPID, encrypted with RSA-2048",
  3: "PPID, encrypted with RSA-3072",
  4: "the machine's certificate alone",
  5: "the machine's certificate chain",
};

const DEBUG_ENCLAVE = 0x02;

/** A DCAP quote of TDX or SGX, raw. */
export const quote: ArtefactKind = {
  name: "quote of TDX or SGX (raw, hexadecimal, base64)",
  explain: ({ bytes }: Artefact): Explanation | undefined => (looksLikeQuote(bytes) ? explainQuote(bytes) : undefined),
};

/** @throws CaiError `tdx.unsupported-quote`, `sgx.unsupported-quote` */
export function explainQuote(bytes: Uint8Array): Explanation {
  const { quote: parsed, fields, padding } = showQuote(bytes);
  const { tee, version, body, certification } = parsed;
  const kind = `${tee.toUpperCase()} quote, version ${version}`;
  const attributes =
    body.kind === "td" ? attributeClaims(body.report.tdAttributes) : { debug: (body.report.attributes[0]! & DEBUG_ENCLAVE) !== 0 };
  const { certificates, trouble } = carried(certification.type, certification.data);
  const json: JsonObject = {
    tee,
    version,
    size: bytes.length,
    padding,
    ...fieldsJson(fields),
    attributes,
    certification_type: certification.type,
    certificates,
  };
  const sections: Section[] = [
    {
      title: kind,
      rows: [
        ["size", `${bytes.length} bytes, of which ${padding} at the end are padding that nothing authenticates`],
        ["signed", `${parsed.signed.length} bytes by the attestation key`],
        ["certification", `type ${certification.type}: ${CERTIFICATION[certification.type]}`],
        ...memberRows(attributes),
        ...(trouble === undefined ? [] : [["certificates", trouble]]),
      ],
    },
    ...[...byPart(fields)].map(([part, own]) => ({
      title: part,
      rows: [["offset", "size", "field", "value", "meaning"], ...fieldRows(own, meaningOf)],
    })),
    ...certificateSections("Chain of the machine", certificates),
  ];
  return { kind, json, sections };
}

/** The certificates that a quote carries; what cannot be read is told and does not hide the rest. */
function carried(type: number, data: Uint8Array): { certificates: JsonObject[]; trouble?: string } {
  if (type < 4) return { certificates: [] };
  try {
    const text = Buffer.from(data).toString("latin1").split("\0")[0]!;
    return { certificates: decodePem(text, "CERTIFICATE", 4).map(certificateFacts) };
  } catch (error) {
    if (!(error instanceof CaiError)) throw error;
    return { certificates: [], trouble: `cannot be read: ${error.message}` };
  }
}

/** Numbers that have names, and flags. */
function meaningOf({ part, name, value }: ShownField): string {
  const number = value.length <= 4 ? value.reduceRight((sum, byte) => sum * 256 + byte, 0) : undefined;
  switch (`${part} ${name}`) {
    case "header attestation_key_type":
      return number === 2 ? "ECDSA with P-256" : "not known";
    case "header tee_type":
      return number === 0x81 ? "TDX" : "SGX";
    case "header vendor_id":
      return "Intel";
    case "body body_type":
      return { 1: "enclave report", 2: "TD report 1.0", 3: "TD report 1.5", 4: "TD report 1.5, extended" }[number ?? 0] ?? "";
    case "body tee_tcb_svn":
    case "body tee_tcb_svn2":
      return `module TDX_${value[1]!.toString(16).toUpperCase().padStart(2, "0")} version ${value[0]}, late microcode ${value[2]}`;
    case "body td_attributes":
      return (value[0]! & 0xff) === 0 ? "not debug" : "DEBUG: the host can look into it";
    case "body attributes":
    case "QE report attributes":
      return (value[0]! & DEBUG_ENCLAVE) === 0 ? "not debug" : "DEBUG: it can be read";
    default:
      return number !== undefined && /version|svn|size|prod_id/.test(name) ? `${number}` : "";
  }
}
