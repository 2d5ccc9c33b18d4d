import { randomBytes } from "node:crypto";
import { closeSync, fchmodSync, fsyncSync, openSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { CaiError } from "./error.ts";

/** How a file is written. */
interface WholeFileOptions {
  /** of a new file; the user's mask applies. Default: 0o644 */
  readonly mode?: number;
  /** the file is there, and its permissions stay */
  readonly replaces?: boolean;
}

/**
 * Writes a file in one step: whoever reads it finds what was there before or all of the new, never a part.
 *
 * @throws CaiError `cli.output-failed`
 */
export function writeWholeFile(path: string, text: string, { mode = 0o644, replaces = false }: WholeFileOptions = {}): void {
  const unfinished = `${path}.${randomBytes(6).toHex()}`;
  try {
    const file = openSync(unfinished, "wx", mode);
    try {
      if (replaces) fchmodSync(file, statSync(path).mode & 0o7777);
      writeFileSync(file, text);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(unfinished, path);
  } catch (cause) {
    discard(unfinished);
    const got = (cause as NodeJS.ErrnoException).code ?? String(cause);
    throw new CaiError("cli.output-failed", `cannot write ${path}: ${got}`, { got, cause });
  }
}

/** What keeps a file from being written may keep it from being removed, too, and is what the user has to know. */
function discard(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // It was never there.
  }
}
