import { readdirSync, readFileSync, realpathSync, statSync } from "node:fs";
import { CaiError, Errno, filesystemMagic, SystemError, UnmountFlag, unmountFilesystem } from "../system/index.ts";
import { hasMountRight } from "./fuse/available.ts";
import { findHelper, unmountByHelper } from "./fuse/fusermount.ts";
import { mountAt, parseMountTable } from "./mount-table.ts";
import { errorCode } from "./source.ts";

/** The file system type of our mounts, as mount tables show it. */
export const FUSE_TYPE = "fuse.cai";
/** The source of our mounts, as mount tables show it. */
export const MOUNT_SOURCE = "cai-model";

/** Mounts that this process serves. Asking them anything from the thread that has to answer would never end. */
const served = new Set<string>();

/** Notes that this process serves a mount there, until the returned function is called. */
export function holdMountpoint(path: string): () => void {
  served.add(path);
  return () => void served.delete(path);
}

export function currentMounts(): ReturnType<typeof parseMountTable> {
  return parseMountTable(readFileSync("/proc/self/mountinfo", "utf8"));
}

/**
 * Makes sure that a mount would hide nothing and land where it was meant. A mount of ours whose server is gone is taken away first.
 *
 * @returns the path with symbolic links resolved
 * @throws CaiError `model.mountpoint-missing`, `model.mountpoint-busy`, `model.mountpoint-unsuitable`
 */
export function prepareMountpoint(path: string): string {
  const resolved = resolve(path);
  detachStale(resolved);
  if (mountAt(currentMounts(), resolved) !== undefined) {
    throw new CaiError("model.mountpoint-busy", `something is mounted on ${resolved}`, {
      hint: `umount ${resolved}, or choose another folder`,
    });
  }
  if (!statSync(resolved).isDirectory()) {
    throw new CaiError("model.mountpoint-unsuitable", `${resolved} cannot be mounted on`, { expected: "a folder", got: "no folder" });
  }
  const [first] = readdirSync(resolved);
  if (first !== undefined) {
    throw new CaiError("model.mountpoint-unsuitable", `a mount on ${resolved} would hide what is there`, {
      expected: "an empty folder",
      got: `a folder with ${JSON.stringify(first)}`,
    });
  }
  return resolved;
}

function resolve(path: string): string {
  try {
    return realpathSync(path);
  } catch (cause) {
    const code = errorCode(cause);
    if (code === "ENOENT" || code === "ENOTDIR") {
      throw new CaiError("model.mountpoint-missing", `the mount point ${path} does not exist`, { hint: `mkdir -p ${path}` });
    }
    throw new CaiError("model.mountpoint-unsuitable", `the mount point ${path} cannot be reached`, { got: code, cause });
  }
}

/** Takes away what a crashed server of ours left: every access to it fails with ENOTCONN. */
function detachStale(path: string): void {
  while (!served.has(path)) {
    const top = mountAt(currentMounts(), path);
    if (top?.type !== FUSE_TYPE || isServed(path)) return;
    try {
      const helper = hasMountRight() ? undefined : findHelper();
      if (helper === undefined) unmountFilesystem(path, UnmountFlag.detach);
      else unmountByHelper(helper, path);
    } catch (cause) {
      throw new CaiError("model.mountpoint-busy", `a mount on ${path} has lost its server and cannot be taken away`, {
        got: errorCode(cause),
        hint: `as root: umount -l ${path}`,
        cause,
      });
    }
  }
}

/** statfs(2) is the question that a FUSE server is always asked; attributes of the root may come from the kernel's cache. */
function isServed(path: string): boolean {
  try {
    filesystemMagic(path);
    return true;
  } catch (error) {
    return !(error instanceof SystemError) || (error.errno !== Errno.ENOTCONN && error.errno !== Errno.ECONNABORTED);
  }
}
