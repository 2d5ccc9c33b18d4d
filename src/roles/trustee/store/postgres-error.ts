import { CaiError } from "../../../system/index.ts";
import { tampered } from "./seal.ts";

/** The SQLSTATE of a failure that the server told, or the client's own code for one of the connection. */
function codesOf(error: unknown): { readonly state: string; readonly code: string } {
  const { errno, code } = error as { errno?: unknown; code?: unknown };
  return { state: typeof errno === "string" ? errno : "", code: typeof code === "string" ? code : "" };
}

/**
 * @returns whether a connection was lost that there was: another one may do. What was asked for may have been done all the same, unless it
 *   changes nothing
 */
export function wasLost(error: unknown): boolean {
  const { state, code } = codesOf(error);
  // 57P01, 57P02: the server ended it; class 08: it failed.
  return /^57P0[12]$|^08/.test(state) || (state === "" && /^(ERR_POSTGRES_(CONNECTION_CLOSED|LIFETIME|IDLE)|ECONNRESET|EPIPE)/.test(code));
}

/** @returns whether there is no connection to be had now */
function isAway(error: unknown): boolean {
  const { state, code } = codesOf(error);
  return (
    state === "57P03" || (state === "" && /^(ERR_POSTGRES_CONNECTION|ECONN|ETIMEDOUT|EHOST|ENET|ENOENT|EAI_|ENOTFOUND|DNS)/.test(code))
  );
}

/** @returns whether the server gave the transaction up for the sake of another one: it can be done again */
export function wasConflict(error: unknown): boolean {
  return /^40(001|P01)$/.test(codesOf(error).state);
}

/** @returns what a failure of PostgreSQL means for the store; nothing of rows or passwords is in its text */
export function meaningOf(error: unknown): CaiError {
  if (error instanceof CaiError) return error;
  const { state, code } = codesOf(error);
  const shown = state || code || "no code";
  // 53: no room or no connection left; 55P03: a lock; 57014: a statement took too long; 25P03: the transaction did; 58: the server's files.
  if (wasLost(error) || isAway(error) || wasConflict(error) || /^(53|58)|^(55P03|57014|25P03|25006)$/.test(state)) {
    return new CaiError("store.unavailable", `the database does not answer now (${shown})`, { cause: error });
  }
  // No such table, column, function or schema; columns of other types.
  if (/^(42P01|42703|42883|42804|3F000|22P02)$/.test(state)) return tampered({ table: `of the database (${shown})` });
  const refused = /^(28|3D|42501)/.test(state) || /AUTH|PASSWORD|TLS|SSL|CERT/.test(code);
  return new CaiError("store.unreadable", `the database ${refused ? "refuses" : "cannot be used"} (${shown})`, { cause: error });
}
