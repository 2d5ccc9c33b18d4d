import type { BigIntStats } from "node:fs";
import { lstat, readdir, readlink, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { CaiError } from "../system/index.ts";
import { checkTarget, comparePaths } from "./path.ts";
import { errorCode } from "./source.ts";

/** What tells one state of a file from another; compared before and after its bytes are read. */
export interface FileIdentity {
  readonly device: bigint;
  readonly inode: bigint;
  /** bytes */
  readonly size: number;
  /** nanoseconds since 1970 */
  readonly modified: bigint;
}

/** One name found in the tree that is to be encrypted. */
export type ScannedEntry =
  | {
      readonly kind: "file";
      readonly path: string;
      readonly identity: FileIdentity;
      readonly executable: boolean;
      readonly mtime: number;
      /** true where the file has other names, in the tree or outside */
      readonly shared: boolean;
    }
  | { readonly kind: "directory"; readonly path: string; readonly mtime: number }
  | { readonly kind: "symlink"; readonly path: string; readonly target: string; readonly mtime: number };

/** A tree as it was found: entries in index order, with paths relative to `base`. */
export interface ScannedTree {
  readonly base: string;
  readonly entries: readonly ScannedEntry[];
}

const OWNER_EXECUTE = 0o100n;
const NANOSECONDS = 1_000_000_000n;

/**
 * Lists a directory with all below it, or a single file, in the order of the index. The named input itself may be a symlink; those
 * below it are kept as they are.
 *
 * @throws CaiError `cli.input-unreadable`; `model.input-unsupported` naming a special file, a link that leaves the tree, or a name
 *   that is not UTF-8
 */
export async function scanTree(input: string): Promise<ScannedTree> {
  const top = await attempt(input, () => stat(input, { bigint: true }));
  if (!top.isDirectory()) return { base: join(input, ".."), entries: [await describe(input, basename(input), top)] };
  const entries: ScannedEntry[] = [];
  const pending = [""];
  for (let directory = pending.pop(); directory !== undefined; directory = pending.pop()) {
    for (const name of await listNames(join(input, directory))) {
      const path = directory === "" ? name : `${directory}/${name}`;
      const full = join(input, path);
      const entry = await describe(full, path, await attempt(full, () => lstat(full, { bigint: true })));
      if (entry.kind === "directory") pending.push(path);
      entries.push(entry);
    }
  }
  return { base: input, entries: entries.sort((a, b) => comparePaths(a.path, b.path)) };
}

/** The identity of an open or named file, from its status. */
export function identityOf(status: BigIntStats): FileIdentity {
  return { device: status.dev, inode: status.ino, size: Number(status.size), modified: status.mtimeNs };
}

export function sameIdentity(a: FileIdentity, b: FileIdentity): boolean {
  return a.device === b.device && a.inode === b.inode && a.size === b.size && a.modified === b.modified;
}

async function describe(full: string, path: string, status: BigIntStats): Promise<ScannedEntry> {
  const mtime = Number(status.mtimeNs / NANOSECONDS);
  if (status.isDirectory()) return { kind: "directory", path, mtime };
  if (status.isFile()) {
    const executable = (status.mode & OWNER_EXECUTE) !== 0n;
    return { kind: "file", path, identity: identityOf(status), executable, mtime, shared: status.nlink > 1n };
  }
  if (!status.isSymbolicLink()) {
    throw new CaiError("model.input-unsupported", `${full} is neither a file nor a directory nor a symlink`, {
      hint: "devices, pipes and sockets cannot be encrypted; remove it",
    });
  }
  const target = decodeName(await attempt(full, () => readlink(full, { encoding: "buffer" })), full);
  if (!checkTarget(path, target)) {
    throw new CaiError("model.input-unsupported", `the symlink ${full} leaves the tree`, {
      expected: "a relative target inside the tree",
      got: target,
      hint: "encrypt a copy in which links are followed (cp -rL)",
    });
  }
  return { kind: "symlink", path, target, mtime };
}

async function listNames(directory: string): Promise<string[]> {
  const names = await attempt(directory, () => readdir(directory, { encoding: "buffer" }));
  return names.map((name) => decodeName(name, directory));
}

/** Names are carried as UTF-8 and nothing else. */
function decodeName(name: Uint8Array, place: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(name);
  } catch (cause) {
    const got = Buffer.from(name)
      .toString("latin1")
      .replace(/[^ -~]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, "0")}`);
    throw new CaiError("model.input-unsupported", `a name in ${place} is not UTF-8`, { got, hint: "rename it", cause });
  }
}

async function attempt<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw new CaiError("cli.input-unreadable", `${path} cannot be read`, { got: errorCode(cause), cause });
  }
}
