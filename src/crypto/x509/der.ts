import { CaiError } from "../../system/index.ts";

/** DER tags that certificates and revocation lists use (ITU-T X.690 §8, one-byte identifiers only). */
export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  enumerated: 0x0a,
  utf8String: 0x0c,
  printableString: 0x13,
  teletexString: 0x14,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** Far beyond every number of a certificate or list: one of a megabyte would cost half a second, and its digits would fill a log. */
const MAX_INTEGER_BYTES = 1024;

/** A context-specific tag, for example `contextTag(0, true)` for `[0]` around other elements. */
export const contextTag = (number: number, constructed: boolean): number => 0x80 | (constructed ? 0x20 : 0) | number;

/** One element: its tag, its content, and all of its bytes with tag and length. The slices share the input's memory. */
export interface DerElement {
  readonly tag: number;
  readonly content: Uint8Array;
  readonly whole: Uint8Array;
}

const malformed = (what: string, expected: string, got: string): CaiError =>
  new CaiError("crypto.der-malformed", `${what}: expected ${expected}, got ${got}`, { expected, got });

const hexByte = (byte: number | undefined): string => (byte === undefined ? "the end" : `0x${byte.toString(16).padStart(2, "0")}`);

/**
 * Reads DER, and only DER: definite minimal lengths, one-byte tags, nothing past the end, nothing left over.
 * Every method throws `crypto.der-malformed`.
 */
export class DerReader {
  readonly #bytes: Uint8Array;
  readonly #what: string;
  #at = 0;

  /** @param what  the name of what is read, for messages */
  constructor(bytes: Uint8Array, what: string) {
    this.#bytes = bytes;
    this.#what = what;
  }

  get atEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** The tag of the next element, or undefined at the end. */
  get nextTag(): number | undefined {
    return this.#bytes[this.#at];
  }

