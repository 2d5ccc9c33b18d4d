import type { Database } from "bun:sqlite";
import { timingSafeEqual } from "node:crypto";
import { CaiError } from "../../../system/index.ts";
import type { Ledger } from "./ledger.ts";
import { SEAL_OVERHEAD, seal, unseal } from "./seal.ts";
import type { ResourceEntry, ResourceInfo, Resources } from "./store.ts";

/** Secrets in SQLite: one sealed row a path. Plaintext is never written and never kept in memory. */
export class SealedResources implements Resources {
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
    this.#get = database.prepare<{ version: number; sealed: Uint8Array }, [string]>("SELECT version, sealed FROM resources WHERE key = ?");
  }

  async get(path: string): Promise<Uint8Array | undefined> {
    const row = this.#ledger.read(() => this.#get.get(path));
    if (row === null) return undefined;
    return unseal(this.#sealKey, "cai/resource/v1", this.#storeId, { table: "resources", key: path, version: row.version }, row.sealed);
  }

  async putAll(entries: readonly ResourceEntry[], replace: boolean): Promise<void> {
    this.#ledger.write(["resources"], (version) => {
      const statement = this.#database.prepare("INSERT OR REPLACE INTO resources (key, version, sealed) VALUES (?, ?, ?)");
      for (const { path, value } of entries) {
        if (!replace && this.#get.get(path) !== null) {
          throw new CaiError("kbs.resource-exists", `there is a resource at ${path} already`, {
            hint: "Ask for replacement, or choose another path.",
          });
        }
        statement.run(
          path,
          version,
          seal(this.#sealKey, "cai/resource/v1", this.#storeId, { table: "resources", key: path, version }, value),
        );
      }
      statement.finalize();
    });
  }

  async exchange(path: string, before: Uint8Array, after: Uint8Array): Promise<boolean> {
    return this.#ledger.write(["resources"], (version) => {
      const row = this.#get.get(path);
      if (row === null) return false;
      const position = { table: "resources", key: path } as const;
      const value = unseal(this.#sealKey, "cai/resource/v1", this.#storeId, { ...position, version: row.version }, row.sealed);
      const same = value.length === before.length && timingSafeEqual(value, before);
      value.fill(0);
      if (!same) return false;
      const sealed = seal(this.#sealKey, "cai/resource/v1", this.#storeId, { ...position, version }, after);
      this.#database.run("UPDATE resources SET version = ?, sealed = ? WHERE key = ?", [version, sealed, path]);
      return true;
    });
  }

  async delete(path: string): Promise<boolean> {
    return this.#ledger.write(["resources"], () => this.#database.run("DELETE FROM resources WHERE key = ?", [path]).changes > 0);
  }

  async list(): Promise<ResourceInfo[]> {
    const rows = this.#database.query<ResourceInfo, []>(
      `SELECT key AS path, length(sealed) - ${SEAL_OVERHEAD} AS size FROM resources ORDER BY key`,
    );
    return this.#ledger.read(() => rows.all());
  }
}
