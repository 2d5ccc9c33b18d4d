import { randomBytes } from "node:crypto";
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { CaiError } from "../../system/index.ts";

/**
 * Writes a file in one step: whoever reads it finds what was there before or all of the new, never a part.
 *
 * @throws CaiError `cli.output-failed`
 */
export function writeWholeFile(path: string, text: string): void {
  const unfinished = `${path}.${randomBytes(6).toString("hex")}`;
  try {
    const file = openSync(unfinished, "wx", 0o644);
    try {
      writeFileSync(file, text);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(unfinished, path);
  } catch (error) {
    discard(unfinished);
    throw new CaiError("cli.output-failed", `cannot write ${path}`, { got: (error as NodeJS.ErrnoException).code ?? String(error) });
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
