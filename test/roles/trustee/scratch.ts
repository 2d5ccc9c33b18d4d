import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { masterKeyPath, openStore, parseStorePlace, readMasterKey, type Store } from "../../../src/roles/trustee/store/index.ts";
import { CaiError } from "../../../src/system/index.ts";

/** A data directory inside a new folder, so that the master key beside it goes away with it. */
export function scratchData(): { dataDir: string; remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), "cai-trustee-"));
  return { dataDir: join(folder, "data"), remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** Opens the store of a data directory. @param servingFrom  seconds since 1970, where nonces are to be given out */
export function openData(dataDir: string, servingFrom?: number): Promise<Store> {
  return openStore(parseStorePlace(undefined, dataDir), readMasterKey(masterKeyPath(dataDir)), servingFrom);
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
