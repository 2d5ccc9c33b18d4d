import { constants, existsSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import {
  CaiError,
  closeDescriptor,
  ioctl,
  MountFlag,
  mountFilesystem,
  openDevice,
  PinnedMemory,
  readDescriptor,
  SystemError,
  UnmountFlag,
  unmountFilesystem,
  writeDescriptor,
} from "../../system/index.ts";
import type { Artefact } from "../artefact.ts";
import type { Mount, MountOptions } from "../mount.ts";
import { mountAt } from "../mount-table.ts";
import { currentMounts, FUSE_TYPE, holdMountpoint, MOUNT_SOURCE, prepareMountpoint } from "../mountpoint.ts";
import { type Access, accessFor } from "./access.ts";
import { FUSE_DEVICE, fuseAvailable, hasMountRight } from "./available.ts";
import { createCounters, sumCounters } from "./counters.ts";
import { findHelper, mountByHelper, unmountByHelper } from "./fusermount.ts";
import { MAX_READ, type Negotiated, negotiate } from "./init.ts";
import { FuseThreads } from "./threads.ts";

export interface FuseOptions extends MountOptions {
  /** kilobytes that the kernel reads ahead of a sequential reader; 4096 unless said otherwise */
  readonly readAheadKb?: number;
  /** threads; as many as the machine has cores, at most 8, unless said otherwise */
  readonly workers?: number;
  /**
   * Called once for each block that was refused. The error is `model.block-corrupt` where its tag does not hold, `model.source-failed`
   * where the storage gave an error or ended.
   */
  readonly onCorrupt?: (path: string, chunk: number, error: CaiError) => void;
  /** Called where one request could not be answered for a reason in this program; its caller got EIO. */
  readonly onFault?: (error: CaiError) => void;
}

const READ_AHEAD_KB = 4096;
const MOST_WORKERS = 8;
/** _IOR(229, 0, u32) of linux/fuse.h: ties another open of the device to the mount of the descriptor that it is given. */
const FUSE_DEV_IOC_CLONE = 0x8004e500;

/**
 * Mounts an artefact read-only by FUSE and serves it from threads of its own until it is unmounted (model-format.md §5). The mount owns
 * the artefact from then on, also where mounting fails: it wipes its key and closes it.
 *
 * The calling thread must never touch a path below the mount.
 *
 * @throws CaiError `model.fuse-unavailable`, `model.mountpoint-*`, `model.mount-failed`, `model.source-remote`
 */
export async function mountFuse(artefact: Artefact, mountpoint: string, options: FuseOptions = {}): Promise<Mount> {
  // What has to be undone, the last first, when mounting fails and when the mount ends.
  const held = new AsyncDisposableStack();
  held.defer(() => artefact.close());
  try {
    return await serve(artefact, mountpoint, options, held);
  } catch (error) {
    await held.disposeAsync();
    throw error;
  }
}

async function serve(artefact: Artefact, mountpoint: string, options: FuseOptions, held: AsyncDisposableStack): Promise<Mount> {
  const { available, why } = fuseAvailable();
  if (!available) throw new CaiError("model.fuse-unavailable", why ?? "no FUSE", { hint: "--mode tmpfs needs no FUSE" });
  if (artefact.source.file === undefined) {
    throw new CaiError("model.source-remote", "a mount by FUSE reads from a local file", { got: "a source without a file" });
  }
  const access = accessFor(options.allow ?? "owner", process.getuid?.() ?? 0, process.getgid?.() ?? 0);
  const path = prepareMountpoint(mountpoint);
  held.defer(holdMountpoint(path));
  const workers = Math.max(1, options.workers ?? Math.min(availableParallelism(), MOST_WORKERS));
  const prk = new SharedArrayBuffer(artefact.prk.byteLength);
  const key = new Uint8Array(prk);
  key.set(artefact.prk);
  held.defer(() => void key.fill(0));
  const counters = createCounters(workers);
  const threads = await FuseThreads.start(workers, {
    setup: { core: artefact.header.core, entries: artefact.entries, access, source: artefact.source.file.fd, prk, counters },
    onFailedRead: (file, chunk, reason) => options.onCorrupt?.(file, chunk, readError(file, chunk, reason)),
    onFault: (message) => options.onFault?.(new CaiError("internal.unexpected", `a request to the mount failed: ${message}`)),
  });
  held.defer(() => threads.stop());
  const { device, devices, negotiated } = await connect(path, access, workers, options.readAheadKb ?? READ_AHEAD_KB);
  held.defer(() => devices.forEach(closeDescriptor));
  let over = false;
  // Once the mount is over, its device number can be another mount's.
  const end = () => {
    if (!over) detach(device);
  };
  const closed = threads.serve(end, devices, negotiated).then(() => {
    over = true;
    return held.disposeAsync();
  });
  return {
    mountpoint: path,
    stats: () => sumCounters(counters),
    unmount: async () => {
      end();
      await closed;
    },
    closed,
  };
}

function readError(file: string, chunk: number, reason: "corrupt" | "source"): CaiError {
  const place = `block ${chunk} of ${JSON.stringify(file)}`;
  return reason === "corrupt"
    ? new CaiError("model.block-corrupt", `${place} is not authentic; reads of it fail with EIO`)
    : new CaiError("model.source-failed", `${place} could not be read from the artefact; reads of it fail with EIO`);
}

/** A mount, and the descriptors that its requests come from: one a thread. */
interface Connection {
  readonly device: string;
  readonly devices: readonly number[];
  readonly negotiated: Negotiated;
}

async function connect(path: string, access: Access, workers: number, readAheadKb: number): Promise<Connection> {
  const devices: number[] = [];
  let mounted: string | undefined;
  try {
    const helper = hasMountRight() ? undefined : findHelper();
    const first =
      helper === undefined ? openDevice(FUSE_DEVICE, constants.O_RDWR) : await mountByHelper(helper, path, helperOptions(access));
    devices.push(first);
    if (helper === undefined) mountDevice(first, path, access);
    const row = mountAt(currentMounts(), path);
    if (row?.type !== FUSE_TYPE) throw new CaiError("model.mount-failed", `the mount on ${path} is not in the table of mounts`);
    mounted = row.device;
    const negotiated = greet(first);
    setReadAhead(mounted, readAheadKb);
    while (devices.length < workers) devices.push(cloneDevice(first));
    return { device: mounted, devices, negotiated };
  } catch (cause) {
    if (mounted !== undefined) detach(mounted);
    for (const fd of devices) closeDescriptor(fd);
    if (cause instanceof CaiError) throw cause;
    const got = cause instanceof SystemError ? `${cause.syscall}: ${cause.code}` : String(cause);
    throw new CaiError("model.mount-failed", `${path} could not be mounted`, { got, cause });
  }
}

function mountDevice(fd: number, path: string, access: Access): void {
  const user = `user_id=${process.getuid?.() ?? 0},group_id=${process.getgid?.() ?? 0}`;
  mountFilesystem({
    source: MOUNT_SOURCE,
    target: path,
    type: FUSE_TYPE,
    flags: MountFlag.readOnly | MountFlag.noSuid | MountFlag.noDev | MountFlag.noExec,
    data: [`fd=${fd},rootmode=40000,${user}`, ...protocolOptions(access)].join(","),
  });
}

/** What fusermount3 does not say by itself. */
function helperOptions(access: Access): string[] {
  return [
    "ro",
    "nosuid",
    "nodev",
    "noexec",
    `fsname=${MOUNT_SOURCE}`,
    `subtype=${FUSE_TYPE.replace("fuse.", "")}`,
    ...protocolOptions(access),
  ];
}

function protocolOptions(access: Access): string[] {
  return ["default_permissions", `max_read=${MAX_READ}`, ...(access.others ? ["allow_other"] : [])];
}

/** Answers INIT, which the kernel has queued before mount(2) returned. */
function greet(fd: number): Negotiated {
  const memory = new PinnedMemory(64 * 1024);
  const length = readDescriptor(fd, memory);
  const negotiated = length > 0 ? negotiate(memory.bytes.subarray(0, length)) : undefined;
  if (negotiated === undefined) {
    throw new CaiError("model.mount-failed", "the kernel's FUSE protocol is too old", { expected: "7.31 (Linux 5.4) or later" });
  }
  memory.bytes.set(negotiated.reply);
  writeDescriptor(fd, memory, negotiated.reply.byteLength);
  return negotiated;
}

/** The kernel offers 128 KiB at most through the protocol; more is set here. Where /sys is read-only the mount is only slower. */
function setReadAhead(device: string, kilobytes: number): void {
  try {
    writeFileSync(`/sys/class/bdi/${device}/read_ahead_kb`, `${kilobytes}\n`);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && ["EACCES", "EPERM", "EROFS", "ENOENT"].includes(String(error.code)))) throw error;
  }
}

