import { contextTag, TAG } from "./der.ts";

/** One element with the given tag around the concatenation of `parts`. */
export function encodeElement(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const header = [tag];
  if (length < 0x80) header.push(length);
  else {
    const digits: number[] = [];
    for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) digits.unshift(rest % 256);
    header.push(0x80 | digits.length, ...digits);
  }
  const out = new Uint8Array(header.length + length);
  out.set(header);
  let at = header.length;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

export const encodeSequence = (...parts: readonly Uint8Array[]): Uint8Array => encodeElement(TAG.sequence, ...parts);

/** `[number] EXPLICIT` around `parts`. */
export const encodeExplicit = (number: number, ...parts: readonly Uint8Array[]): Uint8Array =>
  encodeElement(contextTag(number, true), ...parts);

export const encodeBoolean = (value: boolean): Uint8Array => encodeElement(TAG.boolean, Uint8Array.of(value ? 0xff : 0x00));

export const encodeOctets = (bytes: Uint8Array): Uint8Array => encodeElement(TAG.octetString, bytes);

/** A BIT STRING of whole bytes. */
export const encodeBits = (bytes: Uint8Array): Uint8Array => encodeElement(TAG.bitString, Uint8Array.of(0), bytes);

export const encodeUtf8 = (text: string): Uint8Array => encodeElement(TAG.utf8String, new TextEncoder().encode(text));

/** An INTEGER (or, with another tag, an ENUMERATED) that is not negative. */
export function encodeUnsigned(value: bigint | number, tag: number = TAG.integer): Uint8Array {
  const hex = BigInt(value).toString(16);
  return encodeUnsignedBytes(Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, "hex"), tag);
}

/** An INTEGER from its big-endian magnitude; leading zero bytes are dropped. */
export function encodeUnsignedBytes(magnitude: Uint8Array, tag: number = TAG.integer): Uint8Array {
  let start = 0;
  while (start < magnitude.length - 1 && magnitude[start] === 0) start++;
  const digits = magnitude.subarray(start);
  return digits[0]! >= 0x80 ? encodeElement(tag, Uint8Array.of(0), digits) : encodeElement(tag, digits);
}

/** A named-bit BIT STRING: at least one bit, no trailing zero bits. */
export function encodeNamedBits(bits: readonly number[]): Uint8Array {
  const highest = Math.max(...bits);
  const bytes = new Uint8Array((highest >> 3) + 1);
  for (const bit of bits) bytes[bit >> 3]! |= 0x80 >> (bit & 7);
  return encodeElement(TAG.bitString, Uint8Array.of(7 - (highest & 7)), bytes);
}

/** An OBJECT IDENTIFIER from its dotted form. */
export function encodeOid(dotted: string): Uint8Array {
  const [root = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  const bytes: number[] = [];
  for (const arc of [root * 40 + second, ...rest]) {
    const digits = [arc % 128];
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) digits.unshift(0x80 | (left % 128));
    bytes.push(...digits);
  }
  return encodeElement(TAG.oid, Uint8Array.from(bytes));
}

/** Seconds since 1970 as UTCTime up to 2049, as GeneralizedTime from 2050 on (RFC 5280 §4.1.2.5). */
export function encodeTime(seconds: number): Uint8Array {
  const date = new Date(seconds * 1000);
  const text = `${date.toISOString().slice(0, 19).replaceAll(/[-:T]/g, "")}Z`;
  const year = date.getUTCFullYear();
  return year >= 1950 && year < 2050
    ? encodeElement(TAG.utcTime, new TextEncoder().encode(text.slice(2)))
    : encodeElement(TAG.generalizedTime, new TextEncoder().encode(text));
}
