import { hkdfSync, randomBytes } from "node:crypto";
import {
  closeSync,
  constants,
  existsSync,
  fchmodSync,
  fstatSync,
  fsyncSync,
  linkSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, resolve } from "node:path";
import { CaiError } from "../../../system/index.ts";

/** Bytes of a master key. */
const MASTER_KEY_SIZE = 32;
/** No secret file of this program is longer: a key in hex, or a passphrase. */
const MAX_SECRET_FILE = 4096;

/** The keys derived from a store's master key, 32 bytes each (security.md I25). */
export interface StoreKeys {
  readonly seal: Uint8Array;
  readonly mac: Uint8Array;
  readonly nonce: Uint8Array;
  readonly decisionId: Uint8Array;
  /** what the keys of backups are derived from; it opens nothing in the store */
  readonly backup: Uint8Array;
}

/** @returns the place of a store's master key: beside the data directory and not in it, so that a copy of the directory lacks it (security.md §5) */
export function masterKeyPath(dataDir: string): string {
  return `${resolve(dataDir)}.master`;
}

/** @returns where a master key file that takes the place of another one waits until the store is sealed with it */
export function nextKeyPath(path: string): string {
  return `${path}.new`;
}

/**
 * Derives the store's keys, and overwrites the master key.
 *
 * @param master  32 bytes
 */
export function deriveStoreKeys(master: Uint8Array): StoreKeys {
  const derive = (info: string) => new Uint8Array(hkdfSync("sha256", master, new Uint8Array(0), info, 32));
  const keys = {
    seal: derive("cai/store/seal"),
    mac: derive("cai/store/mac"),
    nonce: derive("cai/nonce"),
    decisionId: derive("cai/decision-id"),
    backup: derive("cai/backup"),
  };
  master.fill(0);
  return keys;
}

/**
 * Makes a master key file (64 hex digits, mode 0600), or reads the one that is there.
 *
 * @throws CaiError `store.master-key-invalid` where the file is there and is no master key
 */
export function createMasterKey(path: string): StoreKeys {
  // What is at the place is a whole key, also after a kill or on a full disk: a part of one would keep `init` from being done again.
  const unfinished = `${path}.${randomBytes(6).toString("hex")}`;
  try {
    const file = openSync(unfinished, "wx", 0o600);
    try {
      fchmodSync(file, 0o600);
      writeFileSync(file, `${randomBytes(MASTER_KEY_SIZE).toString("hex")}\n`);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    linkSync(unfinished, path);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "EEXIST") {
      throw new CaiError("trustee.data-unusable", `the master key cannot be written to ${path}`, { cause });
    }
  } finally {
    rmSync(unfinished, { force: true });
  }
  syncFolder(path);
  return readMasterKey(path);
}

/**
 * Reads a master key file and derives the store's keys.
 *
 * @throws CaiError `store.master-key-missing`, `store.master-key-exposed` (others may read it, or it is theirs), `store.master-key-invalid`
 */
export function readMasterKey(path: string): StoreKeys {
  return keysOf(readSecretFile(path, "the master key", "own"), path);
}

/**
 * Reads a master key out of a systemd credential and derives the store's keys.
 *
 * @throws CaiError as {@link readMasterKey}
 */
export function readMasterKeyCredential(path: string): StoreKeys {
  return keysOf(readSecretFile(path, "the master key", "credential"), path);
}

/** Puts the waiting master key file in the place of the one that it follows. */
export function takeNextKey(path: string): void {
  renameSync(nextKeyPath(path), path);
  syncFolder(path);
}

/** Removes a waiting master key file that nothing is sealed with. */
export function dropNextKey(path: string): void {
  if (!existsSync(nextKeyPath(path))) return;
  rmSync(nextKeyPath(path));
  syncFolder(path);
}

/**
 * Reads a small secret file.
 *
 * @param what  names it in errors
 * @param kind  `own`: a regular file or a pipe of this user that nobody else may read; `credential`: also root's, and with the bit of the
 *              group, which systemd sets where it lets the service's user read by an access control list
 * @returns its bytes, which the caller overwrites after use
 * @throws CaiError `store.master-key-missing`, `store.master-key-exposed`, `store.master-key-invalid`
 */
export function readSecretFile(path: string, what: string, kind: "own" | "credential"): Buffer {
  let file: number;
  try {
    file = openSync(path, constants.O_RDONLY);
  } catch (cause) {
    throw new CaiError("store.master-key-missing", `${what} ${path} cannot be read`, {
      got: (cause as NodeJS.ErrnoException).code ?? String(cause),
      cause,
    });
  }
  try {
    const stat = fstatSync(file);
    if (!stat.isFile() && !stat.isFIFO()) throw new CaiError("store.master-key-invalid", `${path} is no file`);
    const open = kind === "own" ? 0o077 : 0o037;
    if ((stat.mode & open) !== 0) {
      throw new CaiError("store.master-key-exposed", `others than the owner may read ${what} ${path}`, {
        expected: "mode 0600",
        got: `mode 0${(stat.mode & 0o777).toString(8)}`,
        hint: `chmod 600 ${path}`,
      });
    }
    // Root can read everybody's files, also one that somebody put there to know what is sealed with it.
    if (stat.uid !== process.geteuid?.() && !(kind === "credential" && stat.uid === 0)) {
      throw new CaiError("store.master-key-exposed", `${what} ${path} belongs to another user`, {
        expected: `user ${process.geteuid?.()}`,
        got: `user ${stat.uid}`,
        hint: "If that user is trusted, make the file this user's with chown.",
      });
    }
    return readAll(file, path);
  } finally {
    closeSync(file);
  }
}

function readAll(file: number, path: string): Buffer {
  const bytes = Buffer.alloc(MAX_SECRET_FILE + 1);
  let size = 0;
  for (let count = -1; count !== 0 && size < bytes.length; size += count) count = readSync(file, bytes, size, bytes.length - size, null);
  if (size > MAX_SECRET_FILE) {
    bytes.fill(0);
    throw new CaiError("store.master-key-invalid", `${path} is too long`, { expected: `at most ${MAX_SECRET_FILE} bytes` });
  }
  return bytes.subarray(0, size);
}

function keysOf(bytes: Buffer, path: string): StoreKeys {
  const text = bytes.toString("latin1");
  bytes.fill(0);
  if (!/^[0-9a-f]{64}\n?$/.test(text)) {
    throw new CaiError("store.master-key-invalid", `${path} is no master key`, { expected: "64 lower-case hex digits" });
  }
  return deriveStoreKeys(Buffer.from(text.trim(), "hex"));
}

/** What was made or renamed in a folder survives a power cut only once the folder itself is on the disk. */
export function syncFolder(path: string): void {
  const folder = openSync(dirname(path), constants.O_RDONLY);
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
