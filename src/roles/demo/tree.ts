import { closeSync, lstatSync, openSync, readdirSync, readlinkSync, readSync, writeSync } from "node:fs";
import { join } from "node:path";

/** What two trees were found to share. */
export interface Comparison {
  readonly files: number;
  readonly bytes: number;
  /** the first difference in words; undefined where everything is identical */
  readonly difference: string | undefined;
}

const BLOCK = 1 << 20;

/** Compares two folders entry by entry and byte by byte. */
export function compareTrees(expected: string, got: string): Comparison {
  const names = listTree(expected);
  const others = listTree(got);
  if (names.join("\0") !== others.join("\0"))
    return { files: 0, bytes: 0, difference: `${names.length} entries expected, ${others.length} found, or other names` };
  let files = 0;
  let bytes = 0;
  for (const name of names) {
    const one = join(expected, name);
    const other = join(got, name);
    const stat = lstatSync(one);
    if (stat.isSymbolicLink() && readlinkSync(one) !== readlinkSync(other)) return { files, bytes, difference: `${name} links elsewhere` };
    if (!stat.isFile()) continue;
    const at = firstDifference(one, other);
    if (at !== undefined) return { files, bytes, difference: `${name} differs at byte ${at}` };
    files++;
    bytes += stat.size;
  }
  return { files, bytes, difference: undefined };
}

/** Reads every file of a folder once. @returns bytes read and seconds taken */
export function readTree(folder: string): { bytes: number; seconds: number } {
  const buffer = new Uint8Array(BLOCK);
  const start = performance.now();
  let bytes = 0;
  for (const name of listTree(folder)) {
    const path = join(folder, name);
    if (!lstatSync(path).isFile()) continue;
    const file = openSync(path, "r");
    for (let n = readSync(file, buffer); n > 0; n = readSync(file, buffer)) bytes += n;
    closeSync(file);
  }
  return { bytes, seconds: (performance.now() - start) / 1000 };
}

/** @returns every path below a folder, relative to it, sorted */
export function listTree(folder: string): string[] {
  return (readdirSync(folder, { recursive: true }) as string[]).sort();
}

/** Reads every file of a folder. @returns the code of the first failure, for example `EIO`; undefined where there was none */
export function readFailure(folder: string): string | undefined {
  try {
    readTree(folder);
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
}

/** Changes one bit of a file, at byte `at`. */
export function flipBit(path: string, at: number): void {
  const file = openSync(path, "r+");
  const byte = new Uint8Array(1);
  readSync(file, byte, 0, 1, at);
  byte[0]! ^= 1;
  writeSync(file, byte, 0, 1, at);
  closeSync(file);
}

function firstDifference(one: string, other: string): number | undefined {
  const a = new Uint8Array(BLOCK);
  const b = new Uint8Array(BLOCK);
  const fileA = openSync(one, "r");
  const fileB = openSync(other, "r");
  try {
    for (let at = 0; ; ) {
      const n = readSync(fileA, a, 0, BLOCK, at);
      const m = readFully(fileB, b, n === 0 ? 1 : n, at);
      if (n !== m) return at + Math.min(n, m);
      if (n === 0) return undefined;
      if (Buffer.compare(a.subarray(0, n), b.subarray(0, n)) !== 0) return at + a.findIndex((byte, i) => byte !== b[i]);
      at += n;
    }
  } finally {
    closeSync(fileA);
    closeSync(fileB);
  }
}

function readFully(file: number, into: Uint8Array, length: number, at: number): number {
  let got = 0;
  while (got < length) {
    const n = readSync(file, into, got, length - got, at + got);
    if (n === 0) break;
    got += n;
  }
  return got;
}
