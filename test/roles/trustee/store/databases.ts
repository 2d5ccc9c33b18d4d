import { Database } from "bun:sqlite";
import { join } from "node:path";
import { SQL } from "bun";
import { initTrustee } from "../../../../src/roles/trustee/init.ts";
import {
  masterKeyPath,
  openStore,
  parseStorePlace,
  readMasterKey,
  type Store,
  type StoreKeys,
  type StorePlace,
} from "../../../../src/roles/trustee/store/index.ts";
import { hasPostgres, postgres } from "../../../postgres-server.ts";
import { scratchData } from "../scratch.ts";

/** A simulated trustee's store in one kind of database, for one test. */
export interface TestStore {
  readonly dataDir: string;
  /** the setting `store` */
  readonly setting: string;
  readonly place: StorePlace;
  readonly keys: StoreKeys;
  open(servingFrom?: number): Promise<Store>;
  /** Does something with the store, then closes it. */
  with<T>(work: (store: Store) => Promise<T>): Promise<T>;
  /** Edits the database as somebody else would; `side` is a place beside the store's tables, to keep copies of rows in. */
  edit(...statements: string[]): Promise<void>;
  end(): Promise<void>;
}

export interface Kind {
  readonly name: "SQLite" | "PostgreSQL";
  /** Makes a place for a store, with nothing in it. */
  place(): Promise<{ dataDir: string; setting: string; remove: () => void }>;
  edit(setting: string, statements: readonly string[]): Promise<void>;
}

const sqlite: Kind = {
  name: "SQLite",
  async place() {
    const { dataDir, remove } = scratchData();
    return { dataDir, setting: `sqlite:${join(dataDir, "trustee.db")}`, remove };
  },
  async edit(setting, statements) {
    const path = setting.slice("sqlite:".length);
    const database = new Database(path);
    database.run(`ATTACH '${join(path, "..", "..", "side.db")}' AS side`);
    for (const statement of statements) database.run(statement);
    database.close();
  },
};

const postgresql: Kind = {
  name: "PostgreSQL",
  async place() {
    const { dataDir, remove } = scratchData();
    return { dataDir, setting: await (await postgres()).newDatabase(), remove };
  },
  async edit(setting, statements) {
    const sql = new SQL(setting, { max: 1, connection: { search_path: "cai" } });
    await sql.unsafe("CREATE SCHEMA IF NOT EXISTS side");
    for (const statement of statements) await sql.unsafe(statement);
    await sql.close();
  },
};

/** Every database that a store can be in, as far as this machine has it. */
export const kinds: readonly Kind[] = hasPostgres ? [sqlite, postgresql] : [sqlite];

/** Makes a store. */
export async function testStore(kind: Kind): Promise<TestStore> {
  const { dataDir, setting, remove } = await kind.place();
  await initTrustee({ dataDir, simulated: true, store: setting });
  const place = parseStorePlace(setting, dataDir);
  const keys = readMasterKey(masterKeyPath(dataDir));
  const open = (servingFrom?: number) => openStore(place, keys, servingFrom);
  return {
    dataDir,
    setting,
    place,
    keys,
    open,
    async with(work) {
      const store = await open();
      try {
        return await work(store);
      } finally {
        await store.close();
      }
    },
    edit: (...statements) => kind.edit(setting, statements),
    end: async () => remove(),
  };
}
