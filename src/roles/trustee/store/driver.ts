import type { StoreKeys } from "./master-key.ts";

/** What a column can be given, and gives back. Whole numbers have at most 53 bits. */
export type Value = string | number | Uint8Array | null;

export type Row = Readonly<Record<string, Value>>;

/** Runs statements in the part of SQL that every database here understands; the values stand for `$1`, `$2`, … */
export interface Statements {
  all<R extends object = Row>(sql: string, values?: readonly Value[]): Promise<R[]>;
  /** @returns how many rows were changed */
  run(sql: string, values?: readonly Value[]): Promise<number>;
}

/** One state of the database, for as long as it is needed: what others write meanwhile is not in it. */
export interface Snapshot extends Statements {
  end(): Promise<void>;
}

export interface WriteOptions {
  /** that it survives the end of the process is enough where the process has the database for itself; a power cut may take it */
  readonly untilRestart?: true;
}

/**
 * A database as the store uses it: tables with rows, snapshots and transactions. What the rows mean and whether they are to be believed
 * is decided above it, in the same way for every database.
 *
 * Every method throws CaiError `store.unavailable` where the database does not answer now, and may again; `store.record-tampered` where a
 * table is not there; `store.unreadable` for everything else.
 */
export interface Driver extends Pick<Statements, "all"> {
  /** Does something with the database in one state; work is awaited for nothing but this database, and may be called again. */
  read<T>(work: (statements: Statements) => Promise<T>): Promise<T>;
  /** For long reading: it keeps nobody waiting, however long it takes. */
  snapshot(): Promise<Snapshot>;
  /**
   * One transaction: all of it, or nothing where `work` throws. Returns when it is on the disk, so that it survives a power cut.
   * The work is awaited for nothing but this database, and may be called again where the database gave it up.
   */
  write<T>(work: (statements: Statements) => Promise<T>, options?: WriteOptions): Promise<T>;
  /** Returns where the database answers and can be written to, as far as is known. */
  ping(): Promise<void>;
  /** Returns when the disk is not being waited for: what begins then shares the next wait. */
  settled(): Promise<void>;
  /** @returns a number that stays the same while nobody else writes to the database; undefined where that cannot be told */
  othersWrote(): number | undefined;
  /**
   * Looks for declarations that are not the store's own: what a write writes and a read reads is decided by triggers, views and such too.
   *
   * @param whole  all of them; otherwise those that can appear while the store is open
   * @throws CaiError `store.record-tampered`
   */
  checkSchema(statements: Statements, whole: boolean): Promise<void>;
  /** @returns the version of the store that is there; 0 where there is none. @throws CaiError `store.schema-unknown` */
  schemaVersion(): Promise<number>;
  /** The same in a transaction, which nobody else can then change the schema beside. */
  lockSchema(statements: Statements): Promise<number>;
  /** Declares every table of the present schema, where there is none. */
  declareSchema(statements: Statements): Promise<void>;
  /** Brings a store of an older version to the present one, after all of it was checked. */
  migrate(statements: Statements, from: number, keys: StoreKeys): Promise<void>;
  /** Makes the next decision's number follow the highest that there is. */
  continueDecisions(statements: Statements): Promise<void>;
  /** @returns the numbers of the next decisions, growing; none of them is ever given again */
  nextDecisions(statements: Statements, count: number): Promise<number[]>;
  /** whether rows that were written are read again before the transaction ends: for databases that others may give triggers at any time */
  readonly readsBack: boolean;
  /** what a SELECT ends with that makes other writers of these rows wait */
  readonly forUpdate: string;
  /** what a SELECT ends with that leaves out rows which another writer is removing */
  readonly skipLocked: string;
  close(): Promise<void>;
}

/** How many rows one statement names at most; powers of two up to it, so that there are few different statements to prepare. */
const MAX_ROWS = 64;

/** @returns the items in parts whose sizes are powers of two */
export function* parts<T>(items: readonly T[]): Generator<readonly T[]> {
  for (let at = 0; at < items.length; ) {
    const left = items.length - at;
    const size = left >= MAX_ROWS ? MAX_ROWS : 2 ** Math.floor(Math.log2(left));
    yield items.slice(at, at + size);
    at += size;
  }
}

/** @returns `($1, $2), ($3, $4)` for two rows of two columns */
export function tuples(rows: number, columns: number): string {
  return Array.from({ length: rows }, (_, row) => {
    return `(${Array.from({ length: columns }, (_, column) => `$${row * columns + column + 1}`).join(", ")})`;
  }).join(", ");
}

/** Rows whose `column` is one of the values. @param select  the statement up to WHERE */
export async function among<R extends object>(
  statements: Statements,
  select: string,
  column: string,
  values: readonly Value[],
): Promise<R[]> {
  const rows: R[] = [];
  for (const part of parts(values)) rows.push(...(await statements.all<R>(`${select} WHERE ${column} IN ${tuples(1, part.length)}`, part)));
  return rows;
}

/** Writes rows, in place of those with the same key. @param columns  the key first */
export async function upsert(
  statements: Statements,
  table: string,
  columns: readonly string[],
  rows: readonly (readonly Value[])[],
): Promise<void> {
  const [key, ...rest] = columns;
  const set = rest.map((name) => `${name} = excluded.${name}`).join(", ");
  for (const part of parts(rows)) {
    const sql = `INSERT INTO ${table} (${columns.join(", ")}) VALUES ${tuples(part.length, columns.length)} ON CONFLICT (${key}) DO UPDATE SET ${set}`;
    await statements.run(sql, part.flat());
  }
}

/** Removes rows by their keys. */
export async function remove(statements: Statements, table: string, column: string, keys: readonly Value[]): Promise<void> {
  for (const part of parts(keys)) await statements.run(`DELETE FROM ${table} WHERE ${column} IN ${tuples(1, part.length)}`, part);
}
