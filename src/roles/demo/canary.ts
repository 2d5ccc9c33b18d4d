import { closeSync, openSync, readdirSync, readFileSync, readSync, statSync } from "node:fs";
import { join } from "node:path";
import { listTree } from "./tree.ts";

/** Bytes that must not be found anywhere, by a name that may be shown. */
export interface Canary {
  readonly name: string;
  readonly bytes: Uint8Array;
}

const BLOCK = 8 << 20;
const PIECE = 64;
const PIECES_A_FILE = 8;
const MAX_PIECES = 64;
/** A piece with fewer distinct bytes could occur elsewhere by chance. */
const ENOUGH_VALUES = 16;

/** @returns pieces from all over a folder's files that cannot occur elsewhere by chance */
export function plaintextCanaries(folder: string): Canary[] {
  const pieces: Canary[] = [];
  for (const name of listTree(folder)) {
    const path = join(folder, name);
    const stat = statSync(path, { throwIfNoEntry: false });
    if (!stat?.isFile() || stat.size < PIECE) continue;
    const file = openSync(path, "r");
    for (let i = 1; i <= PIECES_A_FILE && pieces.length < MAX_PIECES; i++) {
      const bytes = new Uint8Array(PIECE);
      readSync(file, bytes, 0, PIECE, Math.floor(((stat.size - PIECE) * i) / (PIECES_A_FILE + 1)));
      if (new Set(bytes).size >= ENOUGH_VALUES) pieces.push({ name: `piece ${i} of ${name}`, bytes });
    }
    closeSync(file);
  }
  return pieces;
}

/** @returns the canaries of a secret: its raw bytes, and the hex and base64 forms in which it could have been logged */
export function canariesOf(name: string, secret: Uint8Array): Canary[] {
  const buffer = Buffer.from(secret);
  const forms = {
    raw: buffer,
    hex: Buffer.from(buffer.toString("hex")),
    base64: Buffer.from(buffer.toString("base64")),
    base64url: Buffer.from(buffer.toString("base64url")),
  };
  return Object.entries(forms).map(([form, bytes]) => ({ name: `${name} (${form})`, bytes }));
}

/**
 * Looks for secrets in every file below the folders.
 *
 * @returns where one was found, in words; empty where none was
 */
export function findInFiles(folders: readonly string[], canaries: readonly Canary[]): string[] {
  const found: string[] = [];
  for (const folder of folders) {
    for (const name of readdirSync(folder, { recursive: true }) as string[]) {
      const path = join(folder, name);
      if (!statSync(path, { throwIfNoEntry: false })?.isFile()) continue;
      found.push(...canariesInFile(path, canaries).map((canary) => `${canary} in ${path}`));
    }
  }
  return found;
}

/** Looks for secrets in the command lines and environments of processes. */
export function findInProcesses(pids: readonly number[], canaries: readonly Canary[]): string[] {
  const found: string[] = [];
  for (const pid of pids) {
    for (const file of ["cmdline", "environ"]) {
      const text = readIfThere(`/proc/${pid}/${file}`);
      for (const canary of canaries) if (text?.includes(canary.bytes)) found.push(`${canary.name} in /proc/${pid}/${file}`);
    }
  }
  return found;
}

function readIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    // A process that ended, or one that may not be looked into, shows nothing to anyone else either.
    return undefined;
  }
}

function canariesInFile(path: string, canaries: readonly Canary[]): string[] {
  const overlap = Math.max(...canaries.map((canary) => canary.bytes.length)) - 1;
  const buffer = Buffer.alloc(BLOCK + overlap);
  const file = openSync(path, "r");
  const found = new Set<string>();
  try {
    let kept = 0;
    for (let n = readSync(file, buffer, kept, BLOCK, null); n > 0; n = readSync(file, buffer, kept, BLOCK, null)) {
      const window = buffer.subarray(0, kept + n);
      for (const canary of canaries) if (window.includes(canary.bytes)) found.add(canary.name);
      kept = Math.min(overlap, window.length);
      window.copy(buffer, 0, window.length - kept);
    }
  } finally {
    closeSync(file);
  }
  return [...found];
}
