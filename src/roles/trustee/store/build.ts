import { randomBytes } from "node:crypto";
import { type Statements, upsert, type Value } from "./driver.ts";
import { type ResourcesHead, type TableHead, writeHead } from "./head.ts";
import type { StoreKeys } from "./master-key.ts";
import { type BucketRow, bucketDigest, bucketOf, ResourceTree } from "./resource-tree.ts";
import { rowMac, seal } from "./seal.ts";
import { loadSmallTable, storeContent } from "./small-table.ts";
import type { PolicyKind, World } from "./store.ts";
import { SCHEMA_VERSION, SMALL_TABLES, type SmallTableName } from "./tables.ts";

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

/** Fills the tables of a new store, which were declared in the same transaction. */
export async function fillStore(statements: Statements, keys: StoreKeys, contents: StoreContents): Promise<void> {
  const { world, created } = contents;
  const version = FIRST_VERSION;
  const id = randomBytes(16).toString("hex");
  const mac = rowMac(keys.mac, { table: "store", key: id, version }, storeContent({ world, created }));
  await upsert(statements, "store", ["key", "world", "created", "version", "mac"], [[id, world, created, version, mac]]);
  const maced = (table: SmallTableName, rows: readonly (readonly [key: string, content: string])[]) =>
    upsert(
      statements,
      table,
      ["key", "version", "content", "mac"],
      rows.map(([key, content]): Value[] => [key, version, content, rowMac(keys.mac, { table, key, version }, content)]),
    );
  await maced(
    "policies",
    contents.policies.map(({ kind, id, text }) => [`${kind}/${id}`, text]),
  );
  await maced("administrators", Object.entries(contents.administrators));
  await maced(
    "certificates",
    Object.entries(contents.certificates).map(([name, der]) => [name, Buffer.from(der).toString("base64")]),
  );
  const sealed = Object.entries(contents.privateKeys).map(([key, der]): Value[] => {
    return [key, version, seal(keys.seal, "cai/key/v1", id, { table: "own_keys", key, version }, der)];
  });
  await upsert(statements, "own_keys", ["key", "version", "sealed"], sealed);
  await buildHead(statements, keys.mac, version, { rows: 0, digest: ResourceTree.EMPTY.digest });
}

/**
 * Writes a head for the rows that are there; every row of a small table must be authentic. To be called in a transaction that made or
 * checked them all.
 *
 * @param version    of the transaction
 * @param resources  what {@link buildTree} says
 */
export async function buildHead(statements: Statements, macKey: Uint8Array, version: number, resources: ResourcesHead): Promise<void> {
  const tables = {} as Record<SmallTableName, TableHead>;
  for (const name of SMALL_TABLES) tables[name] = (await loadSmallTable(statements, macKey, name)).head;
  await writeHead(statements, macKey, { schema: SCHEMA_VERSION, version, tables, resources });
}

/**
 * Writes the tree over all resources.
 *
 * @param rows  every resource
 */
export async function buildTree(statements: Statements, macKey: Uint8Array, rows: readonly BucketRow[]): Promise<ResourcesHead> {
  const buckets = Map.groupBy(rows, ({ key }) => bucketOf(macKey, key));
  const digests = new Map([...buckets].map(([bucket, rows]) => [bucket, bucketDigest(rows)]));
  await statements.run("DELETE FROM resource_nodes");
  const { tree, changed } = ResourceTree.EMPTY.with(digests);
  await upsert(statements, "resource_nodes", ["node", "digests"], [...changed]);
  return { rows: rows.length, digest: tree.digest };
}
