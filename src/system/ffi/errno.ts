/** Linux error numbers by name (asm-generic/errno-base.h and errno.h; the same on x86-64 and arm64). */
export const Errno = {
  EPERM: 1,
  ENOENT: 2,
  EINTR: 4,
  EIO: 5,
  ENXIO: 6,
  EBADF: 9,
  EAGAIN: 11,
  ENOMEM: 12,
  EACCES: 13,
  EFAULT: 14,
  EBUSY: 16,
  EEXIST: 17,
  EXDEV: 18,
  ENODEV: 19,
  ENOTDIR: 20,
  EISDIR: 21,
  EINVAL: 22,
  EMFILE: 24,
  ENOTTY: 25,
  ETXTBSY: 26,
  EFBIG: 27,
  ENOSPC: 28,
  ESPIPE: 29,
  EROFS: 30,
  EPIPE: 32,
  ERANGE: 34,
  ENAMETOOLONG: 36,
  ENOSYS: 38,
  ENOTEMPTY: 39,
  ELOOP: 40,
  ENODATA: 61,
  EPROTO: 71,
  EOPNOTSUPP: 95,
  EAFNOSUPPORT: 97,
  EADDRINUSE: 98,
  EADDRNOTAVAIL: 99,
  ENETUNREACH: 101,
  ECONNABORTED: 103,
  ECONNRESET: 104,
  ENOTCONN: 107,
  ETIMEDOUT: 110,
  ECONNREFUSED: 111,
  EHOSTUNREACH: 113,
  EINPROGRESS: 115,
  ESTALE: 116,
} as const;

/** The name of a Linux error, as errno(3) spells it. */
export type ErrnoName = keyof typeof Errno;

const NAMES = new Map<number, ErrnoName>(Object.entries(Errno).map(([name, number]) => [number, name as ErrnoName]));

/** @returns the name of an error number, or `E` and the number where this program has no name for it */
export function errnoName(errno: number): string {
  return NAMES.get(errno) ?? `E${errno}`;
}

/** A system call that failed. It has the members of the runtime's own file errors, so that both can be caught alike. */
export class SystemError extends Error {
  /** for example `ENOENT` */
  readonly code: string;
  readonly errno: number;
  readonly syscall: string;

  /** @param subject  what the call was about: a path or a descriptor, never content */
  constructor(syscall: string, errno: number, subject?: string) {
    const code = errnoName(errno);
    super(`${code}: ${syscall} failed${subject === undefined ? "" : ` on ${subject}`}`);
    this.name = "SystemError";
    this.code = code;
    this.errno = errno;
    this.syscall = syscall;
  }
}
