import { createHash } from "node:crypto";
import { CaiError } from "../../../system/index.ts";
import { Batcher, type Outcome } from "./batcher.ts";
import { type Driver, parts, type Statements, tuples, type WriteOptions } from "./driver.ts";
import { sealToken, unsealToken } from "./session-token.ts";
import type { Session, Sessions, SpentOnce, Usage } from "./store.ts";

/** How many rows share a transaction at most. */
const MAX_BATCH = 256;

/** Characters of a counted name that are kept. */
const MAX_NAME = 512;

/** How many expired rows of a table one call removes: few enough that requests hardly wait for it. */
const PRUNE_BATCH = 1000;

/** Called in a transaction before it writes. */
export type Guard = (statements: Statements) => Promise<void>;

/** Session ids, nonces and token ids are looked up by their hash: who reads the database can use none of them (security.md I25). */
function sha256(text: string): Uint8Array {
  return createHash("sha256").update(text).digest();
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

/**
 * Inserts rows whose keys are not there yet.
 *
 * @param columns  the key first, which is bytes
 * @param rows     with different keys
 * @returns the keys that were inserted, lower-case hex
 */
async function insertNew(
  statements: Statements,
  table: string,
  columns: readonly string[],
  rows: readonly (readonly [Uint8Array, ...(string | number | Uint8Array)[]])[],
): Promise<Set<string>> {
  const inserted = new Set<string>();
  // In one order everywhere: replicas that insert the same keys wait for one another, and never in a circle.
  const sorted = [...rows].sort(([a], [b]) => Buffer.compare(a, b));
  for (const part of parts(sorted)) {
    const sql = `INSERT INTO ${table} (${columns.join(", ")}) VALUES ${tuples(part.length, columns.length)}
      ON CONFLICT (${columns[0]}) DO NOTHING RETURNING ${columns[0]} AS key`;
    for (const { key } of await statements.all<{ key: Uint8Array }>(sql, part.flat())) inserted.add(hex(key));
  }
  return inserted;
}

/** Where the process has the database for itself, what only lives for minutes survives the end of the process, and the disk is not waited for. */
const SHORT_LIVED: WriteOptions = { untilRestart: true };

/**
 * Attested sessions. One that a power cut takes is not there afterwards, and its guest attests anew: no nonce from before is taken then, so
 * that nothing else ever comes into its place (security.md I3).
 */
export class StoredSessions implements Sessions {
  readonly #driver: Driver;
  readonly #puts: Batcher<{ readonly id: Uint8Array; readonly session: Session }, void>;

  constructor(driver: Driver, guard: Guard) {
    this.#driver = driver;
    this.#puts = new Batcher(async (items) => {
      const rows = new Map<string, readonly [Uint8Array, ...(string | number | Uint8Array)[]]>();
      const firsts = items.map((item) => {
        const key = hex(item.id);
        if (rows.has(key)) return undefined;
        const { body, token, expires, tagged, version, tee, hash } = item.session;
        rows.set(key, [item.id, body, token, expires, tagged ? 1 : 0, version, tee, hash]);
        return key;
      });
      const columns = ["id", "body", "token", "expires", "tagged", "version", "tee", "hash"];
      const inserted = await driver.write(async (statements) => {
        await guard(statements);
        return insertNew(statements, "sessions", columns, [...rows.values()]);
      }, SHORT_LIVED);
      return firsts.map((key): Outcome<void> => {
        return key !== undefined && inserted.has(key) ? { value: undefined } : { error: attestedBefore() };
      });
    }, MAX_BATCH);
  }

  async get(id: string, now: number): Promise<Session | undefined> {
    const rows = await this.#driver.all<Omit<Session, "tagged"> & { tagged: number }>(
      "SELECT body, token, expires, tagged, version, tee, hash FROM sessions WHERE id = $1 AND expires > $2",
      [sha256(id), now],
    );
    const row = rows[0];
    return row === undefined ? undefined : { ...row, token: unsealToken(id, row.token), tagged: row.tagged === 1 };
  }

  put(id: string, session: Session): Promise<void> {
    return this.#puts.add({ id: sha256(id), session: { ...session, token: sealToken(id, session.token) } });
  }

  idle(): Promise<void> {
    return this.#puts.idle();
  }
}