  /** The next element, which must have `tag` where that is given. */
  element(tag?: number): DerElement {
    const bytes = this.#bytes;
    const start = this.#at;
    const found = bytes[start];
    if (found === undefined) throw malformed(this.#what, tag === undefined ? "an element" : `tag ${hexByte(tag)}`, "the end");
    if (tag !== undefined && found !== tag) throw malformed(this.#what, `tag ${hexByte(tag)}`, hexByte(found));
    if ((found & 0x1f) === 0x1f) throw malformed(this.#what, "a one-byte tag", hexByte(found));
    const { length, from } = this.#length(start + 1);
    if (length > bytes.length - from) throw malformed(this.#what, `${length} content bytes`, `${bytes.length - from}`);
    this.#at = from + length;
    return { tag: found, content: bytes.subarray(from, this.#at), whole: bytes.subarray(start, this.#at) };
  }

  /** The next element where it has `tag`, else undefined. */
  optional(tag: number): DerElement | undefined {
    return this.nextTag === tag ? this.element(tag) : undefined;
  }

  /** A reader of the next element's content. */
  enter(tag: number): DerReader {
    return new DerReader(this.element(tag).content, this.#what);
  }

  /** @throws where bytes are left */
  end(): void {
    if (!this.atEnd) throw malformed(this.#what, "no further bytes", `${this.#bytes.length - this.#at} bytes`);
  }

  boolean(): boolean {
    const { content } = this.element(TAG.boolean);
    const value = content[0];
    if (content.length !== 1 || (value !== 0x00 && value !== 0xff)) {
      throw malformed(this.#what, "a boolean of 00 or ff", `${content.length} bytes starting with ${hexByte(value)}`);
    }
    return value === 0xff;
  }

  /** A BOOLEAN DEFAULT FALSE: DER writes it where it is true, and only there (X.690 §11.5). */
  flag(): boolean {
    if (this.nextTag !== TAG.boolean) return false;
    if (!this.boolean()) throw malformed(this.#what, "no boolean where it is false by default", "one that says so");
    return true;
  }

  /** An INTEGER (or ENUMERATED) that is not negative. */
  unsigned(tag: number = TAG.integer): bigint {
    const { content } = this.element(tag);
    const first = content[0];
    if (first === undefined) throw malformed(this.#what, "an integer", "no content");
    if (first >= 0x80) throw malformed(this.#what, "an integer that is not negative", `first byte ${hexByte(first)}`);
    if (content.length > MAX_INTEGER_BYTES) throw malformed(this.#what, `at most ${MAX_INTEGER_BYTES} bytes`, `${content.length}`);
    if (first === 0 && content.length > 1 && content[1]! < 0x80) throw malformed(this.#what, "a minimal integer", "a leading zero");
    return BigInt(`0x${Buffer.from(content.buffer, content.byteOffset, content.length).toString("hex")}`);
  }

  /** An INTEGER from 0 to `max`. */
  small(max: number, tag: number = TAG.integer): number {
    const value = this.unsigned(tag);
    if (value > BigInt(max)) throw malformed(this.#what, `an integer up to ${max}`, value.toString());
    return Number(value);
  }

  octets(): Uint8Array {
    return this.element(TAG.octetString).content;
  }

  /** The bytes of a BIT STRING that has no unused bits. */
  bits(): Uint8Array {
    const { content } = this.element(TAG.bitString);
    if (content[0] !== 0) throw malformed(this.#what, "a bit string of whole bytes", hexByte(content[0]));
    return content.subarray(1);
  }

  /** The numbers of the bits that are set in a named-bit BIT STRING (X.690 §11.2: no trailing zero bits). */
  namedBits(): Set<number> {
    const { content } = this.element(TAG.bitString);
    const unused = content[0];
    const last = content[content.length - 1];
    if (unused === undefined || unused > 7 || content.length > 5)
      throw malformed(this.#what, "a short bit string", `${content.length} bytes`);
    if (content.length === 1 ? unused !== 0 : ((last! >> unused) & 1) === 0 || (last! & ((1 << unused) - 1)) !== 0) {
      throw malformed(this.#what, "a minimal bit string", `${unused} unused bits before ${hexByte(last)}`);
    }
    const set = new Set<number>();
    for (let bit = 0; bit < (content.length - 1) * 8; bit++) if ((content[1 + (bit >> 3)]! >> (7 - (bit & 7))) & 1) set.add(bit);
    return set;
  }

  /** An OBJECT IDENTIFIER in dotted form. */
  oid(): string {
    const { content } = this.element(TAG.oid);
    const parts: number[] = [];
    let arc = 0;
    let fresh = true;
    for (const byte of content) {
      if (fresh && byte === 0x80) throw malformed(this.#what, "a minimal object identifier", "a padded arc");
      arc = arc * 128 + (byte & 0x7f);
      if (arc > 0xffffffff) throw malformed(this.#what, "object identifier arcs of 32 bits", "a longer one");
      fresh = byte < 0x80;
      if (!fresh) continue;
      if (parts.length === 0) {
        const root = Math.min(Math.floor(arc / 40), 2);
        parts.push(root, arc - root * 40);
      } else parts.push(arc);
      arc = 0;
    }
    if (!fresh || parts.length === 0) throw malformed(this.#what, "a whole object identifier", `${content.length} bytes`);
    return parts.join(".");
  }

  /** A Time as seconds since 1970 (RFC 5280 §4.1.2.5: seconds present, `Z`, years 1950–2049 in UTCTime). */
  time(): number {
    const { tag, content } = this.element();
    const text = String.fromCharCode(...content.subarray(0, 16));
    const form = tag === TAG.utcTime ? /^(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/ : /^(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/;
    const match = tag === TAG.utcTime || tag === TAG.generalizedTime ? form.exec(text) : null;
    if (match === null || content.length > 15) throw malformed(this.#what, "a time in UTC with seconds", JSON.stringify(text));
    const [year, month, day, hour, minute, second] = match.slice(1).map(Number) as [number, number, number, number, number, number];
    const fullYear = tag === TAG.utcTime ? year + (year >= 50 ? 1900 : 2000) : year;
    const date = new Date(Date.UTC(fullYear, month - 1, day, hour, minute, second));
    date.setUTCFullYear(fullYear, month - 1, day);
    if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day || hour > 23 || minute > 59 || second > 59) {
      throw malformed(this.#what, "a time that exists", JSON.stringify(text));
    }
    return date.getTime() / 1000;
  }

  #length(at: number): { length: number; from: number } {
    const bytes = this.#bytes;
    const first = bytes[at];
    if (first === undefined) throw malformed(this.#what, "a length", "the end");
    if (first < 0x80) return { length: first, from: at + 1 };
    const count = first & 0x7f;
    if (count === 0 || count > 4) throw malformed(this.#what, "a definite length of at most 4 bytes", hexByte(first));
    if (count > bytes.length - at - 1) throw malformed(this.#what, `${count} length bytes`, "the end");
    let length = 0;
    for (let i = 1; i <= count; i++) length = length * 256 + bytes[at + i]!;
    if (length < 0x80 || bytes[at + 1] === 0) throw malformed(this.#what, "a minimal length", `${count} bytes for ${length}`);
    return { length, from: at + 1 + count };
  }
}
