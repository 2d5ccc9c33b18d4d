import type { Ledger } from "./ledger.ts";
import { seal, unseal } from "./seal.ts";
import type { OwnKeys } from "./store.ts";

/** The trustee's own private keys: one sealed row a name. */
export class SealedKeys implements OwnKeys {
  readonly #ledger: Ledger;
  readonly #sealKey: Uint8Array;
  readonly #storeId: string;

  constructor(ledger: Ledger, sealKey: Uint8Array, storeId: string) {
    this.#ledger = ledger;
    this.#sealKey = sealKey;
    this.#storeId = storeId;
  }

  async get(name: string): Promise<Uint8Array | undefined> {
    const row = (await this.#ledger.table("own_keys")).rows.get(name);
    if (row === undefined) return undefined;
    const position = { table: "own_keys", key: name, version: row.version };
    return unseal(this.#sealKey, "cai/key/v1", this.#storeId, position, row.content as Uint8Array);
  }

  put(name: string, key: Uint8Array): Promise<void> {
    return this.#ledger.change({
      tables: ["own_keys"],
      paths: [],
      run: (rows) => {
        const position = { table: "own_keys", key: name, version: rows.version };
        rows.put("own_keys", name, seal(this.#sealKey, "cai/key/v1", this.#storeId, position, key));
      },
    });
  }

  delete(name: string): Promise<boolean> {
    return this.#ledger.change({ tables: ["own_keys"], paths: [], run: (rows) => rows.remove("own_keys", name) });
  }

  async names(): Promise<string[]> {
    return [...(await this.#ledger.table("own_keys")).rows.keys()];
  }
}
