import type { Database } from "bun:sqlite";
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { buildHead, buildTree } from "./build.ts";
import { publicDecisionId } from "./decision-id.ts";
import type { Statements } from "./driver.ts";
import type { TableHead } from "./head.ts";
import type { StoreKeys } from "./master-key.ts";
import { bucketOf } from "./resource-tree.ts";
import { checkRow, tampered } from "./seal.ts";
import { type StoreRowContent, storeContent } from "./small-table.ts";
import { declareSchema, oldSchema, schemaText } from "./sqlite-schema.ts";

/** The head up to version 3: resources were a table like the others. */
interface OldHead {
  readonly version: number;
  readonly tables: Readonly<Record<string, TableHead>>;
}

/**
 * Brings a store to the present version, in a transaction of the caller. Everything is checked first under the rules of the version that
 * wrote it: what was tampered with must not be vouched for anew.
 *
 * @param version  that of the store, 1 to 3
 * @throws CaiError `store.record-tampered`
 */
export async function migrateSqlite(database: Database, statements: Statements, version: number, keys: StoreKeys): Promise<void> {
  const head = checkOld(database, version, keys.mac);
  declareSchema(database, version);
  const rows = database.query<{ key: string; version: number }, []>("SELECT key, version FROM resources").all();
  const place = database.prepare<null, [number, string]>("UPDATE resources SET bucket = ? WHERE key = ?");
  for (const { key } of rows) place.run(bucketOf(keys.mac, key), key);
  const name = database.prepare<null, [string, number]>("UPDATE decisions SET id = ? WHERE number = ?");
  for (const { number } of database.query<{ number: number }, []>("SELECT number FROM decisions WHERE id IS NULL").all())
    name.run(publicDecisionId(keys.decisionId, number), number);
  database.run("UPDATE decisions SET realm = '' WHERE realm IS NULL");
  place.finalize();
  name.finalize();
  await buildHead(statements, keys.mac, head.version + 1, await buildTree(statements, keys.mac, rows));
}

/** Checks a whole store of an older version. @returns its head */
function checkOld(database: Database, version: number, macKey: Uint8Array): OldHead {
  const schema = oldSchema(version);
  if (schemaText(database) !== schema.text()) throw tampered({ table: "sqlite_schema" });
  const row = database.query<{ content: string; mac: Uint8Array }, []>("SELECT content, mac FROM head WHERE one = 1").get();
  if (row === null) throw tampered({ table: "head" });
  const mac = createHmac("sha256", macKey).update(`cai/head/v1\0${row.content}`).digest();
  if (row.mac.length !== mac.length || !timingSafeEqual(row.mac, mac)) throw tampered({ table: "head" });
  const head = JSON.parse(row.content) as OldHead;
  if (Object.keys(head.tables).length !== schema.covered.length) throw tampered({ table: "head" });
  for (const table of schema.covered) {
    const now = oldTableHead(database, table);
    const then = head.tables[table];
    if (now.rows !== then?.rows || now.maxVersion !== then.maxVersion || now.digest !== then.digest) throw tampered({ table });
  }
  for (const table of schema.maced) {
    const rows = database.query<{ key: string; version: number; content: string; mac: Uint8Array }, []>(`SELECT * FROM ${table}`);
    for (const { key, version, content, mac } of rows.iterate()) checkRow(macKey, { table, key, version }, content, mac);
  }
  const stores = database.query<StoreRowContent & { key: string; version: number; mac: Uint8Array }, []>("SELECT * FROM store").all();
  for (const store of stores) checkRow(macKey, { table: "store", key: store.key, version: store.version }, storeContent(store), store.mac);
  return head;
}

function oldTableHead(database: Database, table: string): TableHead {
  const hash = createHash("sha256");
  let rows = 0;
  let maxVersion = 0;
  for (const row of database.query<{ key: string; version: number }, []>(`SELECT key, version FROM ${table} ORDER BY key`).iterate()) {
    rows++;
    maxVersion = Math.max(maxVersion, row.version);
    hash.update(`${row.key}\0${row.version}\0`);
  }
  return { rows, maxVersion, digest: hash.digest("hex") };
}
