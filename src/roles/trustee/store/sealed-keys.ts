import type { Database } from "bun:sqlite";
import type { Ledger } from "./ledger.ts";
import { seal, unseal } from "./seal.ts";
import type { OwnKeys } from "./store.ts";

/** The trustee's own private keys in SQLite: one sealed row a name. */
export class SealedKeys implements OwnKeys {
  readonly #database: Database;
  readonly #ledger: Ledger;
  readonly #sealKey: Uint8Array;
  readonly #storeId: string;
  readonly #get;

  constructor(database: Database, ledger: Ledger, sealKey: Uint8Array, storeId: string) {
    this.#database = database;
    this.#ledger = ledger;
    this.#sealKey = sealKey;
    this.#storeId = storeId;
    this.#get = database.prepare<{ version: number; sealed: Uint8Array }, [string]>("SELECT version, sealed FROM own_keys WHERE key = ?");
  }

  async get(name: string): Promise<Uint8Array | undefined> {
    const row = this.#ledger.read(() => this.#get.get(name));
    if (row === null) return undefined;
    return unseal(this.#sealKey, "cai/key/v1", this.#storeId, { table: "own_keys", key: name, version: row.version }, row.sealed);
  }

  async put(name: string, key: Uint8Array): Promise<void> {
    this.#ledger.write(["own_keys"], (version) => {
      const sealed = seal(this.#sealKey, "cai/key/v1", this.#storeId, { table: "own_keys", key: name, version }, key);
      this.#database.run("INSERT OR REPLACE INTO own_keys (key, version, sealed) VALUES (?, ?, ?)", [name, version, sealed]);
    });
  }

  async delete(name: string): Promise<boolean> {
    return this.#ledger.write(["own_keys"], () => this.#database.run("DELETE FROM own_keys WHERE key = ?", [name]).changes > 0);
  }

  async names(): Promise<string[]> {
    const keys = this.#database.query<{ key: string }, []>("SELECT key FROM own_keys ORDER BY key");
    return this.#ledger.read(() => keys.all()).map(({ key }) => key);
  }
}