function cloneDevice(of: number): number {
  const fd = openDevice(FUSE_DEVICE, constants.O_RDWR);
  try {
    ioctl(fd, FUSE_DEV_IOC_CLONE, new Uint8Array(Uint32Array.of(of).buffer));
    return fd;
  } catch (error) {
    closeDescriptor(fd);
    throw error;
  }
}

/**
 * Unmounts by device number, wherever the mount is now: what another process mounted on the same path is left alone. The connection is
 * ended by force. Otherwise an open file, or a copy of the mount in another mount namespace, would keep the threads and their keys.
 */
function detach(device: string): void {
  const direct = hasMountRight();
  const helper = direct ? undefined : findHelper();
  for (const row of currentMounts().toReversed()) {
    if (row.device !== device || row.type !== FUSE_TYPE) continue;
    if (helper === undefined) {
      unmountFilesystem(row.mountpoint, UnmountFlag.force | UnmountFlag.detach);
    } else {
      abortConnection(device);
      unmountByHelper(helper, row.mountpoint);
    }
  }
}

/** A user cannot force an unmount, but can end the connection. Where that file system is not mounted, open files are waited for. */
function abortConnection(device: string): void {
  const file = `/sys/fs/fuse/connections/${device.split(":")[1]}/abort`;
  if (existsSync(file)) writeFileSync(file, "1");
}
