import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CaiError } from "../../../src/system/index.ts";

/** A data directory inside a new folder, so that the master key beside it goes away with it. */
export function scratchData(): { dataDir: string; remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), "cai-trustee-"));
  return { dataDir: join(folder, "data"), remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** @returns the id of the CaiError that `work` ends with, or "done" */
export async function idOf(work: () => unknown): Promise<string> {
  try {
    await work();
    return "done";
  } catch (error) {
    if (error instanceof CaiError) return error.id;
    throw error;
  }
}
