import { remove, type Statements, upsert, type Value } from "./driver.ts";
import { sameTableHead, type TableHead, tableHead } from "./head.ts";
import { checkRow, rowMac, tampered } from "./seal.ts";
import type { SmallTableName } from "./tables.ts";

/** One row of a small table: its text, or its sealed bytes. */
export interface SmallRow {
  readonly version: number;
  readonly content: string | Uint8Array;
}

/** A small table as the head describes it: every row is what this program wrote. */
export class SmallTable {
  readonly head: TableHead;
  /** in the order of the keys */
  readonly rows: ReadonlyMap<string, SmallRow>;
  #texts: ReadonlyMap<string, string> | undefined;

  /** @param rows  in any order */
  constructor(rows: Iterable<readonly [key: string, row: SmallRow]>) {
    this.rows = new Map([...rows].sort(([a], [b]) => (a < b ? -1 : 1)));
    this.head = tableHead(this.rows);
  }

  /** The texts by their keys; always the same map. */
  get texts(): ReadonlyMap<string, string> {
    this.#texts ??= new Map([...this.rows].map(([key, { content }]) => [key, String(content)] as const));
    return this.#texts;
  }
}

/**
 * Reads a table whole, and checks every row of it.
 *
 * @param expected  what the head of the same state of the database says; left out where there is none yet
 * @throws CaiError `store.record-tampered`
 */
export async function loadSmallTable(
  statements: Statements,
  macKey: Uint8Array,
  name: SmallTableName,
  expected?: TableHead,
): Promise<SmallTable> {
  const table = new SmallTable(await loadRows(statements, macKey, name));
  if (expected !== undefined && !sameTableHead(table.head, expected)) throw tampered({ table: name });
  return table;
}

async function loadRows(statements: Statements, macKey: Uint8Array, name: SmallTableName): Promise<[string, SmallRow][]> {
  if (name === "own_keys") {
    const rows = await statements.all<{ key: string; version: number; sealed: Uint8Array }>("SELECT key, version, sealed FROM own_keys");
    return rows.map(({ key, version, sealed }) => [key, { version, content: sealed }]);
  }
  const rows = await statements.all<{ key: string; version: number; content: string; mac: Uint8Array }>(
    name === "store" ? "SELECT key, world, created, version, mac FROM store" : `SELECT key, version, content, mac FROM ${name}`,
  );
  return rows.map((row) => {
    const { key, version, mac } = row;
    const content = name === "store" ? storeContent(row as unknown as StoreRowContent) : row.content;
    checkRow(macKey, { table: name, key, version }, content, mac);
    return [key, { version, content }];
  });
}

/** What the one row of table `store` says, under the store's id. */
export interface StoreRowContent {
  readonly world: string;
  /** seconds since 1970 */
  readonly created: number;
}

/** @returns the text under the MAC of the row of table `store` */
export function storeContent({ world, created }: StoreRowContent): string {
  return JSON.stringify({ world, created: String(created) });
}

/** Which rows of a table a transaction writes; undefined for those that it removes. */
export type SmallChanges = ReadonlyMap<string, SmallRow | undefined>;

/** @returns the table after the changes */
export function changedTable(table: SmallTable, changes: SmallChanges): SmallTable {
  const rows = new Map(table.rows);
  for (const [key, row] of changes) {
    if (row === undefined) rows.delete(key);
    else rows.set(key, row);
  }
  return new SmallTable(rows);
}

/** Writes the changes. @param readBack  whether to look if that is what is there afterwards */
export async function writeSmallTable(
  statements: Statements,
  macKey: Uint8Array,
  name: Exclude<SmallTableName, "store">,
  changes: SmallChanges,
  readBack: boolean,
): Promise<void> {
  const written: Value[][] = [];
  const removed: string[] = [];
  for (const [key, row] of changes) {
    if (row === undefined) removed.push(key);
    else if (typeof row.content === "string")
      written.push([key, row.version, row.content, rowMac(macKey, { table: name, key, version: row.version }, row.content)]);
    else written.push([key, row.version, row.content]);
  }
  await remove(statements, name, "key", removed);
  await upsert(statements, name, name === "own_keys" ? ["key", "version", "sealed"] : ["key", "version", "content", "mac"], written);
  if (!readBack) return;
  const there = await loadRows(statements, macKey, name);
  const versions = new Map(there.map(([key, { version }]) => [key, version]));
  for (const [key, row] of changes) if (versions.get(key) !== row?.version) throw tampered({ table: name, key });
}
