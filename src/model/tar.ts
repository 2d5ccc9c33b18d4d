import { TAR_BLOCK } from "./layout.ts";

/** Field offsets and lengths of a ustar header (POSIX.1-1988 interchange format). */
const MODE = 100;
const UID = 108;
const GID = 116;
const SIZE = 124;
const MTIME = 136;
const CHECKSUM = 148;
const TYPE = 156;
const MAGIC = 257;
const DEV_MAJOR = 329;
const DEV_MINOR = 337;
const CHECKSUM_LENGTH = 8;

export const HEADER_MEMBER = "cai-model.json";
export const INDEX_MEMBER = "index";

/** The name of a part of the stream: eight decimal digits (model-format.md §3.1). */
export function partMember(part: number): string {
  return `data/${String(part).padStart(8, "0")}`;
}

/**
 * The header block of one member: an ordinary file of mode 0644 with no owner and no time.
 *
 * @param name  ASCII, at most 100 bytes
 * @param size  bytes of its body, below 2^33
 */
export function tarHeader(name: string, size: number): Uint8Array {
  const block = new Uint8Array(TAR_BLOCK);
  const text = (offset: number, value: string) => block.set(new TextEncoder().encode(value), offset);
  const octal = (offset: number, digits: number, value: number) => text(offset, value.toString(8).padStart(digits, "0"));
  text(0, name);
  octal(MODE, 7, 0o644);
  octal(UID, 7, 0);
  octal(GID, 7, 0);
  octal(SIZE, 11, size);
  octal(MTIME, 11, 0);
  text(TYPE, "0");
  text(MAGIC, "ustar\0" + "00");
  octal(DEV_MAJOR, 7, 0);
  octal(DEV_MINOR, 7, 0);
  // The sum is taken with its own field blank; it is then six digits, NUL and the blank that is there already.
  block.fill(0x20, CHECKSUM, CHECKSUM + CHECKSUM_LENGTH);
  const sum = block.reduce((total, byte) => total + byte, 0);
  octal(CHECKSUM, 6, sum);
  block[CHECKSUM + 6] = 0;
  return block;
}
