import { SystemError } from "./ffi/errno.ts";
import { lastErrno, libc } from "./ffi/library.ts";
import { startArguments, structure } from "./ffi/memory.ts";

/** resource.h and prctl.h of Linux. */
const RLIMIT_CORE = 4;
const PR_GET_DUMPABLE = 3;
const PR_SET_DUMPABLE = 4;
/** sizeof(struct rlimit): soft and hard limit, 64 bits each */
const RLIMIT = 16;

/**
 * Keeps this process's memory out of core files and away from debuggers of the same user (security.md I30): the core size limit
 * becomes 0, soft and hard, and the process is no longer dumpable. Child processes inherit the limit.
 *
 * @throws SystemError
 */
export function hardenProcess(): void {
  startArguments();
  check("setrlimit", libc().setrlimit(RLIMIT_CORE, structure(RLIMIT).address));
  check("prctl", libc().prctl(PR_SET_DUMPABLE, 0, 0, 0, 0));
}

/** What of `hardenProcess` holds now. */
export function processHardening(): { readonly coreLimit: bigint; readonly dumpable: boolean } {
  startArguments();
  const { bytes, address } = structure(RLIMIT);
  check("getrlimit", libc().getrlimit(RLIMIT_CORE, address));
  // The hard limit is the one that counts: the soft one never lies above it.
  const coreLimit = new DataView(bytes.buffer, bytes.byteOffset, RLIMIT).getBigUint64(8, true);
  return { coreLimit, dumpable: libc().prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) !== 0 };
}

function check(syscall: string, result: number): void {
  if (result < 0) throw new SystemError(syscall, lastErrno());
}
