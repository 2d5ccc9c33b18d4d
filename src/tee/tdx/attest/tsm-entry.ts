import { randomBytes } from "node:crypto";
import { readlinkSync } from "node:fs";
import { mkdir, readdir, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { CaiError } from "../../../system/index.ts";
import { errnoOf, explained } from "./kernel-file.ts";

/** `cai-<process id>-<process namespace, 8 digits><random, 16 digits>` */
const NAME = /^cai-(\d{1,10})-([0-9a-f]{8})[0-9a-f]{16}$/;

/**
 * Makes an entry of configfs-tsm of our own, lets `use` work in it, and removes it, whatever happened.
 *
 * @throws CaiError `tdx.configfs-unusable` where no entry can be made; what `use` throws
 */
export async function withTsmEntry<T>(root: string, use: (entry: string) => Promise<T>): Promise<T> {
  const entry = join(root, `cai-${process.pid}-${namespaceId()}${randomBytes(8).toHex()}`);
  try {
    await mkdir(entry);
  } catch (error) {
    throw unusable(root, error);
  }
  try {
    return await use(entry);
  } finally {
    await removeEntry(entry);
  }
}

/** Attributes cannot be unlinked; the kernel takes them away with the folder. */
async function removeEntry(entry: string): Promise<void> {
  try {
    await rmdir(entry);
  } catch (error) {
    // Gone already, as it should be.
    if (errnoOf(error) !== "ENOENT") throw unusable(entry, error);
  }
}

/**
 * Removes the entries that processes of this program left behind when they were killed. Those of another container are never judged by our process
 * ids.
 */
export async function removeStaleEntries(root: string): Promise<void> {
  let names: string[];
  try {
    names = await readdir(root);
  } catch (error) {
    throw unusable(root, error);
  }
  for (const name of names) {
    const [, pid, namespace] = NAME.exec(name) ?? [];
    if (pid === undefined || namespace !== namespaceId() || isAlive(Number(pid))) continue;
    try {
      await rmdir(join(root, name));
    } catch (error) {
      // Somebody else was faster, or may and we may not: neither keeps us from making our own.
      if (!["ENOENT", "EACCES", "EPERM", "EBUSY"].includes(errnoOf(error) ?? "")) throw unusable(root, error);
    }
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errnoOf(error) !== "ESRCH";
  }
}

/** Eight hexadecimal digits that differ between containers whose process ids mean different processes. */
function namespaceId(): string {
  const inode = /\[(\d+)\]/.exec(readlinkSync("/proc/self/ns/pid"))?.[1] ?? "0";
  return (Number(inode) >>> 0).toString(16).padStart(8, "0");
}

const MISSING =
  "it is not there; it needs Linux 6.7, the driver (modprobe tdx_guest) and a mounted configfs (mount -t configfs none /sys/kernel/config)";
const CLOSED = "this user may not make entries there; run as root, in a container with configfs writable";
const REASONS = {
  ENOENT: MISSING,
  ENOTDIR: MISSING,
  EACCES: CLOSED,
  EPERM: CLOSED,
  EROFS: CLOSED,
  ENXIO: "no driver of a TEE is registered (modprobe tdx_guest)",
};

/** The error of an interface that cannot be worked with, in words for whoever has to mend it. */
export function unusable(path: string, error: unknown): CaiError {
  return new CaiError("tdx.configfs-unusable", `configfs-tsm cannot be used at ${path}`, { got: explained(error, REASONS), cause: error });
}
