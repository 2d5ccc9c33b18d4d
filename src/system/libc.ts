import { Errno, SystemError } from "./ffi/errno.ts";
import { lastErrno, libc } from "./ffi/library.ts";
import { cString, type PinnedMemory, startArguments, structure } from "./ffi/memory.ts";

export { Errno, type ErrnoName, errnoName, SystemError } from "./ffi/errno.ts";
export { GatherWriter } from "./ffi/gather.ts";
export { PinnedMemory } from "./ffi/memory.ts";

/**
 * Opens a file or device.
 *
 * @param flags  `fs.constants.O_…`; `O_CLOEXEC` is always added, so that no child process inherits the descriptor
 * @throws SystemError with the errno's name as its `code`
 */
export function openDevice(path: string, flags: number): number {
  const O_CLOEXEC = 0o2000000;
  startArguments();
  const address = cString(path);
  return retried("open", path, () => libc().open(address, flags | O_CLOEXEC, 0));
}

/** Closes a descriptor. An error of close(2) is not reported: the descriptor is gone whatever it says. */
export function closeDescriptor(fd: number): void {
  libc().close(fd);
}

/**
 * Blocks this thread in read(2).
 *
 * @returns the number of bytes read, or minus the errno: a loop that expects some errors should not pay for throwing them
 */
export function readDescriptor(fd: number, into: PinnedMemory): number {
  const count = Number(libc().read(fd, into.at(0), into.bytes.byteLength));
  return count >= 0 ? count : -lastErrno();
}

/** Writes one message from the start of `from`; a device takes it whole. @throws SystemError */
export function writeDescriptor(fd: number, from: PinnedMemory, length: number): number {
  return retried("write", `descriptor ${fd}`, () => Number(libc().write(fd, from.at(0), length)));
}

/**
 * Reads a range of a file into memory, whole.
 *
 * @param at      where in `into` the bytes go
 * @param offset  where in the file they are
 * @returns the bytes read: less than `length` only where the file ends
 * @throws SystemError
 */
export function readAt(fd: number, into: PinnedMemory, at: number, length: number, offset: number): number {
  if (at < 0 || length < 0 || at + length > into.bytes.byteLength) {
    throw new RangeError(`${length} bytes at ${at} do not fit ${into.bytes.byteLength}`);
  }
  let done = 0;
  while (done < length) {
    const count = retried("pread", `descriptor ${fd}`, () => Number(libc().pread(fd, into.at(at + done), length - done, offset + done)));
    if (count === 0) break;
    done += count;
  }
  return done;
}

/** ioctl(2) with a pointer to `argument`, whose bytes the kernel may change. @throws SystemError */
export function ioctl(fd: number, request: number, argument: Uint8Array): number {
  startArguments();
  const { bytes, address } = structure(argument.byteLength);
  bytes.set(argument);
  const result = retried("ioctl", `descriptor ${fd}`, () => libc().ioctl(fd, request, address));
  argument.set(bytes);
  return result;
}

/**
 * ioctl(2) whose argument names a buffer: `{u64 address, u64 length}`. The kernel may change the bytes of the buffer.
 *
 * @throws SystemError
 */
export function ioctlBuffer(fd: number, request: number, buffer: PinnedMemory): void {
  startArguments();
  const { bytes, address } = structure(16);
  const words = new DataView(bytes.buffer, bytes.byteOffset, 16);
  words.setBigUint64(0, BigInt(buffer.address), true);
  words.setBigUint64(8, BigInt(buffer.bytes.byteLength), true);
  retried("ioctl", `descriptor ${fd}`, () => libc().ioctl(fd, request, address));
}

/**
 * Takes an exclusive lock on an open file, for as long as it is open; another process or another `open` of it is refused.
 *
 * @returns false where somebody else holds it
 * @throws SystemError
 */
export function tryLock(fd: number): boolean {
  const LOCK_EX = 2;
  const LOCK_NB = 4;
  try {
    retried("flock", `descriptor ${fd}`, () => libc().flock(fd, LOCK_EX | LOCK_NB));
    return true;
  } catch (error) {
    if (error instanceof SystemError && error.errno === Errno.EAGAIN) return false;
    throw error;
  }
}

/** Calls until the answer is not EINTR. */
function retried(syscall: string, subject: string, call: () => number): number {
  for (;;) {
    const result = call();
    if (result >= 0) return result;
    const errno = lastErrno();
    if (errno !== Errno.EINTR) throw new SystemError(syscall, errno, subject);
  }
}
