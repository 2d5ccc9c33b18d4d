import { Database } from "bun:sqlite";
import { randomBytes } from "node:crypto";
import { closeSync, existsSync, openSync } from "node:fs";
import { join } from "node:path";
import { CaiError } from "../../../system/index.ts";
import { StoredCollateral } from "./collateral-tables.ts";
import { DecisionLog } from "./decision-log.ts";
import { Ledger } from "./ledger.ts";
import { MacedTable } from "./maced-table.ts";
import { masterKeyPath, readMasterKey, type StoreKeys } from "./master-key.ts";
import { StoredPolicies, StoredReferences } from "./policy-tables.ts";
import {
  ADDED_TABLES,
  addTables,
  addThirdTables,
  createSchema,
  FIRST_SCHEMA,
  type MacedTableName,
  SCHEMA,
  SECOND_SCHEMA,
  schemaVersion,
  THIRD_TABLES,
} from "./schema.ts";
import { checkRow, rowMac, seal, tampered } from "./seal.ts";
import { SealedKeys } from "./sealed-keys.ts";
import { SealedResources } from "./sealed-resources.ts";
import { SqliteSessions, SqliteSpentOnce, SqliteUsage } from "./short-lived.ts";
import type { PolicyKind, Store, StoreCore, World } from "./store.ts";

/** What a new store holds from its first transaction on. */
export interface StoreContents {
  readonly world: World;
  /** seconds since 1970 */
  readonly created: number;
  /** PKCS#8 DER by name */
  readonly privateKeys: Readonly<Record<string, Uint8Array>>;
  /** DER by name */
  readonly certificates: Readonly<Record<string, Uint8Array>>;
  /** SPKI PEM by name */
  readonly administrators: Readonly<Record<string, string>>;
  readonly policies: readonly { readonly kind: PolicyKind; readonly id: string; readonly text: string }[];
}

const FIRST_VERSION = 1;

/** How many expired rows of a table one call removes: few enough that requests hardly wait for it. */
const PRUNE_BATCH = 1000;

/** @returns the place of the database in a data directory */
function databasePath(dataDir: string): string {
  return join(dataDir, "trustee.db");
}

/** @returns whether the data directory holds a store; one that a crash left half made does not count */
export function storeExists(dataDir: string): boolean {
  if (!existsSync(databasePath(dataDir))) return false;
  const database = openDatabase(dataDir);
  try {
    return schemaVersion(database) > 0;
  } finally {
    database.close();
  }
}

/** Makes a store in one transaction: it is there whole, or not at all. The caller holds the data lock. */
export function createStore(dataDir: string, keys: StoreKeys, contents: StoreContents): void {
  closeSync(openSync(databasePath(dataDir), "a", 0o600));
  const database = openDatabase(dataDir);
  try {
    database.run("PRAGMA synchronous = FULL");
    database
      .transaction(() => {
        createSchema(database);
        const ledger = new Ledger(database, keys.mac);
        const id = randomBytes(16).toString("hex");
        const created = String(contents.created);
        const mac = rowMac(keys.mac, { table: "store", key: id, version: FIRST_VERSION }, storeContent(contents.world, created));
        database.run("INSERT INTO store (key, world, created, version, mac) VALUES (?, ?, ?, ?, ?)", [
          id,
          contents.world,
          contents.created,
          FIRST_VERSION,
          mac,
        ]);
        const table = (name: "policies" | "administrators" | "certificates") => new MacedTable(database, ledger, keys.mac, name);
        table("policies").insert(
          contents.policies.map(({ kind, id, text }) => [`${kind}/${id}`, text] as const),
          FIRST_VERSION,
        );
        table("administrators").insert(Object.entries(contents.administrators), FIRST_VERSION);
        table("certificates").insert(
          Object.entries(contents.certificates).map(([name, der]) => [name, Buffer.from(der).toString("base64")] as const),
          FIRST_VERSION,
        );
        for (const [name, der] of Object.entries(contents.privateKeys)) {
          const position = { table: "own_keys", key: name, version: FIRST_VERSION };
          const sealed = seal(keys.seal, "cai/key/v1", id, position, der);
          database.run("INSERT INTO own_keys (key, version, sealed) VALUES (?, ?, ?)", [name, FIRST_VERSION, sealed]);
        }
        ledger.begin(FIRST_VERSION);
      })
      .immediate();
  } finally {
    database.close();
  }
}

/**
 * Opens a store and checks all of it.
 *
 * @param servingFrom  seconds since 1970, where nonces will be given out from then on. The epoch then grows to at least this, so that no
 *                     nonce from before this start is taken again: neither where the record that it was spent was lost, nor where the
 *                     database was restored from a copy
 * @param keys         default: those of the master key file beside the data
 * @throws CaiError `store.record-tampered` (also for other keys than the store's), `store.schema-unknown`, `store.unreadable`
 */
