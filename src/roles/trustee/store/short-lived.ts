import type { Database } from "bun:sqlite";
import { createHash } from "node:crypto";
import type { Session, Sessions, SpentOnce, Usage } from "./store.ts";

/** Session ids, nonces and token ids are looked up by their hash: who reads the database can use none of them (security.md I25). */
function sha256(text: string): Uint8Array {
  return createHash("sha256").update(text).digest();
}

/** Attested sessions in SQLite. */
export class SqliteSessions implements Sessions {
  readonly #get;
  readonly #put;

  constructor(database: Database) {
    this.#get = database.prepare<Omit<Session, "tagged"> & { tagged: number }, [Uint8Array, number]>(
      "SELECT body, token, expires, tagged, version, tee, hash FROM sessions WHERE id = ? AND expires > ?",
    );
    this.#put = database.prepare<null, [Uint8Array, Uint8Array, string, number, number, string, string, string]>(
      "INSERT INTO sessions (id, body, token, expires, tagged, version, tee, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    );
  }

  async get(id: string, now: number): Promise<Session | undefined> {
    const row = this.#get.get(sha256(id), now);
    return row === null ? undefined : { ...row, tagged: row.tagged === 1 };
  }

  async put(id: string, session: Session): Promise<void> {
    const { body, token, expires, tagged, version, tee, hash } = session;
    this.#put.run(sha256(id), body, token, expires, tagged ? 1 : 0, version, tee, hash);
  }
}

/** Values used once, in SQLite: the primary key decides who was first. */
export class SqliteSpentOnce implements SpentOnce {
  readonly #insert;

  constructor(database: Database, table: "nonces" | "token_ids") {
    this.#insert = database.prepare<null, [Uint8Array, number]>(
      `INSERT INTO ${table} (hash, expires) VALUES (?, ?) ON CONFLICT (hash) DO NOTHING`,
    );
  }

  async spend(value: string, expires: number): Promise<boolean> {
    return this.#insert.run(sha256(value), expires).changes === 1;
  }
}

/** How often names were asked for, in SQLite. */
export class SqliteUsage implements Usage {
  readonly #database: Database;
  readonly #add;

  constructor(database: Database) {
    this.#database = database;
    this.#add = database.prepare<null, [string, number, number]>(
      `INSERT INTO usage (key, count, last) VALUES (?, ?, ?)
         ON CONFLICT (key) DO UPDATE SET count = count + excluded.count, last = max(last, excluded.last)`,
    );
  }

  async add(counts: ReadonlyMap<string, number>, time: number): Promise<void> {
    this.#database.transaction(() => {
      for (const [key, count] of counts) this.#add.run(key, count, time);
    })();
  }

  async all(): Promise<ReadonlyMap<string, { count: number; last: number }>> {
    const rows = this.#database.query<{ key: string; count: number; last: number }, []>("SELECT key, count, last FROM usage").all();
    return new Map(rows.map(({ key, count, last }) => [key, { count, last }] as const));
  }
}
