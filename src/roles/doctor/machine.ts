import { closeSync, existsSync, openSync, readdirSync, readSync, statSync } from "node:fs";
import { join } from "node:path";

/** The most that is read of one file; what is looked at is short. */
const MAX_BYTES = 256 * 1024;
/** Errors that mean: nothing there that this user could see. */
const NOTHING = ["ENOENT", "ENOTDIR", "EACCES", "EPERM", "ESRCH", "ENXIO", "EIO", "EISDIR", "ELOOP"];

/** A machine to look at: its files below a root folder, which is `/` for the machine that this program runs on. It is only ever read. */
export class Machine {
  readonly root: string;

  constructor(root = "/") {
    this.root = root;
  }

  path(name: string): string {
    return join(this.root, name);
  }

  exists(name: string): boolean {
    return existsSync(this.path(name));
  }

  /** Bytes of a file as stat(2) says; 0 where there is none. */
  size(name: string): number {
    try {
      return statSync(this.path(name)).size;
    } catch (error) {
      return nothing(error, 0);
    }
  }

  /** The text of a file, cut at 256 KiB, without blanks around it. @returns undefined where this user sees no such file */
  text(name: string): string | undefined {
    try {
      const file = openSync(this.path(name), "r");
      try {
        const bytes = Buffer.alloc(MAX_BYTES);
        let size = 0;
        for (let count = -1; count !== 0 && size < MAX_BYTES; size += count) count = readSync(file, bytes, size, MAX_BYTES - size, null);
        return bytes.toString("utf8", 0, size).trim();
      } finally {
        closeSync(file);
      }
    } catch (error) {
      return nothing(error, undefined);
    }
  }

  /** The names in a folder; none where there is no such folder. */
  names(folder: string): string[] {
    try {
      return readdirSync(this.path(folder)).sort();
    } catch (error) {
      return nothing(error, []);
    }
  }

  /** False in a container, and where the process table hides the programs of other users: either hides the kernel's first thread, too. */
  showsAllPrograms(): boolean {
    return this.text("/proc/2/comm") === "kthreadd";
  }

  /** The names of the programs that run, as the kernel has them: at most 15 bytes each. */
  programs(): Set<string> {
    const numbers = this.names("/proc").filter((name) => /^\d+$/.test(name));
    return new Set(numbers.flatMap((number) => this.text(`/proc/${number}/comm`) ?? []));
  }
}

function nothing<T>(error: unknown, value: T): T {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (!NOTHING.includes(code)) throw error;
  return value;
}