export function openStore(dataDir: string, servingFrom?: number, keys: StoreKeys = readMasterKey(masterKeyPath(dataDir))): Store {
  const database = openDatabase(dataDir);
  try {
    const version = schemaVersion(database);
    if (version === 0) throw new CaiError("store.unreadable", `${databasePath(dataDir)} holds no store`);
    // The tables of a version before are checked whole, under that version's rules, in the transaction that adds to them.
    if (version === 1) new Ledger(database, keys.mac, FIRST_SCHEMA).write(ADDED_TABLES, () => addTables(database));
    if (version === 1 || version === 2) new Ledger(database, keys.mac, SECOND_SCHEMA).write(THIRD_TABLES, () => addThirdTables(database));
    return assemble(database, keys, servingFrom);
  } catch (error) {
    database.close();
    if (error instanceof CaiError) throw error;
    throw new CaiError("store.unreadable", `the store ${databasePath(dataDir)} cannot be read: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

function openDatabase(dataDir: string): Database {
  const path = databasePath(dataDir);
  try {
    const database = new Database(path, { create: false, readwrite: true, strict: true });
    database.run("PRAGMA busy_timeout = 5000");
    database.run("PRAGMA journal_mode = WAL");
    database.run("PRAGMA synchronous = NORMAL");
    // What is deleted or replaced is overwritten, in the database at least: sealed bytes need not stay around.
    database.run("PRAGMA secure_delete = ON");
    database.run("PRAGMA trusted_schema = OFF");
    return database;
  } catch (cause) {
    throw new CaiError("store.unreadable", `the store ${path} cannot be opened: ${(cause as Error).message}`, { cause });
  }
}

function storeContent(world: string, created: string): string {
  return JSON.stringify({ world, created });
}

function assemble(database: Database, keys: StoreKeys, servingFrom: number | undefined): Store {
  const ledger = new Ledger(database, keys.mac);
  const { id, world } = ledger.read(() => readStoreRow(database, keys));
  const tables = Object.fromEntries(SCHEMA.maced.map((name) => [name, new MacedTable(database, ledger, keys.mac, name)])) as Record<
    MacedTableName,
    MacedTable
  >;
  const mark = (name: string) => Number(tables.marks.all().get(name) ?? "0");
  const setMark = (name: string, value: number) =>
    ledger.write(["marks"], (version) => tables.marks.insert([[name, String(value)]], version));
  const time = { get: () => mark("decision-time"), set: (value: number) => setMark("decision-time", value) };
  const decisions = new DecisionLog(database, time, keys.decisionId);
  let epoch = mark("epoch");
  if (servingFrom !== undefined) {
    epoch = Math.max(epoch + 1, servingFrom);
    setMark("epoch", epoch);
  }
  const removal = (table: "sessions" | "nonces" | "token_ids", key: "id" | "hash") =>
    database.prepare(`DELETE FROM ${table} WHERE ${key} IN (SELECT ${key} FROM ${table} WHERE expires <= ? LIMIT ${PRUNE_BATCH})`);
  const sessions = removal("sessions", "id");
  const spent = [removal("nonces", "hash"), removal("token_ids", "hash")];

  return withViews({
    id,
    world,
    epoch,
    nonceKey: keys.nonce,
    decisionIdKey: keys.decisionId,
    async rows(table) {
      return tables[table].all();
    },
    async change(names, decide) {
      return ledger.write(names, (version) => {
        const changes = decide(Object.fromEntries(names.map((name) => [name, tables[name].current()])) as never);
        let removed = 0;
        for (const name of names) {
          const { put = [], remove = [] } = changes[name] ?? {};
          for (const key of remove) if (tables[name].remove(key)) removed++;
          tables[name].insert(put, version);
        }
        return removed;
      });
    },
    resources: new SealedResources(database, ledger, keys.seal, id),
    ownKeys: new SealedKeys(database, ledger, keys.seal, id),
    sessions: new SqliteSessions(database),
    nonces: new SqliteSpentOnce(database, "nonces"),
    tokenIds: new SqliteSpentOnce(database, "token_ids"),
    decisions,
    usage: new SqliteUsage(database),
    async revision() {
      ledger.check();
      return ledger.revision;
    },
    async lastTime() {
      return decisions.lastTime;
    },
    async prune(now, spentUntil) {
      sessions.run(now);
      for (const statement of spent) statement.run(spentUntil);
      decisions.prune();
    },
    async close() {
      database.close();
    },
  });
}

/** Gives the rows of a core their meaning. */
function withViews(core: StoreCore): Store {
  return { ...core, policies: new StoredPolicies(core), references: new StoredReferences(core), collateral: new StoredCollateral(core) };
}

function readStoreRow(database: Database, keys: StoreKeys): { id: string; world: World } {
  const rows = database
    .query<{ key: string; world: string; created: number; version: number; mac: Uint8Array }, []>("SELECT * FROM store")
    .all();
  const row = rows[0];
  if (row === undefined || rows.length !== 1) throw tampered({ table: "store" });
  const { key, world, created, version, mac } = row;
  checkRow(keys.mac, { table: "store", key, version }, storeContent(world, String(created)), mac);
  if (world !== "production" && world !== "simulated") throw tampered({ table: "store", key });
  return { id: key, world };
}
