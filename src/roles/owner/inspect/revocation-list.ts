import { decodePem, parseRevocationList } from "../../../crypto/index.ts";
import type { JsonObject } from "../../../system/index.ts";
import type { Section } from "../report.ts";
import { type Artefact, type ArtefactKind, dateText, type Explanation } from "./artefact.ts";

/** Serial numbers that a table shows. */
const SHOWN_SERIALS = 200;

/** A certificate revocation list, in DER or PEM. */
export const revocationList: ArtefactKind = {
  name: "certificate revocation list (DER or PEM)",
  explain({ bytes, text }: Artefact): Explanation | undefined {
    if (text?.startsWith("-----BEGIN X509 CRL-----")) return explain(decodePem(text, "X509 CRL", 1)[0]!);
    return looksLikeList(bytes) ? explain(bytes) : undefined;
  },
};

/** A SEQUENCE in a SEQUENCE that begins with the version of lists, a bare INTEGER 1. */
function looksLikeList(bytes: Uint8Array): boolean {
  if (bytes[0] !== 0x30) return false;
  const inner = contentAt(bytes, 0);
  const body = bytes[inner] === 0x30 ? contentAt(bytes, inner) : bytes.length;
  return bytes[body] === 0x02 && bytes[body + 1] === 0x01 && bytes[body + 2] === 0x01;
}

/** Where the content of the element at `at` starts. */
function contentAt(bytes: Uint8Array, at: number): number {
  const length = bytes[at + 1] ?? 0;
  return at + 2 + (length > 0x80 ? length & 0x7f : 0);
}

function explain(der: Uint8Array): Explanation {
  const facts = listFacts(der);
  return { kind: "certificate revocation list", json: facts, sections: [listSection("Revocation list", facts)] };
}

/** What a list says. @throws CaiError `crypto.crl-malformed` */
export function listFacts(der: Uint8Array): JsonObject {
  const list = parseRevocationList(der);
  return {
    issuer: list.issuer.commonName ?? "",
    number: list.number.toString(),
    this_update: dateText(list.thisUpdate),
    next_update: dateText(list.nextUpdate),
    revoked: [...list.revoked].map((serial) => serial.toString(16)),
  };
}

/** What {@link listFacts} found, for people; of many serial numbers the first 200. */
export function listSection(title: string, facts: JsonObject): Section {
  const revoked = facts["revoked"] as readonly string[];
  return {
    title,
    rows: [
      ["issuer", String(facts["issuer"])],
      ["number", String(facts["number"])],
      ["this update", String(facts["this_update"])],
      ["next update", String(facts["next_update"])],
      ["revoked", `${revoked.length} serial numbers`],
      ...revoked.slice(0, SHOWN_SERIALS).map((serial) => ["", serial]),
      ...(revoked.length > SHOWN_SERIALS ? [["", `and ${revoked.length - SHOWN_SERIALS} more`]] : []),
    ],
  };
}
