import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { Statements } from "./driver.ts";
import { tampered } from "./seal.ts";
import { SCHEMA_VERSION, SMALL_TABLES, type SmallTableName } from "./tables.ts";

/** What the head says of one small table. */
export interface TableHead {
  readonly rows: number;
  readonly maxVersion: number;
  /** lower-case hex SHA-256 over every row's key and version, in the order of the keys */
  readonly digest: string;
}

/** What the head says of the resources. */
export interface ResourcesHead {
  readonly rows: number;
  /** lower-case hex: the digest of the tree's top node (resource-tree.ts) */
  readonly digest: string;
}

/**
 * The one row that vouches for all others (security.md I25): how many rows each table has and which version each of them has, so that a
 * dropped row, a row put back from an older copy, and a table put back whole are all found.
 */
export interface Head {
  readonly schema: number;
  /** of the last write; each takes the next */
  readonly version: number;
  readonly tables: Readonly<Record<SmallTableName, TableHead>>;
  readonly resources: ResourcesHead;
}

/** The head as it lies in its table. */
export interface HeadRow {
  readonly content: string;
  readonly mac: Uint8Array;
}

export const SELECT_HEAD = "SELECT content, mac FROM head WHERE one = 1";

/** @throws CaiError `store.record-tampered` where this program did not write the row with this key, or wrote it for other tables */
export function parseHead(macKey: Uint8Array, row: HeadRow | undefined): Head {
  if (row === undefined || !(row.mac instanceof Uint8Array)) throw tampered({ table: "head" });
  const mac = headMac(macKey, row.content);
  if (row.mac.length !== mac.length || !timingSafeEqual(row.mac, mac)) throw tampered({ table: "head" });
  const head = JSON.parse(row.content) as Head;
  // A head of other tables is that of another schema: a store must not become an older one, and lose what only the newer one has.
  if (head.schema !== SCHEMA_VERSION || Object.keys(head.tables).length !== SMALL_TABLES.length) throw tampered({ table: "head" });
  return head;
}

/** Writes the head. */
export async function writeHead(statements: Statements, macKey: Uint8Array, head: Head): Promise<string> {
  const content = JSON.stringify(head);
  const sql =
    "INSERT INTO head (one, content, mac) VALUES (1, $1, $2) ON CONFLICT (one) DO UPDATE SET content = excluded.content, mac = excluded.mac";
  if ((await statements.run(sql, [content, headMac(macKey, content)])) !== 1) throw tampered({ table: "head" });
  return content;
}

function headMac(macKey: Uint8Array, content: string): Uint8Array {
  return createHmac("sha256", macKey).update(`cai/head/v2\0${content}`).digest();
}

/** @param rows  in the order of their keys */
export function tableHead(rows: Iterable<readonly [key: string, row: { readonly version: number }]>): TableHead {
  const hash = createHash("sha256");
  let count = 0;
  let maxVersion = 0;
  for (const [key, { version }] of rows) {
    count++;
    maxVersion = Math.max(maxVersion, version);
    hash.update(`${key}\0${version}\0`);
  }
  return { rows: count, maxVersion, digest: hash.digest("hex") };
}

export function sameTableHead(a: TableHead, b: TableHead): boolean {
  return a.rows === b.rows && a.maxVersion === b.maxVersion && a.digest === b.digest;
}
