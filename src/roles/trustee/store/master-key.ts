import { hkdfSync, randomBytes } from "node:crypto";
import { chmodSync, closeSync, fstatSync, fsyncSync, openSync, readFileSync, writeSync } from "node:fs";
import { resolve } from "node:path";
import { CaiError } from "../../../system/index.ts";

/** The keys derived from a store's master key, 32 bytes each (security.md I25). */
export interface StoreKeys {
  readonly seal: Uint8Array;
  readonly mac: Uint8Array;
  readonly nonce: Uint8Array;
  readonly decisionId: Uint8Array;
}

/** @returns the place of a store's master key: beside the data directory and not in it, so that a copy of the directory lacks it (security.md §5) */
export function masterKeyPath(dataDir: string): string {
  return `${resolve(dataDir)}.master`;
}

/**
 * Makes a master key file (64 hex digits, mode 0600), or reads the one that is there.
 *
 * @throws CaiError `store.master-key-invalid` where the file is there and is no master key
 */
export function createMasterKey(path: string): StoreKeys {
  let file: number;
  try {
    file = openSync(path, "wx", 0o600);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "EEXIST") return readMasterKey(path);
    throw new CaiError("trustee.data-unusable", `the master key cannot be written to ${path}`, { cause });
  }
  try {
    writeSync(file, `${randomBytes(32).toString("hex")}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  chmodSync(path, 0o600);
  return readMasterKey(path);
}

/**
 * Reads a master key file and derives the store's keys.
 *
 * @throws CaiError `store.master-key-missing`, `store.master-key-exposed` (others may read it, or it is theirs), `store.master-key-invalid`
 */
export function readMasterKey(path: string): StoreKeys {
  let text: string;
  let mode: number;
  let owner: number;
  try {
    const file = openSync(path, "r");
    try {
      ({ mode, uid: owner } = fstatSync(file));
      text = readFileSync(file, "utf8");
    } finally {
      closeSync(file);
    }
  } catch (cause) {
    throw new CaiError("store.master-key-missing", `the store's master key ${path} cannot be read`, { cause });
  }
  if ((mode & 0o077) !== 0) {
    throw new CaiError("store.master-key-exposed", `others than the owner may read the master key ${path}`, {
      expected: "mode 0600",
      got: `mode 0${(mode & 0o777).toString(8)}`,
      hint: `chmod 600 ${path}`,
    });
  }
  // Root can read everybody's files, also one that somebody put there to know what is sealed with it.
  if (owner !== process.geteuid?.()) {
    throw new CaiError("store.master-key-exposed", `the master key ${path} belongs to another user`, {
      expected: `user ${process.geteuid?.()}`,
      got: `user ${owner}`,
      hint: "If that user is trusted, make the file this user's with chown.",
    });
  }
  if (!/^[0-9a-f]{64}\n?$/.test(text)) {
    throw new CaiError("store.master-key-invalid", `${path} is no master key`, { expected: "64 lower-case hex digits" });
  }
  const master = Buffer.from(text.trim(), "hex");
  const derive = (info: string) => new Uint8Array(hkdfSync("sha256", master, new Uint8Array(0), info, 32));
  const keys = {
    seal: derive("cai/store/seal"),
    mac: derive("cai/store/mac"),
    nonce: derive("cai/nonce"),
    decisionId: derive("cai/decision-id"),
  };
  master.fill(0);
  return keys;
}
