import { Database, type Statement } from "bun:sqlite";
import { closeSync, fdatasync, openSync } from "node:fs";
import { promisify } from "node:util";
import { CaiError } from "../../../system/index.ts";
import type { Driver, Snapshot, Statements, Value, WriteOptions } from "./driver.ts";
import type { StoreKeys } from "./master-key.ts";
import { tampered } from "./seal.ts";
import { migrateSqlite } from "./sqlite-migrations.ts";
import { declareSchema, schemaText, schemaVersion, TEXT } from "./sqlite-schema.ts";

const syncFile = promisify(fdatasync);

/**
 * A store in a file of SQLite.
 *
 * Statements run at once, on this thread; only the disk is waited for elsewhere. A commit goes to the write-ahead log without a wait
 * (`synchronous = NORMAL`), and {@link SqliteDriver.write} then has the log written to the disk, once for all commits that wait for it: the
 * same that `FULL` promises, without a stop of everything at each commit. Checkpoints wait for the disk by themselves.
 */
export class SqliteDriver implements Driver {
  readonly readsBack = false;
  readonly forUpdate = "";
  readonly skipLocked = "";
  readonly #path: string;
  readonly #database: Database;
  readonly #connection: Connection;
  readonly #dataVersion;
  readonly #log: Log;
  /** ends when nobody uses the connection any more */
  #free: Promise<unknown> = Promise.resolve();

  /** @param sync  has a file's data written to the disk */
  constructor(path: string, sync: (file: number) => Promise<void> = syncFile) {
    this.#path = path;
    this.#database = openDatabase(path);
    this.#connection = new Connection(this.#database);
    this.#dataVersion = this.#database.prepare<{ data_version: number }, []>("PRAGMA data_version");
    this.#log = new Log(`${path}-wal`, sync);
  }

  async ping(): Promise<void> {
    this.#log.requireWhole();
    await this.all("SELECT 1 AS one");
  }

  all<R extends object>(sql: string, values?: readonly Value[]): Promise<R[]> {
    return this.#alone(() => this.#connection.all<R>(sql, values));
  }

