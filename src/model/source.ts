import { closeSync, constants, fstatSync, openSync, read } from "node:fs";
import { CaiError } from "../system/index.ts";

/** Where the bytes of an archive come from. Offsets and sizes are in bytes and below 2^53. */
export interface BlockSource {
  readonly size: number;
  /** the local file behind it, for readers that open it themselves (Workers); absent where there is none */
  readonly file?: { readonly path: string; readonly fd: number };
  /**
   * Fills `into` whole with the bytes from `offset` on.
   *
   * @throws CaiError `model.truncated` where the source ends before, `model.source-failed` where it cannot be read
   */
  read(offset: number, into: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

/** A source that is a local file. */
export interface FileSource extends BlockSource {
  readonly file: { readonly path: string; readonly fd: number };
}

/**
 * Opens a local archive for reading.
 *
 * @throws CaiError `cli.input-unreadable` where it is missing, not permitted or no regular file
 */
export async function openFileSource(path: string): Promise<FileSource> {
  let fd: number | undefined;
  try {
    const opened = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    fd = opened;
    const stat = fstatSync(opened);
    if (!stat.isFile()) throw new CaiError("cli.input-unreadable", `${path} is not a regular file`);
    let isOpen = true;
    const close = async () => {
      // A second close would hit whatever has the number by then.
      if (isOpen) closeSync(opened);
      isOpen = false;
    };
    return { ...attachFileSource(path, opened, stat.size), close };
  } catch (cause) {
    if (fd !== undefined) closeSync(fd);
    if (cause instanceof CaiError) throw cause;
    throw new CaiError("cli.input-unreadable", `${path} cannot be opened`, { got: errorCode(cause), cause });
  }
}

/** Reads an archive through a descriptor that somebody else has open and closes; threads share descriptors. */
export function attachFileSource(path: string, fd: number, size: number): FileSource {
  return {
    size,
    file: { path, fd },
    async read(offset, into) {
      for (let done = 0; done < into.length; ) {
        const count = await readSome(fd, into.subarray(done), offset + done).catch((cause) => {
          throw new CaiError("model.source-failed", `${path} cannot be read at byte ${offset + done}`, { got: errorCode(cause), cause });
        });
        if (count === 0) throw truncated(path, offset + into.length, offset + done);
        done += count;
      }
    },
    close: async () => {},
  };
}

function readSome(fd: number, into: Uint8Array, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    read(fd, into, 0, into.length, position, (error, count) => (error === null ? resolve(count) : reject(error)));
  });
}

/** The error of a source that ends too early. Sizes are in bytes. */
export function truncated(name: string, expected: number, got: number): CaiError {
  return new CaiError("model.truncated", `${name} ends too early`, { expected: `at least ${expected} bytes`, got: `${got} bytes` });
}

/** The symbolic name (`ENOENT` …) of what the operating system answered, or the text of another error. */
export function errorCode(error: unknown): string {
  if (error instanceof Error) return "code" in error ? String(error.code) : error.message;
  return String(error);
}
