const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const utf16 = new TextDecoder("utf-16le", { fatal: true, ignoreBOM: true });
const utf16Lossy = new TextDecoder("utf-16le", { ignoreBOM: true });

/** @returns undefined where the bytes are no UTF-8 */
export function utf8Text(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}

/** @returns undefined where the bytes are no little-endian UTF-16 */
export function utf16Text(bytes: Uint8Array): string | undefined {
  try {
    return utf16.decode(bytes);
  } catch {
    return undefined;
  }
}

/** Little-endian UTF-16, with a replacement character for what is none. */
export const utf16TextLossy = (bytes: Uint8Array): string => utf16Lossy.decode(bytes);

/** The bytes before the first NUL; all where there is none. */
export function beforeNul(bytes: Uint8Array): Uint8Array {
  const end = bytes.indexOf(0);
  return end < 0 ? bytes : bytes.subarray(0, end);
}
