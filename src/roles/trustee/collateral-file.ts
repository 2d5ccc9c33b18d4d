import { readFileSync, statSync } from "node:fs";
import { CaiError, type Logger } from "../../system/index.ts";
import { type Collateral, parseBundle } from "../../tee/tdx/index.ts";

/**
 * Collateral from a bundle file, read again when the file changes. A new file that cannot be read is reported and the one before is kept:
 * nothing is lost by that, for the floor refuses collateral that has expired.
 *
 * @returns a function that gives the collateral in force
 * @throws CaiError `trustee.collateral-unreadable` where the first reading fails
 */
export function collateralFile(path: string, logger: Logger): () => Collateral {
  let seen = fingerprint(path);
  let collateral = read(path);
  return () => {
    try {
      const found = fingerprint(path);
      if (found !== seen) {
        collateral = read(path);
        seen = found;
        logger.info("collateral read again", { path });
      }
    } catch (error) {
      logger.warn("collateral could not be read again, the one before stays", { path, error: CaiError.from(error).id });
    }
    return collateral;
  };
}

function fingerprint(path: string): string {
  try {
    const { mtimeMs, size, ino } = statSync(path);
    return `${mtimeMs} ${size} ${ino}`;
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

function read(path: string): Collateral {
  try {
    return parseBundle(readFileSync(path, "utf8"));
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

function unreadable(path: string, cause: unknown): CaiError {
  return new CaiError("trustee.collateral-unreadable", `the collateral bundle ${path} cannot be read: ${CaiError.from(cause).message}`, {
    cause,
  });
}
