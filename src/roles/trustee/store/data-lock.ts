import { Database } from "bun:sqlite";
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { CaiError } from "../../../system/index.ts";

/** Held while a process works on a data directory. The kernel lets go of it when the process ends, however it ends. */
export interface DataLock {
  release(): void;
}

/**
 * Takes the lock of a data directory.
 *
 * A small database of its own, kept in an exclusive transaction: SQLite's file locks end with the process, so a killed trustee leaves
 * nothing to clean up, and the store itself stays readable for a backup.
 *
 * @throws CaiError `trustee.data-in-use` where another process, or another trustee in this one, holds it
 */
export function lockData(dataDir: string): DataLock {
  const path = join(dataDir, "trustee.lock");
  let database: Database;
  try {
    createClosed(path);
    database = new Database(path, { create: false, readwrite: true });
  } catch (cause) {
    throw new CaiError("trustee.data-unusable", `the lock ${path} cannot be opened`, { cause });
  }
  try {
    database.run("PRAGMA locking_mode = EXCLUSIVE");
    database.run("PRAGMA journal_mode = MEMORY");
    database.run("BEGIN EXCLUSIVE");
  } catch (cause) {
    database.close();
    if ((cause as { code?: string }).code?.startsWith("SQLITE_BUSY") === true) {
      throw new CaiError("trustee.data-in-use", `another trustee works on ${dataDir}`, {
        hint: "Stop it, or give this one another data directory.",
      });
    }
    throw new CaiError("trustee.data-unusable", `the lock ${path} cannot be taken`, { cause });
  }
  return {
    release() {
      database.run("ROLLBACK");
      database.close();
    },
  };
}

/**
 * Makes the file, closed to others, for who may read a file may also lock it. One that is there is not even opened: closing it again
 * would let go of the lock that this process may hold on it.
 */
function createClosed(path: string): void {
  try {
    closeSync(openSync(path, "wx", 0o600));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}
