import { closeSync, constants, type Dirent, fstatSync, lstatSync, opendirSync, openSync, readSync, realpathSync } from "node:fs";
import { isAbsolute, join, relative, resolve } from "node:path";
import { CaiError } from "../../../system/index.ts";

/**
 * Reads a regular file of an old installation.
 *
 * @param limit  bytes
 * @throws CaiError `trustee.import-unreadable` for links, devices, pipes, and files that are too large or cannot be read
 */
export function readSourceFile(path: string, limit: number): Buffer {
  let file: number;
  try {
    // Neither a link at the end of the path, which may lead anywhere, nor a pipe, which would keep us waiting.
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? String(cause);
    throw unreadable(path, code === "ELOOP" ? "it is a symbolic link" : code, cause);
  }
  try {
    const stat = fstatSync(file);
    if (!stat.isFile()) throw unreadable(path, stat.isDirectory() ? "it is a folder" : "it is a device, a pipe or a socket");
    if (stat.size > limit) throw unreadable(path, `it has ${stat.size} bytes, and at most ${limit} are taken`);
    const bytes = Buffer.alloc(stat.size);
    let size = 0;
    for (let count = -1; count !== 0 && size < bytes.length; size += count) count = readSync(file, bytes, size, bytes.length - size, null);
    return bytes.subarray(0, size);
  } finally {
    closeSync(file);
  }
}

/** The same as text. @throws CaiError `trustee.import-unreadable` also where it is not UTF-8 */
export function readSourceText(path: string, limit: number): string {
  const bytes = readSourceFile(path, limit);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw unreadable(path, "it is not UTF-8");
  }
}

/** @returns the entries of a folder, one at a time, in the order in which the file system has them; none where it is not there */
export function* folderEntries(path: string): Generator<Dirent> {
  let stat: ReturnType<typeof lstatSync>;
  try {
    stat = lstatSync(path);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? String(cause);
    if (code === "ENOENT") return;
    throw unreadable(path, code, cause);
  }
  if (!stat.isDirectory()) throw unreadable(path, stat.isSymbolicLink() ? "it is a symbolic link" : "it is no folder");
  const folder = opendirSync(path);
  try {
    for (let entry = folder.readSync(); entry !== null; entry = folder.readSync()) yield entry;
  } finally {
    folder.closeSync();
  }
}

/** Where the files of an old installation are: on this machine as they were, or below a folder that they were copied to. */
export class SourcePlace {
  readonly #root: string | undefined;
  readonly #base: string;

  /**
   * @param root  the folder that stands for `/`
   * @param base  the folder that relative paths start from
   */
  constructor(root: string | undefined, base: string) {
    this.#root = root === undefined ? undefined : resolve(root);
    this.#base = resolve(base);
  }

  /**
   * @returns where the file that a configuration names is
   * @throws CaiError `trustee.import-unreadable` where a path or a link leads out of the root folder
   */
  resolve(path: string): string {
    if (this.#root === undefined) return resolve(this.#base, path);
    const place = isAbsolute(path) ? join(this.#root, path) : resolve(this.#base, path);
    const root = realpathSync(this.#root);
    const real = realPath(place);
    const inside = relative(root, real);
    if (inside === ".." || inside.startsWith("../") || isAbsolute(inside)) {
      throw unreadable(path, `it leads out of ${this.#root}`);
    }
    return place;
  }
}

/** @returns the real path of a file, or of the nearest folder above it that is there */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    const above = resolve(path, "..");
    return above === path ? path : realPath(above);
  }
}

function unreadable(path: string, why: string, cause?: unknown): CaiError {
  return new CaiError("trustee.import-unreadable", `${path} is not taken: ${why}`, { got: why, ...(cause !== undefined && { cause }) });
}