  read<T>(work: (statements: Statements) => Promise<T>): Promise<T> {
    return this.#alone(async () => {
      this.#run("BEGIN");
      try {
        return await work(this.#connection);
      } finally {
        this.#run("ROLLBACK");
      }
    });
  }

  async write<T>(work: (statements: Statements) => Promise<T>, { untilRestart }: WriteOptions = {}): Promise<T> {
    const result = await this.#alone(async () => {
      this.#log.requireWhole();
      this.#run("BEGIN IMMEDIATE");
      try {
        const done = await work(this.#connection);
        this.#run("COMMIT");
        return done;
      } catch (error) {
        // A full disk may have ended the transaction already.
        if (this.#database.inTransaction) this.#run("ROLLBACK");
        throw error;
      }
    });
    if (!untilRestart) await this.#log.sync();
    return result;
  }

  settled(): Promise<void> {
    return this.#log.settled();
  }

  async snapshot(): Promise<Snapshot> {
    const database = openDatabase(this.#path);
    const connection = new Connection(database);
    database.run("BEGIN");
    return {
      // A turn of the event loop between two statements, for those who wait for answers.
      all: async <R extends object>(sql: string, values?: readonly Value[]) => {
        await new Promise<void>((resolve) => setImmediate(resolve));
        return connection.all<R>(sql, values);
      },
      run: (sql, values) => connection.run(sql, values),
      end: async () => {
        connection.finalize();
        database.close();
      },
    };
  }

  othersWrote(): number | undefined {
    return this.#dataVersion.get()?.data_version;
  }

  async checkSchema(): Promise<void> {
    if (schemaText(this.#database) !== TEXT()) throw tampered({ table: "sqlite_schema" });
  }

  async schemaVersion(): Promise<number> {
    try {
      return schemaVersion(this.#database);
    } catch (error) {
      throw sqliteError(error);
    }
  }

  lockSchema(): Promise<number> {
    // The transaction keeps every other writer out.
    return this.schemaVersion();
  }

  async declareSchema(): Promise<void> {
    declareSchema(this.#database, 0);
  }

  migrate(statements: Statements, from: number, keys: StoreKeys): Promise<void> {
    return migrateSqlite(this.#database, statements, from, keys);
  }

  async continueDecisions(): Promise<void> {
    // SQLite keeps the highest number with each row that is written.
  }

  async nextDecisions(statements: Statements, count: number): Promise<number[]> {
    // Kept by SQLite: the highest that there ever was, also where its row was dropped.
    const [last] = await statements.all<{ seq: number }>("SELECT seq FROM sqlite_sequence WHERE name = 'decisions'");
    return Array.from({ length: count }, (_, i) => (last?.seq ?? 0) + i + 1);
  }

  async close(): Promise<void> {
    await this.#free;
    this.#connection.finalize();
    this.#log.close();
    this.#database.close();
  }

  /** Within a transaction the connection is nobody else's: they would read what is not committed. */
  #alone<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#free.then(work);
    this.#free = result.catch(() => undefined);
    return result;
  }

  #run(sql: string): void {
    try {
      this.#database.run(sql);
    } catch (error) {
      throw sqliteError(error);
    }
  }
}

/** Statements on one connection, each prepared once. */
class Connection implements Statements {
  readonly #database: Database;
  readonly #prepared = new Map<string, Statement<unknown, Value[]>>();

  constructor(database: Database) {
    this.#database = database;
  }

  async all<R extends object>(sql: string, values: readonly Value[] = []): Promise<R[]> {
    try {
      return this.#prepare(sql).all(...values) as R[];
    } catch (error) {
      throw sqliteError(error);
    }
  }

  async run(sql: string, values: readonly Value[] = []): Promise<number> {
    try {
      return this.#prepare(sql).run(...values).changes;
    } catch (error) {
      throw sqliteError(error);
    }
  }

  finalize(): void {
    for (const statement of this.#prepared.values()) statement.finalize();
    this.#prepared.clear();
  }

  #prepare(sql: string): Statement<unknown, Value[]> {
    let statement = this.#prepared.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare<unknown, Value[]>(sql.replace(/\$(?=\d)/g, "?"));
      this.#prepared.set(sql, statement);
    }
    return statement;
  }
}

/** Has the write-ahead log written to the disk, once for all who wait. */
class Log {
  readonly #path: string;
  readonly #write: (file: number) => Promise<void>;
  #file: number | undefined;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #failed: CaiError | undefined;

  constructor(path: string, write: (file: number) => Promise<void>) {
    this.#path = path;
    this.#write = write;
  }

  /**
   * A part of the log that could not be written once is not written by trying again: the system has forgotten that it is missing, and without it
   * nothing that follows in the log can be read after a power cut. So nothing more is promised until the database is opened anew.
   *
   * @throws CaiError `store.unavailable`
   */
  requireWhole(): void {
    if (this.#failed !== undefined) throw this.#failed;
  }

  /** Returns when everything that was committed before this call is on the disk. */
  sync(): Promise<void> {
    // One that is under way may have begun before the commit.
    this.#next ??= (this.#running ?? Promise.resolve())
      .catch(() => undefined)
      .then(async () => {
        // Whoever waited for the disk to write together commits first.
        await new Promise<void>((resolve) => setImmediate(resolve));
        this.#next = undefined;
        this.#running = this.#sync();
        return this.#running;
      });
    return this.#next;
  }

  /** Returns when none is under way. */
  async settled(): Promise<void> {
    await this.#running?.catch(() => undefined);
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
  }

  async #sync(): Promise<void> {
    this.requireWhole();
    try {
      // SQLite keeps its locks on other files, so that closing this one lets go of none.
      this.#file ??= openSync(this.#path, "r");
    } catch (cause) {
      throw new CaiError("store.unavailable", `the log ${this.#path} cannot be opened`, { cause });
    }
    try {
      await this.#write(this.#file);
    } catch (cause) {
      this.#failed = new CaiError("store.unavailable", `the log ${this.#path} could not be written to the disk`, {
        hint: "See to the disk, then start the trustee again.",
        cause,
      });
      throw this.#failed;
    }
  }
}

/** @throws CaiError `store.unreadable` */
function openDatabase(path: string): Database {
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

/** @returns what a failure of SQLite means for the store */
function sqliteError(error: unknown): CaiError {
  if (error instanceof CaiError) return error;
  const code = (error as { code?: string }).code ?? "";
  if (/^SQLITE_(BUSY|LOCKED|FULL|IOERR)/.test(code)) {
    return new CaiError("store.unavailable", `the database cannot be used now: ${code}`, { cause: error });
  }
  if (/no such (table|column|index)/.test((error as Error).message)) return tampered({ table: "sqlite_schema" });
  return new CaiError("store.unreadable", `the store cannot be read: ${(error as Error).message}`, { cause: error });
}
