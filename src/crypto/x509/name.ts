import { CaiError } from "../../system/index.ts";
import { type DerElement, DerReader, TAG } from "./der.ts";
import { encodeElement, encodeOid, encodeSequence, encodeUtf8 } from "./der-writer.ts";

const OID_COMMON_NAME = "2.5.4.3";
const TEXT_TAGS: readonly number[] = [TAG.utf8String, TAG.printableString, TAG.teletexString, TAG.ia5String];

/** A distinguished name. Names are compared by their bytes; the common name is for reading. */
export interface DistinguishedName {
  readonly der: Uint8Array;
  /** undefined where there is none */
  readonly commonName: string | undefined;
}

/** @throws CaiError `crypto.der-malformed`; more than one common name is malformed, since readers would differ on which counts */
export function readName(element: DerElement): DistinguishedName {
  const reader = new DerReader(element.content, "name");
  let commonName: string | undefined;
  while (!reader.atEnd) {
    const set = reader.enter(TAG.set);
    do {
      const attribute = set.enter(TAG.sequence);
      const type = attribute.oid();
      const value = attribute.element();
      attribute.end();
      if (type !== OID_COMMON_NAME) continue;
      if (commonName !== undefined) throw new CaiError("crypto.der-malformed", "name: expected one common name, got a second");
      commonName = readText(value);
    } while (!set.atEnd);
  }
  return { der: element.whole, commonName };
}

/** A name of one common name. */
export const encodeName = (commonName: string): Uint8Array =>
  encodeSequence(encodeElement(TAG.set, encodeSequence(encodeOid(OID_COMMON_NAME), encodeUtf8(commonName))));

function readText({ tag, content }: DerElement): string {
  if (!TEXT_TAGS.includes(tag)) {
    throw new CaiError("crypto.der-malformed", `name: expected a text type, got tag 0x${tag.toString(16)}`);
  }
  try {
    return new TextDecoder(tag === TAG.teletexString ? "latin1" : "utf-8", { fatal: true }).decode(content);
  } catch (cause) {
    throw new CaiError("crypto.der-malformed", "name: expected valid text, got other bytes", { cause });
  }
}
