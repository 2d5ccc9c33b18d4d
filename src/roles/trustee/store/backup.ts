import { CaiError } from "../../../system/index.ts";
import { type Driver, parts, type Row, type Statements, tuples, type Value } from "./driver.ts";
import { Ledger } from "./ledger.ts";
import type { StoreKeys } from "./master-key.ts";
import { TABLES, type TableName } from "./tables.ts";

/** One row of a store as it lies in its table: secrets sealed, texts with their MAC, everything under the store's own master key. */
export interface StoreRow {
  readonly table: TableName;
  /** by column */
  readonly values: Row;
}

/** Everything but sessions: guests attest anew, and their tokens need not lie in a backup. */
const EXPORTED = (Object.keys(TABLES) as TableName[]).filter((name) => name !== "sessions");

/** How many rows one statement reads: secrets and collateral may be large. */
const PAGE: Partial<Record<TableName, number>> = { resources: 32, collateral: 16 };
const DEFAULT_PAGE = 500;

/**
 * Reads a store whole, in one state of it, after all of that state was checked. Others work on meanwhile.
 *
 * @throws CaiError `store.record-tampered`, before the first row
 */
export async function* exportRows(driver: Driver, ledger: Ledger): AsyncGenerator<StoreRow> {
  await ledger.check();
  const snapshot = await driver.snapshot();
  try {
    await ledger.verify(snapshot);
    for (const table of EXPORTED) yield* rowsOf(snapshot, table);
  } finally {
    await snapshot.end();
  }
}

async function* rowsOf(statements: Statements, table: TableName): AsyncGenerator<StoreRow> {
  const { columns, key } = TABLES[table];
  const page = PAGE[table] ?? DEFAULT_PAGE;
  const select = `SELECT ${columns.map(({ name }) => name).join(", ")} FROM ${table}`;
  let after: Value | undefined;
  for (;;) {
    const rows: Row[] =
      after === undefined
        ? await statements.all(`${select} ORDER BY ${key} LIMIT $1`, [page])
        : await statements.all(`${select} WHERE ${key} > $1 ORDER BY ${key} LIMIT $2`, [after, page]);
    for (const values of rows) yield { table, values };
    if (rows.length < page) return;
    after = rows.at(-1)![key];
  }
}

/**
 * Writes a store into a database that holds none, in one transaction, and checks all of it before the end.
 *
 * @param rows  as {@link exportRows} gives them
 * @param now   seconds since 1970: the epoch grows to at least this, so that no nonce from before is taken again (security.md I2)
 * @throws CaiError `store.not-empty`, `store.record-tampered`: rows are missing or changed, or were written under another master key
 */
export async function importRows(
  driver: Driver,
  keys: StoreKeys,
  rows: AsyncIterable<StoreRow> | Iterable<StoreRow>,
  now: number,
): Promise<void> {
  const ledger = new Ledger(driver, keys.mac);
  let begun = false;
  await driver.write(async (statements) => {
    // The rows come once.
    if (begun) throw new CaiError("store.unavailable", "the database was lost while the store was written to it");
    begun = true;
    if ((await driver.lockSchema(statements)) !== 0) {
      throw new CaiError("store.not-empty", "there is a store in the database already", { hint: "Restore into a new place." });
    }
    await driver.declareSchema(statements);
    let table: TableName | undefined;
    let waiting: Row[] = [];
    const flush = async () => {
      if (table !== undefined) await insert(statements, table, waiting);
      waiting = [];
    };
    for await (const row of rows) {
      if (row.table !== table || waiting.length >= (PAGE[row.table] ?? DEFAULT_PAGE)) await flush();
      table = row.table;
      waiting.push(row.values);
    }
    await flush();
    await driver.continueDecisions(statements);
    await ledger.verify(statements);
    await ledger.changeIn(statements, {
      tables: ["marks"],
      paths: [],
      run: (set) => {
        const before = Number(set.table("marks").texts.get("epoch") ?? "0");
        set.put("marks", "epoch", String(Math.max(before + 1, now)));
      },
    });
  });
}

async function insert(statements: Statements, table: TableName, rows: readonly Row[]): Promise<void> {
  const { columns } = TABLES[table];
  for (const part of parts(rows)) {
    const sql = `INSERT INTO ${table} (${columns.map(({ name }) => name).join(", ")}) VALUES ${tuples(part.length, columns.length)}`;
    await statements.run(
      sql,
      part.flatMap((row) => columns.map(({ name }) => row[name] ?? null)),
    );
  }
}
