import { accessSync, chmodSync, constants, existsSync, lchownSync, mkdtempSync, readFileSync, rmSync, statfsSync } from "node:fs";
import { join } from "node:path";
import {
  CaiError,
  Errno,
  FilesystemMagic,
  filesystemMagic,
  MountFlag,
  mountFilesystem,
  SystemError,
  UnmountFlag,
  unmountFilesystem,
} from "../system/index.ts";
import type { Artefact } from "./artefact.ts";
import { decryptArtefact } from "./decrypt.ts";
import type { IndexEntry } from "./entry.ts";
import { type Access, accessFor } from "./fuse/access.ts";
import { roundUp } from "./layout.ts";
import type { Mount, MountOptions } from "./mount.ts";
import { mountAt } from "./mount-table.ts";
import { currentMounts, MOUNT_SOURCE, prepareMountpoint } from "./mountpoint.ts";
import { errorCode } from "./source.ts";

export interface TmpfsOptions extends MountOptions {
  /** called while decrypting, in bytes of plaintext */
  readonly progress?: (done: number, total: number) => void;
  /**
   * where a folder is made if this process may not mount: the first that lies in memory and has room. The user's runtime folder and
   * /dev/shm unless said otherwise.
   */
  readonly memoryFolders?: readonly string[];
}

const PAGE = 4096;
/** Room for what a tmpfs keeps besides file pages. */
const SPARE = 1024 * 1024;
const SPARE_INODES = 64;
const SAFE = MountFlag.noSuid | MountFlag.noDev | MountFlag.noExec;
/** How often the table of mounts is looked at, in milliseconds: the kernel tells nobody that a tmpfs was unmounted. */
const WATCH_INTERVAL = 1000;

/** Plaintext in memory, and how to take it away. */
interface Place {
  readonly path: string;
  readonly notice?: string;
  /** makes the files read-only where the file system can */
  seal(): void;
  remove(): void;
  isGone(): boolean;
}

/**
 * Decrypts an artefact whole into memory and shows it as plain files: no FUSE, but the model's size in RAM. Without the right to mount, the
 * files are put into a fresh folder of memory-backed storage, and `notice` says where. Nothing is ever written to a disk
 * (security.md I30). The artefact is closed, and its key wiped, as soon as the copy is complete or has failed.
 *
 * Files that are open at the end of the mount stay in memory until they are closed.
 *
 * @throws CaiError `model.no-memory-storage`, `model.mountpoint-*`, `model.mount-failed`, and those of `decryptArtefact`
 */
export async function mountTmpfs(artefact: Artefact, mountpoint: string, options: TmpfsOptions = {}): Promise<Mount> {
  try {
    const access = accessFor(options.allow ?? "owner", process.getuid?.() ?? 0, process.getgid?.() ?? 0);
    const place = makePlace(prepareMountpoint(mountpoint), artefact.entries, options.memoryFolders ?? defaultFolders());
    try {
      await decryptArtefact(artefact, place.path, options.progress === undefined ? {} : { progress: options.progress });
      restrict(place.path, artefact.entries, access);
      place.seal();
    } catch (cause) {
      place.remove();
      throw cause instanceof CaiError ? cause : mountFailed(place.path, cause);
    }
    return watched(place);
  } finally {
    await artefact.close();
  }
}

/** The bytes that the plain files of a tree take in a tmpfs. */
export function memoryNeeded(entries: readonly IndexEntry[]): number {
  let bytes = SPARE;
  for (const entry of entries) {
    bytes += PAGE;
    if (entry.kind === "file" && entry.linkOf === undefined) bytes += roundUp(entry.size, PAGE);
  }
  return bytes;
}

/** @param meminfo  the text of /proc/meminfo @returns bytes that can be used without swapping */
export function memoryAvailable(meminfo: string): number {
  return Number(/^MemAvailable:\s+(\d+) kB$/m.exec(meminfo)?.[1] ?? 0) * 1024;
}

function makePlace(mountpoint: string, entries: readonly IndexEntry[], folders: readonly string[]): Place {
  const needed = memoryNeeded(entries);
  const available = memoryAvailable(readFileSync("/proc/meminfo", "utf8"));
  if (available < needed) {
    throw new CaiError("model.no-memory-storage", "the model's plain files do not fit in memory", {
      expected: `${needed} bytes available`,
      got: `${available} bytes`,
    });
  }
  return mountMemory(mountpoint, needed, entries.length + SPARE_INODES) ?? makeFolder(mountpoint, needed, entries, folders);
}

