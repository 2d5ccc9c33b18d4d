import type { Database } from "bun:sqlite";
import type { Ledger } from "./ledger.ts";
import type { MacedTableName } from "./schema.ts";
import { checkRow, rowMac } from "./seal.ts";

/**
 * A table of texts by key, each with a MAC over its content and position. The rows are few and read all the time, so they are
 * verified once and kept until the ledger says that something changed.
 */
export class MacedTable {
  readonly #database: Database;
  readonly #ledger: Ledger;
  readonly #macKey: Uint8Array;
  readonly #name: MacedTableName;
  #rows: ReadonlyMap<string, string> = new Map();
  #readAt = Number.NaN;

  constructor(database: Database, ledger: Ledger, macKey: Uint8Array, name: MacedTableName) {
    this.#database = database;
    this.#ledger = ledger;
    this.#macKey = macKey;
    this.#name = name;
  }

  /**
   * @returns every row's content by its key, in the order of the keys; the same map object until something changes
   * @throws CaiError `store.record-tampered`
   */
  all(): ReadonlyMap<string, string> {
    this.#ledger.check();
    if (this.#readAt !== this.#ledger.revision) {
      this.#rows = this.#ledger.read(() => this.#read());
      this.#readAt = this.#ledger.revision;
    }
    return this.#rows;
  }

  #read(): ReadonlyMap<string, string> {
    const rows = new Map<string, string>();
    const query = this.#database.query<{ key: string; version: number; content: string; mac: Uint8Array }, []>(
      `SELECT key, version, content, mac FROM ${this.#name} ORDER BY key`,
    );
    for (const row of query.iterate()) {
      checkRow(this.#macKey, { table: this.#name, key: row.key, version: row.version }, row.content, row.mac);
      rows.set(row.key, row.content);
    }
    return rows;
  }

  /** Writes rows inside a transaction of the caller, who also updates the ledger. */
  insert(entries: Iterable<readonly [key: string, content: string]>, version: number): void {
    const statement = this.#database.prepare(`INSERT OR REPLACE INTO ${this.#name} (key, version, content, mac) VALUES (?, ?, ?, ?)`);
    for (const [key, content] of entries) {
      statement.run(key, version, content, rowMac(this.#macKey, { table: this.#name, key, version }, content));
    }
    statement.finalize();
  }

  /** Removes a row inside a transaction of the caller, who also updates the ledger. @returns whether there was one */
  remove(key: string): boolean {
    return this.#database.run(`DELETE FROM ${this.#name} WHERE key = ?`, [key]).changes > 0;
  }

  /** @returns every row inside a transaction of the caller, who has checked the ledger */
  current(): ReadonlyMap<string, string> {
    return this.#read();
  }
}
