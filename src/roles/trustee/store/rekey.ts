import { buildHead, buildTree } from "./build.ts";
import { type Driver, type Statements, upsert, type Value } from "./driver.ts";
import { Ledger } from "./ledger.ts";
import type { StoreKeys } from "./master-key.ts";
import { type BucketRow, bucketOf } from "./resource-tree.ts";
import { rowMac, seal, unseal } from "./seal.ts";
import { loadSmallTable, type StoreRowContent, storeContent } from "./small-table.ts";
import { MACED_TABLES } from "./tables.ts";

/** How many secrets are sealed anew at a time. */
const PAGE = 64;

/** Under which keys a store is, and under which it is to be. */
export interface Rekeying {
  readonly storeId: string;
  readonly from: StoreKeys;
  readonly to: StoreKeys;
}

/**
 * Seals everything anew and gives every row a new MAC, in one transaction: afterwards the store opens with the new keys, and with no
 * others. All of it is checked first. Who has it open with the old keys is answered `store.record-tampered` from then on.
 *
 * Public ids of decisions stay what they were: they were given out. Nonces that were given out are foreign afterwards.
 *
 * @throws CaiError `store.record-tampered`
 */
export async function rekeyRows(driver: Driver, { storeId, from, to }: Rekeying): Promise<void> {
  await driver.write(async (statements) => {
    await driver.lockSchema(statements);
    const { version } = await new Ledger(driver, from.mac).verify(statements, driver.forUpdate);
    await rekeySmallTables(statements, { storeId, from, to });
    const rows = await rekeyResources(statements, { storeId, from, to });
    await buildHead(statements, to.mac, version + 1, await buildTree(statements, to.mac, rows));
  });
}

async function rekeySmallTables(statements: Statements, { storeId, from, to }: Rekeying): Promise<void> {
  for (const table of MACED_TABLES) {
    const { rows } = await loadSmallTable(statements, from.mac, table);
    const macs = [...rows].map(([key, { version, content }]): Value[] => {
      return [key, version, content, rowMac(to.mac, { table, key, version }, String(content))];
    });
    await upsert(statements, table, ["key", "version", "content", "mac"], macs);
  }
  const own = await loadSmallTable(statements, from.mac, "own_keys");
  const sealed = [...own.rows].map(([key, { version, content }]): Value[] => {
    const position = { table: "own_keys", key, version };
    const plain = unseal(from.seal, "cai/key/v1", storeId, position, content as Uint8Array);
    try {
      return [key, version, seal(to.seal, "cai/key/v1", storeId, position, plain)];
    } finally {
      plain.fill(0);
    }
  });
  await upsert(statements, "own_keys", ["key", "version", "sealed"], sealed);
  const stores = await statements.all<StoreRowContent & { key: string; version: number }>("SELECT key, world, created, version FROM store");
  for (const store of stores) {
    const mac = rowMac(to.mac, { table: "store", key: store.key, version: store.version }, storeContent(store));
    await statements.run("UPDATE store SET mac = $1 WHERE key = $2", [mac, store.key]);
  }
}

async function rekeyResources(statements: Statements, { storeId, from, to }: Rekeying): Promise<BucketRow[]> {
  const all: BucketRow[] = [];
  for (let after = ""; ; ) {
    const page = await statements.all<BucketRow & { sealed: Uint8Array }>(
      `SELECT key, version, sealed FROM resources WHERE key > $1 ORDER BY key LIMIT ${PAGE}`,
      [after],
    );
    const rows = page.map(({ key, version, sealed }): Value[] => {
      const position = { table: "resources", key, version };
      const plain = unseal(from.seal, "cai/resource/v1", storeId, position, sealed);
      try {
        return [key, version, seal(to.seal, "cai/resource/v1", storeId, position, plain), bucketOf(to.mac, key)];
      } finally {
        plain.fill(0);
      }
    });
    await upsert(statements, "resources", ["key", "version", "sealed", "bucket"], rows);
    all.push(...page.map(({ key, version }) => ({ key, version })));
    if (page.length < PAGE) return all;
    after = page.at(-1)!.key;
  }
}
