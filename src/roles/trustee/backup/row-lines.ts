import { decodeBase64, encodeBase64 } from "../../../crypto/index.ts";
import { CaiError } from "../../../system/index.ts";
import { type Column, type StoreRow, TABLES, type TableName } from "../store/index.ts";

/** No row is longer as a line: a secret of 2 MiB, or the collateral of one platform. */
const MAX_LINE = 32 * 1024 * 1024;
const NEWLINE = 0x0a;

/**
 * Writes rows as lines of JSON: an array of the table's name and the values in the order of its columns, bytes as base64.
 *
 * @param counts  is told how many rows of each table there were
 */
export async function* rowLines(rows: AsyncIterable<StoreRow>, counts: Map<string, number>): AsyncIterable<Uint8Array> {
  for await (const { table, values } of rows) {
    counts.set(table, (counts.get(table) ?? 0) + 1);
    const cells = TABLES[table].columns.map(({ name }) => {
      const value = values[name] ?? null;
      return value instanceof Uint8Array ? encodeBase64(value) : value;
    });
    yield Buffer.from(`${JSON.stringify([table, ...cells])}\n`);
  }
}

/**
 * Reads what {@link rowLines} wrote.
 *
 * @throws CaiError `store.backup-tampered` for anything else
 */
export async function* linedRows(bytes: AsyncIterable<Uint8Array>, counts: Map<string, number>): AsyncIterable<StoreRow> {
  for await (const line of linesOf(bytes)) {
    const row = rowOf(line);
    counts.set(row.table, (counts.get(row.table) ?? 0) + 1);
    yield row;
  }
}

async function* linesOf(bytes: AsyncIterable<Uint8Array>): AsyncIterable<string> {
  let parts: Uint8Array[] = [];
  let size = 0;
  for await (const piece of bytes) {
    let start = 0;
    for (let end = piece.indexOf(NEWLINE); end >= 0; end = piece.indexOf(NEWLINE, start)) {
      yield Buffer.concat([...parts, piece.subarray(start, end)]).toString("utf8");
      parts = [];
      size = 0;
      start = end + 1;
    }
    parts.push(piece.subarray(start));
    size += piece.length - start;
    if (size > MAX_LINE) throw otherwise();
  }
  if (size > 0) throw otherwise();
}

function rowOf(line: string): StoreRow {
  let cells: unknown;
  try {
    cells = JSON.parse(line);
  } catch {
    throw otherwise();
  }
  if (!Array.isArray(cells)) throw otherwise();
  const [table, ...values] = cells as readonly unknown[];
  if (typeof table !== "string" || !Object.hasOwn(TABLES, table)) throw otherwise();
  const { columns }: { columns: readonly Column[] } = TABLES[table as TableName];
  if (values.length !== columns.length) throw otherwise();
  return { table: table as TableName, values: Object.fromEntries(columns.map((column, i) => [column.name, cellOf(column, values[i])])) };
}

function cellOf({ type, optional }: Column, value: unknown): string | number | Uint8Array | null {
  if (value === null && optional) return null;
  if (type === "integer" && Number.isSafeInteger(value)) return value as number;
  if (type === "text" && typeof value === "string") return value;
  if (type !== "bytes" || typeof value !== "string") throw otherwise();
  try {
    return decodeBase64(value);
  } catch {
    throw otherwise();
  }
}

/** The lines lie below the seal, so only a program that had the key can have written others. */
function otherwise(): CaiError {
  return new CaiError("store.backup-tampered", "the backup holds rows of another form");
}
