import { timingSafeEqual } from "node:crypto";
import { CaiError } from "../../../system/index.ts";
import type { Driver } from "./driver.ts";
import type { Ledger } from "./ledger.ts";
import { SEAL_OVERHEAD, seal, tampered, unseal } from "./seal.ts";
import type { ResourceEntry, ResourceInfo, Resources } from "./store.ts";

/** Secrets: one sealed row a path. Plaintext is never written and never kept in memory. */
export class SealedResources implements Resources {
  readonly #driver: Driver;
  readonly #ledger: Ledger;
  readonly #sealKey: Uint8Array;
  readonly #storeId: string;

  constructor(driver: Driver, ledger: Ledger, sealKey: Uint8Array, storeId: string) {
    this.#driver = driver;
    this.#ledger = ledger;
    this.#sealKey = sealKey;
    this.#storeId = storeId;
  }

  async get(path: string): Promise<Uint8Array | undefined> {
    const row = await this.#ledger.resource(path);
    if (row === undefined) return undefined;
    return unseal(this.#sealKey, "cai/resource/v1", this.#storeId, { table: "resources", key: path, version: row.version }, row.sealed);
  }

  putAll(entries: readonly ResourceEntry[], replace: boolean): Promise<void> {
    return this.#ledger.change({
      tables: [],
      paths: entries.map(({ path }) => path),
      run: (rows) => {
        const taken = replace ? undefined : entries.find(({ path }) => rows.hasResource(path));
        if (taken !== undefined) {
          throw new CaiError("kbs.resource-exists", `there is a resource at ${taken.path} already`, {
            hint: "Ask for replacement, or choose another path.",
          });
        }
        for (const { path, value } of entries) {
          const position = { table: "resources", key: path, version: rows.version };
          rows.putResource(path, seal(this.#sealKey, "cai/resource/v1", this.#storeId, position, value));
        }
      },
    });
  }

  async exchange(path: string, before: Uint8Array, after: Uint8Array): Promise<boolean> {
    const row = await this.#ledger.resource(path);
    if (row === undefined) return false;
    const position = { table: "resources", key: path } as const;
    const value = unseal(this.#sealKey, "cai/resource/v1", this.#storeId, { ...position, version: row.version }, row.sealed);
    const same = value.length === before.length && timingSafeEqual(value, before);
    value.fill(0);
    if (!same) return false;
    return this.#ledger.change({
      tables: [],
      paths: [path],
      run: (rows) => {
        // Every write takes a new version, so one of the same version is the row that was compared.
        if (rows.resourceVersion(path) !== row.version) return false;
        rows.putResource(path, seal(this.#sealKey, "cai/resource/v1", this.#storeId, { ...position, version: rows.version }, after));
        return true;
      },
    });
  }

  delete(path: string): Promise<boolean> {
    return this.#ledger.change({ tables: [], paths: [path], run: (rows) => rows.removeResource(path) });
  }

  async list(prefix = ""): Promise<ResourceInfo[]> {
    await this.#ledger.check();
    const snapshot = await this.#driver.snapshot();
    try {
      const found: ResourceInfo[] = [];
      const columns = `, length(sealed) - ${SEAL_OVERHEAD} AS size`;
      for await (const rows of this.#ledger.scan<{ key: string; version: number; size: number }>(snapshot, columns)) {
        for (const { key, size } of rows) {
          if (size < 0) throw tampered({ table: "resources", key });
          if (key.startsWith(prefix)) found.push({ path: key, size });
        }
      }
      return found.sort((a, b) => (a.path < b.path ? -1 : 1));
    } finally {
      await snapshot.end();
    }
  }
}