/** A session is put once: what is there is never replaced (security.md I3). */
function attestedBefore(): CaiError {
  return new CaiError("kbs.session-used", "the session was attested before");
}

/**
 * Values used once: the primary key decides who was first, on whichever replica.
 *
 * A nonce that was spent is remembered until the next start, in a file: no nonce from before a start is taken after it (the epoch grows), so
 * that the disk is not waited for. The id of an admin's token, and all of it in a database server, is on the disk before it is accepted.
 */
export class StoredSpentOnce implements SpentOnce {
  readonly #spends: Batcher<{ readonly hash: Uint8Array; readonly expires: number }, boolean>;

  constructor(driver: Driver, guard: Guard, table: "nonces" | "token_ids") {
    const options = table === "nonces" ? SHORT_LIVED : {};
    this.#spends = new Batcher(
      async (items) => {
        const rows = new Map<string, readonly [Uint8Array, number]>();
        const firsts = items.map(({ hash, expires }) => {
          const key = hex(hash);
          if (rows.has(key)) return undefined;
          rows.set(key, [hash, expires]);
          return key;
        });
        const inserted = await driver.write(async (statements) => {
          await guard(statements);
          return insertNew(statements, table, ["hash", "expires"], [...rows.values()]);
        }, options);
        return firsts.map((key) => ({ value: key !== undefined && inserted.has(key) }));
      },
      MAX_BATCH,
      table === "nonces" ? undefined : () => driver.settled(),
    );
  }

  spend(value: string, expires: number): Promise<boolean> {
    return this.#spends.add({ hash: sha256(value), expires });
  }

  idle(): Promise<void> {
    return this.#spends.idle();
  }
}

/** How often names were asked for. */
export class StoredUsage implements Usage {
  readonly #driver: Driver;
  readonly #guard: Guard;

  constructor(driver: Driver, guard: Guard) {
    this.#driver = driver;
    this.#guard = guard;
  }

  async add(counts: ReadonlyMap<string, number>, time: number): Promise<void> {
    const clean = new Map<string, number>();
    for (const [name, count] of counts) {
      const key = name.replaceAll("\0", "\ufffd").toWellFormed().slice(0, MAX_NAME);
      clean.set(key, (clean.get(key) ?? 0) + count);
    }
    const sorted = [...clean].sort(([a], [b]) => (a < b ? -1 : 1));
    await this.#driver.write(async (statements) => {
      await this.#guard(statements);
      for (const part of parts(sorted)) {
        const sql = `INSERT INTO usage (key, count, last) VALUES ${tuples(part.length, 3)} ON CONFLICT (key) DO UPDATE SET
          count = usage.count + excluded.count, last = CASE WHEN usage.last > excluded.last THEN usage.last ELSE excluded.last END`;
        await statements.run(
          sql,
          part.flatMap(([key, count]) => [key, count, time]),
        );
      }
    });
  }

  async all(): Promise<ReadonlyMap<string, { count: number; last: number }>> {
    const rows = await this.#driver.all<{ key: string; count: number; last: number }>("SELECT key, count, last FROM usage");
    return new Map(rows.map(({ key, count, last }) => [key, { count, last }] as const));
  }
}

/** Removes some of the rows of a table that had expired at `until`. */
export async function pruneExpired(driver: Driver, table: "sessions" | "nonces" | "token_ids", until: number): Promise<void> {
  const key = table === "sessions" ? "id" : "hash";
  if ((await driver.all(`SELECT 1 AS one FROM ${table} WHERE expires <= $1 LIMIT 1`, [until])).length === 0) return;
  const some = `SELECT ${key} FROM ${table} WHERE expires <= $1 LIMIT ${PRUNE_BATCH}${driver.skipLocked}`;
  await driver.write((statements) => statements.run(`DELETE FROM ${table} WHERE ${key} IN (${some})`, [until]));
}