/** @returns undefined where this process may not mount */
function mountMemory(path: string, size: number, inodes: number): Place | undefined {
  const data = `size=${size},nr_inodes=${inodes},mode=0700`;
  const mount = (extra: string) =>
    mountFilesystem({ source: MOUNT_SOURCE, target: path, type: "tmpfs", flags: SAFE, data: `${data}${extra}` });
  try {
    try {
      mount(",noswap");
    } catch (error) {
      // Kernels before 6.4 do not know the option; the caller has checked that no swap reaches a disk.
      if (!(error instanceof SystemError) || error.errno !== Errno.EINVAL) throw error;
      mount("");
    }
  } catch (error) {
    if (error instanceof SystemError && (error.errno === Errno.EPERM || error.errno === Errno.EACCES)) return undefined;
    throw mountFailed(path, error);
  }
  const device = mountAt(currentMounts(), path)?.device;
  const mounted = () => currentMounts().some((row) => row.device === device && row.mountpoint === path);
  return {
    path,
    seal: () =>
      mountFilesystem({
        source: MOUNT_SOURCE,
        target: path,
        type: "tmpfs",
        flags: SAFE | MountFlag.readOnly | MountFlag.remount,
        data: "",
      }),
    remove: () => {
      if (mounted()) unmountFilesystem(path, UnmountFlag.detach);
    },
    isGone: () => !mounted(),
  };
}

function makeFolder(mountpoint: string, needed: number, entries: readonly IndexEntry[], folders: readonly string[]): Place {
  const parent = folders.find((folder) => isMemory(folder, needed));
  if (parent === undefined) {
    throw new CaiError("model.no-memory-storage", "this process may not mount, and no folder it can write lies in memory and has room", {
      expected: `a tmpfs with ${needed} bytes free`,
      got: folders.join(", "),
      hint: "run as root, or give the process CAP_SYS_ADMIN",
    });
  }
  const path = mkdtempSync(join(parent, "cai-model-"));
  return {
    path,
    notice: `this process may not mount on ${mountpoint}; the files are in ${path}, in memory, until it ends`,
    seal: () => undefined,
    remove: () => {
      for (const entry of entries) if (entry.kind === "directory") allowRemoval(join(path, entry.path));
      allowRemoval(path);
      rmSync(path, { recursive: true, force: true });
    },
    isGone: () => !existsSync(path),
  };
}

/** A folder without write permission keeps what is in it. */
function allowRemoval(folder: string): void {
  if (existsSync(folder)) chmodSync(folder, 0o700);
}

function defaultFolders(): string[] {
  const runtime = process.env["XDG_RUNTIME_DIR"];
  return runtime === undefined || runtime === "" ? ["/dev/shm"] : [runtime, "/dev/shm"];
}

/** The file system is asked what it is: a folder called /dev/shm can lie on a disk. */
function isMemory(folder: string, needed: number): boolean {
  try {
    accessSync(folder, constants.W_OK | constants.X_OK);
    const magic = filesystemMagic(folder);
    if (magic === FilesystemMagic.ramfs) return true;
    const { bavail, bsize } = statfsSync(folder);
    return magic === FilesystemMagic.tmpfs && bavail * bsize >= needed;
  } catch {
    // Missing, foreign or unreachable: not usable, and the caller's error names it.
    return false;
  }
}

/** Gives every file the owner and permissions of I30, the root last: until then nobody else can reach any of them. */
function restrict(root: string, entries: readonly IndexEntry[], { uid, gid, file, executable, directory }: Access): void {
  const own = uid === process.getuid?.() && gid === process.getgid?.();
  for (const entry of [...entries.map((each) => ({ ...each, path: join(root, each.path) })), { kind: "directory" as const, path: root }]) {
    if (!own) lchownSync(entry.path, uid, gid);
    if (entry.kind === "file") chmodSync(entry.path, entry.executable ? executable : file);
    else if (entry.kind === "directory") chmodSync(entry.path, directory);
  }
}

function watched(place: Place): Mount {
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  const timer = setInterval(() => {
    if (place.isGone()) end();
  }, WATCH_INTERVAL);
  const end = () => {
    clearInterval(timer);
    resolve();
  };
  return {
    mountpoint: place.path,
    ...(place.notice !== undefined && { notice: place.notice }),
    stats: () => undefined,
    async unmount() {
      place.remove();
      end();
    },
    closed,
  };
}

function mountFailed(path: string, cause: unknown): CaiError {
  const got = cause instanceof SystemError ? `${cause.syscall}: ${cause.code}` : errorCode(cause);
  return new CaiError("model.mount-failed", `a memory file system on ${path} could not be set up`, { got, cause });
}
