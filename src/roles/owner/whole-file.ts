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
    rmSync(unfinished, { force: true });
    throw new CaiError("cli.output-failed", `cannot write ${path}`, { got: (error as NodeJS.ErrnoException).code ?? String(error) });
  }
}
