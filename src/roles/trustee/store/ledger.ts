import type { Database } from "bun:sqlite";
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { type CoveredTableName, type MacedTableName, SCHEMA, type Schema, schemaText } from "./schema.ts";
import { checkRow, tampered } from "./seal.ts";

/** What the head says of one table. */
interface TableHead {
  readonly rows: number;
  readonly maxVersion: number;
  /** lower-case hex SHA-256 over every row's key and version, in the order of the keys */
  readonly digest: string;
}

interface HeadContent {
  /** the version of the last write; each write takes the next */
  readonly version: number;
  readonly tables: Readonly<Record<CoveredTableName, TableHead>>;
}

/**
 * Guards the store's tables as a whole (security.md I25).
 *
 * Each row proves itself by its MAC or seal. The head, one authenticated row, says for every table how many rows it has and which version
 * each has, so that a dropped row, a row put back from an older copy, and a table put back whole are all found. It is checked when the
 * store is opened, and again as soon as anybody else has written to the database: SQLite counts other connections' commits in
 * `data_version`, which makes the check free while nobody does.
 * The schema is checked with it: a trigger could make a write do something else than it says, and the head would then confirm that.
 */
export class Ledger {
  readonly #database: Database;
  readonly #macKey: Uint8Array;
  readonly #schema: Schema;
  readonly #dataVersion;
  #seen = Number.NaN;
  #revision = 0;
  /** the highest that a head had, so that a whole older state, put back while the trustee runs, is found like a part of one */
  #version = 0;

  /** @param schema  that of the store as it is: another one only to bring it to the present one */
  constructor(database: Database, macKey: Uint8Array, schema: Schema = SCHEMA) {
    this.#database = database;
    this.#macKey = macKey;
    this.#schema = schema;
    this.#dataVersion = database.prepare<{ data_version: number }, []>("PRAGMA data_version");
  }

  /** Grows with each write, by whomever. */
  get revision(): number {
    return this.#revision;
  }

  /**
   * Reads covered rows as they stood when they were checked: what somebody else writes between the check and the reading is not seen.
   *
   * @throws CaiError `store.record-tampered`, and what `work` throws
   */
  read<T>(work: () => T): T {
    this.#database.run("BEGIN");
    try {
      this.check();
      return work();
    } finally {
      this.#database.run("ROLLBACK");
    }
  }

  /**
   * Enough where what is used was read and kept before; rows that are read now are read by {@link read}.
   *
   * @throws CaiError `store.record-tampered` where somebody else wrote what the head does not cover; again at each call until it is mended
   */
  check(): void {
    const found = this.#dataVersion.get()?.data_version ?? Number.NaN;
    if (found === this.#seen) return;
    this.#revision++;
    this.#seen = Number.NaN;
    if (schemaText(this.#database) !== this.#schema.text()) throw tampered({ table: "sqlite_schema" });
    const head = this.#load();
    // A head of other tables is that of another schema: a store must not become an older one, and lose what only the newer one has.
    const known = Object.keys(head.tables).length === this.#schema.covered.length;
    if (head.version < this.#version || !known) throw tampered({ table: "head" });
    for (const table of this.#schema.covered) {
      const now = this.#tableHead(table);
      const then = head.tables[table];
      if (now.rows !== then.rows || now.maxVersion !== then.maxVersion || now.digest !== then.digest) throw tampered({ table });
    }
    for (const table of this.#schema.maced) this.#checkRows(table);
    this.#seen = found;
    this.#version = head.version;
  }

  /** Writes the first head of a new store, inside the transaction that makes the tables. `version` is that of the rows written there. */
  begin(version: number): void {
    this.#save(version, this.#schema.covered, undefined);
  }

  /**
   * Changes covered rows in one durable transaction, and the head with them.
   *
   * @param tables  every table that `change` may touch
   * @param change  gets the version that its rows take
   */
  write<T>(tables: readonly CoveredTableName[], change: (version: number) => T): T {
    // Secrets and policies must survive a power cut; sessions and records may lose their last moments for speed.
    this.#database.run("PRAGMA synchronous = FULL");
    try {
      this.#database.run("BEGIN IMMEDIATE");
      try {
        this.check();
        const head = this.#load();
        const version = head.version + 1;
        const result = change(version);
        this.#save(version, tables, head);
        this.#database.run("COMMIT");
        this.#version = version;
        this.#revision++;
        return result;
      } catch (error) {
        this.#database.run("ROLLBACK");
        throw error;
      }
    } finally {
      this.#database.run("PRAGMA synchronous = NORMAL");
    }
  }

  #checkRows(table: MacedTableName): void {
    const rows = this.#database.query<{ key: string; version: number; content: string; mac: Uint8Array }, []>(`SELECT * FROM ${table}`);
    for (const { key, version, content, mac } of rows.iterate()) checkRow(this.#macKey, { table, key, version }, content, mac);
  }

  #tableHead(table: CoveredTableName): TableHead {
    const hash = createHash("sha256");
    let rows = 0;
    let maxVersion = 0;
    for (const row of this.#database
      .query<{ key: string; version: number }, []>(`SELECT key, version FROM ${table} ORDER BY key`)
      .iterate()) {
      rows++;
      maxVersion = Math.max(maxVersion, row.version);
      hash.update(`${row.key}\0${row.version}\0`);
    }
    return { rows, maxVersion, digest: hash.digest("hex") };
  }

  #load(): HeadContent {
    const row = this.#database.query<{ content: string; mac: Uint8Array }, []>("SELECT content, mac FROM head WHERE one = 1").get();
    if (row === null || row.mac.length !== 32 || !timingSafeEqual(row.mac, this.#mac(row.content))) throw tampered({ table: "head" });
    return JSON.parse(row.content) as HeadContent;
  }

  #save(version: number, tables: readonly CoveredTableName[], before: HeadContent | undefined): void {
    const changed = Object.fromEntries(tables.map((table) => [table, this.#tableHead(table)]));
    const content = JSON.stringify({ version, tables: { ...before?.tables, ...changed } });
    this.#database.run("INSERT OR REPLACE INTO head (one, content, mac) VALUES (1, ?, ?)", [content, this.#mac(content)]);
  }

  #mac(content: string): Uint8Array {
    return createHmac("sha256", this.#macKey).update(`cai/head/v1\0${content}`).digest();
  }
}
