import { dlopen, FFIType, type Library, type Pointer, read } from "bun:ffi";
import { CaiError } from "../error.ts";

/**
 * Every C library function that the program calls. `open`, `ioctl` and `prctl` take their optional arguments in registers on
 * x86-64 and arm64 Linux, as fixed ones do, so a fixed signature is right for them there.
 */
const SIGNATURES = {
  __errno_location: { args: [], returns: "ptr" },
  open: { args: ["ptr", "i32", "u32"], returns: "i32" },
  close: { args: ["i32"], returns: "i32" },
  dup3: { args: ["i32", "i32", "i32"], returns: "i32" },
  read: { args: ["i32", "ptr", FFIType.u64_fast], returns: FFIType.i64_fast },
  write: { args: ["i32", "ptr", FFIType.u64_fast], returns: FFIType.i64_fast },
  writev: { args: ["i32", "ptr", "i32"], returns: FFIType.i64_fast },
  pread: { args: ["i32", "ptr", FFIType.u64_fast, FFIType.i64_fast], returns: FFIType.i64_fast },
  ioctl: { args: ["i32", FFIType.u64_fast, "ptr"], returns: "i32" },
  socketpair: { args: ["i32", "i32", "i32", "ptr"], returns: "i32" },
  socket: { args: ["i32", "i32", "i32"], returns: "i32" },
  connect: { args: ["i32", "ptr", "u32"], returns: "i32" },
  getsockopt: { args: ["i32", "i32", "i32", "ptr", "ptr"], returns: "i32" },
  epoll_ctl: { args: ["i32", "i32", "i32", "ptr"], returns: "i32" },
  poll: { args: ["ptr", FFIType.u64_fast, "i32"], returns: "i32" },
  sendto: { args: ["i32", "ptr", FFIType.u64_fast, "i32", "ptr", "u32"], returns: FFIType.i64_fast },
  send: { args: ["i32", "ptr", FFIType.u64_fast, "i32"], returns: FFIType.i64_fast },
  recv: { args: ["i32", "ptr", FFIType.u64_fast, "i32"], returns: FFIType.i64_fast },
  recvmsg: { args: ["i32", "ptr", "i32"], returns: FFIType.i64_fast },
  flock: { args: ["i32", "i32"], returns: "i32" },
  mount: { args: ["ptr", "ptr", "ptr", FFIType.u64_fast, "ptr"], returns: "i32" },
  umount2: { args: ["ptr", "i32"], returns: "i32" },
  statfs: { args: ["ptr", "ptr"], returns: "i32" },
  prctl: { args: ["i32", FFIType.u64_fast, FFIType.u64_fast, FFIType.u64_fast, FFIType.u64_fast], returns: "i32" },
  getrlimit: { args: ["i32", "ptr"], returns: "i32" },
  setrlimit: { args: ["i32", "ptr"], returns: "i32" },
} as const;

type Symbols = Library<typeof SIGNATURES>["symbols"];

/** glibc first, then musl by the names that its distributions install. */
const FILE_NAMES = [
  "libc.so.6",
  process.arch === "arm64" ? "libc.musl-aarch64.so.1" : "libc.musl-x86_64.so.1",
  process.arch === "arm64" ? "/lib/ld-musl-aarch64.so.1" : "/lib/ld-musl-x86_64.so.1",
];

let symbols: Symbols | undefined;
let errnoAddress: Pointer | undefined;

/**
 * The C library of this machine, opened at the first call: commands that need no system call do not pay for it.
 *
 * @throws CaiError `internal.not-supported-here` where neither glibc nor musl can be opened
 */
export function libc(): Symbols {
  symbols ??= openFirst(FILE_NAMES);
  return symbols;
}

/** The error number of this thread's last failed call. To be read before anything else runs. */
export function lastErrno(): number {
  // The address is fixed for a thread, and a thread has its own copy of this module.
  errnoAddress ??= libc().__errno_location() as Pointer;
  return read.i32(errnoAddress);
}

function openFirst(names: readonly string[]): Symbols {
  const failures: string[] = [];
  for (const name of names) {
    try {
      return dlopen(name, SIGNATURES).symbols;
    } catch (error) {
      failures.push(error instanceof Error ? error.message : String(error));
    }
  }
  throw new CaiError("internal.not-supported-here", "the C library of this machine could not be opened", {
    expected: `one of ${names.join(", ")}`,
    got: failures.join("; "),
  });
}
