import { closeSync, fstatSync, openSync, readFileSync } from "node:fs";
import { CaiError } from "./error.ts";

const MAX_BYTES = 16 * 1024 * 1024;

/**
 * Reads a file that a user named: certificates, keys, tokens, JSON.
 *
 * @returns its text, read as UTF-8
 * @throws CaiError `cli.input-unreadable`, also for what is no regular file or larger than 16 MiB; its content is never told
 */
export function readTextFile(path: string): string {
  let file: number | undefined;
  try {
    file = openSync(path, "r");
    const stat = fstatSync(file);
    if (!stat.isFile() && !stat.isFIFO()) throw new CaiError("cli.input-unreadable", `${path} is not a file`);
    if (stat.size > MAX_BYTES)
      throw new CaiError("cli.input-unreadable", `${path} is too large`, { expected: `at most ${MAX_BYTES} bytes` });
    return readFileSync(file, "utf8");
  } catch (error) {
    if (error instanceof CaiError) throw error;
    throw new CaiError("cli.input-unreadable", `cannot read ${path}`, { got: (error as NodeJS.ErrnoException).code ?? String(error) });
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/** The same of a file that need not be there. @returns undefined where it cannot be read, for whatever reason */
export function readTextFileIfAny(path: string): string | undefined {
  try {
    return readTextFile(path);
  } catch (error) {
    if (error instanceof CaiError) return undefined;
    throw error;
  }
}
