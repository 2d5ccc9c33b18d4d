/** Where a field of a binary structure lies: its offset and its size in bytes. */
export type Field = readonly [offset: number, size: number];

/** The named fields of `bytes`, sharing its memory. */
export function readFields<Name extends string>(bytes: Uint8Array, fields: Readonly<Record<Name, Field>>): Record<Name, Uint8Array> {
  const read = {} as Record<Name, Uint8Array>;
  for (const [name, [offset, size]] of Object.entries<Field>(fields)) read[name as Name] = bytes.subarray(offset, offset + size);
  return read;
}

/** Writes each given value at its field's place; a shorter value leaves zeros after it. */
export function writeFields<Name extends string>(
  bytes: Uint8Array,
  fields: Readonly<Record<Name, Field>>,
  values: Partial<Readonly<Record<Name, Uint8Array>>>,
): Uint8Array {
  for (const [name, value] of Object.entries<Uint8Array | undefined>(values)) {
    const [offset, size] = fields[name as Name];
    if (value !== undefined) bytes.set(value.subarray(0, size), offset);
  }
  return bytes;
}

/** An unsigned 16-bit little-endian number. */
export const readU16 = (bytes: Uint8Array, at = 0): number => bytes[at]! | (bytes[at + 1]! << 8);

/** An unsigned 32-bit little-endian number. */
export const readU32 = (bytes: Uint8Array, at = 0): number => (readU16(bytes, at) | (readU16(bytes, at + 2) << 16)) >>> 0;

export const u16 = (value: number): Uint8Array => Uint8Array.of(value & 0xff, value >> 8);

export const u32 = (value: number): Uint8Array => Uint8Array.of(value & 0xff, (value >> 8) & 0xff, (value >> 16) & 0xff, value >>> 24);

export const isZero = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0);

export const sameBytes = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

/** The name of a field as claims and reports spell it: `mrSignerSeam` is `mr_signer_seam`. */
export const snakeCase = (name: string): string => name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
