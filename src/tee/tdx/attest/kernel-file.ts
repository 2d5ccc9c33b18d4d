import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { CaiError } from "../../../system/index.ts";

/** Bytes asked for in one read(2). */
const STEP = 64 * 1024;

/**
 * Reads a file of sysfs, configfs or procfs whole, in one open. Sizes that stat(2) gives there mean nothing, so it reads up to the end. The calls
 * run in the runtime's thread pool and do not block the event loop, however long the kernel takes. A pipe or a device in the file's place would be
 * waited for without end, so it is refused, with `no regular file` as its `code`.
 *
 * @param limit  bytes; a longer file is `onTooLong`'s error
 * @throws what the file system says, with its errno as `code`
 */
export async function readKernelFile(path: string, limit: number, onTooLong: () => CaiError): Promise<Uint8Array> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    if (!(await file.stat()).isFile()) throw Object.assign(new Error(`${path} is no regular file`), { code: "no regular file" });
    const parts: Uint8Array[] = [];
    let size = 0;
    for (;;) {
      const part = new Uint8Array(Math.min(STEP, limit + 1 - size));
      const { bytesRead } = await file.read(part, 0, part.length, null);
      if (bytesRead === 0) return new Uint8Array(Buffer.concat(parts));
      size += bytesRead;
      if (size > limit) throw onTooLong();
      parts.push(part.subarray(0, bytesRead));
    }
  } finally {
    await file.close();
  }
}

/** Writes a file of sysfs or configfs with one write(2), for the kernel takes one write for one value. @throws what the file system says */
export async function writeKernelFile(path: string, bytes: Uint8Array): Promise<void> {
  const file: FileHandle = await open(path, constants.O_WRONLY);
  try {
    const { bytesWritten } = await file.write(bytes, 0, bytes.length, null);
    if (bytesWritten !== bytes.length) {
      throw new CaiError("internal.unexpected", `the kernel took ${bytesWritten} of ${bytes.length} bytes that were written to ${path}`);
    }
  } finally {
    await file.close();
  }
}

/** The errno name, or what else is the `code` of a file error; undefined for anything else. */
export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/** True where a file error says that there is no such file, or no such folder on the way to it. */
export function isMissing(error: unknown): boolean {
  const code = errnoOf(error);
  return code === "ENOENT" || code === "ENOTDIR";
}

/**
 * What a failed call means, in words.
 *
 * @param reasons  by errno name
 * @returns the errno's name with its reason, the name alone where there is none, or what the error says
 */
export function explained(error: unknown, reasons: Readonly<Record<string, string>>): string {
  const code = errnoOf(error);
  if (code === undefined) return error instanceof Error ? error.message : String(error);
  return Object.hasOwn(reasons, code) ? `${code}: ${reasons[code]}` : code;
}
