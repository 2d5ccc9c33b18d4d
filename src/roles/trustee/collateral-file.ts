import { readFileSync, statSync } from "node:fs";
import { CaiError, type Logger } from "../../system/index.ts";
import { type FileSet, MAX_COLLATERAL_FILE, parseCollateralFile } from "../../tee/tdx/index.ts";

interface ReadFile {
  readonly fingerprint: string;
  readonly sets: readonly FileSet[];
  /** of what came after and could not be read, which is looked at and told once; empty where there was no file */
  refused?: string;
}

/**
 * The collateral in files, each read again when it changes. A new file that cannot be read is reported and the one before is kept: nothing is lost
 * by that, for the floor refuses collateral that has expired.
 */
export class CollateralFiles {
  readonly #logger: Logger;
  readonly #files = new Map<string, ReadFile>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /**
   * @returns the sets in force of a file
   * @throws CaiError `trustee.collateral-unreadable` where the first reading fails
   */
  read(path: string): readonly FileSet[] {
    const known = this.#files.get(path);
    if (known === undefined) return this.#load(path, fingerprint(path));
    let found = "";
    try {
      found = fingerprint(path);
      if (found === known.fingerprint || found === known.refused) return known.sets;
      const sets = this.#load(path, found);
      this.#logger.info("collateral read again", { path });
      return sets;
    } catch (error) {
      if (found !== known.refused)
        this.#logger.warn("collateral could not be read again, the one before stays", { path, error: CaiError.from(error).id });
      known.refused = found;
      return known.sets;
    }
  }

  #load(path: string, found: string): readonly FileSet[] {
    const sets = load(path);
    this.#files.set(path, { fingerprint: found, sets });
    return sets;
  }
}

function fingerprint(path: string): string {
  try {
    const { mtimeMs, size, ino } = statSync(path);
    if (size > MAX_COLLATERAL_FILE)
      throw new CaiError("tdx.collateral-malformed", `expected at most ${MAX_COLLATERAL_FILE} bytes, got ${size}`);
    return `${mtimeMs} ${size} ${ino}`;
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

function load(path: string): readonly FileSet[] {
  try {
    return parseCollateralFile(readFileSync(path, "utf8"));
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

function unreadable(path: string, cause: unknown): CaiError {
  return new CaiError("trustee.collateral-unreadable", `the file of collateral ${path} cannot be read: ${CaiError.from(cause).message}`, {
    cause,
  });
}
