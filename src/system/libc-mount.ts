import { SystemError } from "./ffi/errno.ts";
import { lastErrno, libc } from "./ffi/library.ts";
import { cString, startArguments, structure } from "./ffi/memory.ts";

/** Flags of mount(2) (linux/mount.h). */
export const MountFlag = { readOnly: 1, noSuid: 2, noDev: 4, noExec: 8, remount: 32 } as const;

/** Flags of umount2(2) (linux/fs.h). `force` makes a FUSE file system drop its connection. */
export const UnmountFlag = { force: 1, detach: 2, noFollow: 8 } as const;

/** File system magics of statfs(2) (linux/magic.h). */
export const FilesystemMagic = { tmpfs: 0x01021994, ramfs: 0x858458f6, fuse: 0x65735546 } as const;

/** What mount(2) is told. */
export interface MountCall {
  readonly source: string;
  readonly target: string;
  readonly type: string;
  /** a sum of `MountFlag` */
  readonly flags: number;
  /** the file system's own options, separated by commas */
  readonly data: string;
}

/** mount(2). @throws SystemError */
export function mountFilesystem({ source, target, type, flags, data }: MountCall): void {
  startArguments();
  check("mount", target, libc().mount(cString(source), cString(target), cString(type), flags, cString(data)));
}

/** umount2(2). A symbolic link is never followed. @param flags  a sum of `UnmountFlag` @throws SystemError */
export function unmountFilesystem(target: string, flags: number): void {
  startArguments();
  check("umount2", target, libc().umount2(cString(target), flags | UnmountFlag.noFollow));
}

/** The magic of the file system that holds `path`, as in `FilesystemMagic`. @throws SystemError */
export function filesystemMagic(path: string): number {
  // sizeof(struct statfs) is 120 on x86-64 and arm64; f_type is its first member, a 64-bit word.
  const STATFS = 120;
  startArguments();
  const { bytes, address } = structure(STATFS);
  check("statfs", path, libc().statfs(cString(path), address));
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
}

function check(syscall: string, subject: string, result: number): void {
  if (result !== 0) throw new SystemError(syscall, lastErrno(), subject);
}
