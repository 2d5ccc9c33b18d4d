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
  const [what, hint] = REFUSALS.find(([pattern]) => pattern.test(state || code))?.[1] ?? [
    "the database cannot be used",
    "See that it is a PostgreSQL server that answers at the address of the setting `store`.",
  ];
  return new CaiError("store.unreadable", `${what} (${shown})`, { hint, cause: error });
}

/** By the server's SQLSTATE or the client's code: what a refusal means, and what mends it. */
const REFUSALS: readonly (readonly [pattern: RegExp, words: readonly [what: string, hint: string]])[] = [
  [/^28|AUTH|PASSWORD/, ["the database refuses the user or the password", "Correct them in the setting `store`, or at the server."]],
  [/^3D/, ["the server has no such database", "Make it (CREATE DATABASE), or correct its name in the setting `store`."]],
  [/^42501/, ["the database refuses what its user has no right to", "Make the user of the setting `store` the owner of the database."]],
  [
    /TLS|SSL|CERT/,
    [
      "the database's TLS is not accepted",
      "Name its certificate authority (sslrootcert=FILE in the setting `store`), call it by a name that its certificate has, or see that it speaks TLS.",
    ],
  ],
];
