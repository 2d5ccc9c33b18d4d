import { constants } from "node:fs";
import { type FileHandle, link, lstat, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { CaiError, tryLock } from "../system/index.ts";
import { errorCode } from "./source.ts";

/**
 * A file that gets its name only when it is complete. Until then it is `<name>.partial` beside it, locked by the process that writes
 * it, so that what a killed process left is told from what a living one writes.
 */
export interface PartialFile {
  /** open for reading and writing, from any thread */
  readonly fd: number;
  readonly path: string;
  /** Brings what was written to the storage. @throws CaiError `cli.output-failed` */
  flush(): Promise<void>;
  /** Gives the file its name. @throws CaiError `cli.output-exists`, `cli.output-failed` */
  finish(): Promise<void>;
  /** Closes the file, and removes it unless it has its name. */
  discard(): Promise<void>;
}

/**
 * Refuses an output that exists or that another run is writing, and removes what a killed run left of it.
 *
 * @throws CaiError `cli.output-exists`, `cli.output-failed`
 */
export async function clearOutput(path: string): Promise<void> {
  const partial = partialName(path);
  let left: FileHandle | undefined;
  try {
    if (await exists(path)) throw alreadyThere(path);
    if (!(await exists(partial))) return;
    left = await open(partial, constants.O_WRONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    if (!tryLock(left.fd)) throw beingWritten(path);
    await rm(partial);
  } catch (cause) {
    throw failed(partial, cause);
  } finally {
    await left?.close();
  }
}

/**
 * Makes the partial file of an output that `clearOutput` took, with mode 0600.
 *
 * @throws CaiError `cli.output-exists` where another run was faster, `cli.output-failed`
 */
export async function createPartialFile(path: string): Promise<PartialFile> {
  const partial = partialName(path);
  let handle: FileHandle;
  try {
    handle = await open(partial, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600);
  } catch (cause) {
    throw errorCode(cause) === "EEXIST" ? beingWritten(path) : failed(partial, cause);
  }
  let locked: boolean;
  try {
    locked = tryLock(handle.fd);
  } catch (cause) {
    await handle.close();
    await rm(partial);
    throw failed(partial, cause);
  }
  if (!locked) {
    // Another run took the fresh file for one that was left behind, and removes it.
    await handle.close();
    throw beingWritten(path);
  }
  return {
    fd: handle.fd,
    path: partial,
    async flush() {
      try {
        await handle.sync();
      } catch (cause) {
        throw failed(partial, cause);
      }
    },
    async finish() {
      try {
        await giveName(partial, path);
        await flushDirectory(dirname(path));
      } catch (cause) {
        throw failed(path, cause);
      }
    },
    async discard() {
      await handle.close();
      await rm(partial, { force: true });
    },
  };
}

/** link(2) never replaces a file that came up meanwhile, as rename(2) would; file systems without links get the latter. */
async function giveName(partial: string, path: string): Promise<void> {
  try {
    await link(partial, path);
  } catch (cause) {
    if (errorCode(cause) === "EEXIST" || (await exists(path))) throw alreadyThere(path);
    await rename(partial, path);
    return;
  }
  await rm(partial);
}

async function flushDirectory(path: string): Promise<void> {
  const directory = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (cause) {
    if (errorCode(cause) === "ENOENT") return false;
    throw cause;
  }
}

function partialName(path: string): string {
  return `${path}.partial`;
}

function alreadyThere(path: string): CaiError {
  return new CaiError("cli.output-exists", `${path} exists already and is not overwritten`);
}

function beingWritten(path: string): CaiError {
  return new CaiError("cli.output-exists", `another run is writing ${path}`, { got: partialName(path) });
}

function failed(path: string, cause: unknown): CaiError {
  if (cause instanceof CaiError) return cause;
  return new CaiError("cli.output-failed", `${path} cannot be written`, { got: errorCode(cause), cause });
}
