import { type ReservedSQL, SQL } from "bun";
import { CaiError } from "../../../system/index.ts";
import type { Driver, Snapshot, Statements, Value } from "./driver.ts";
import type { StorePlace } from "./place.ts";
import { meaningOf, wasConflict, wasLost } from "./postgres-error.ts";
import {
  checkPostgresSchema,
  continueNumbers,
  declarePostgres,
  lockSchemaVersion,
  NAMESPACE,
  nextNumbers,
  postgresVersion,
} from "./postgres-schema.ts";

/** Connections of one process at most. */
const POOL = 10;
const CONNECT_SECONDS = 4;
/** The server gives up a statement, a wait for a lock, and a transaction whose next statement does not come, milliseconds. */
const STATEMENT_MS = 8000;
const LOCK_MS = 5000;
const IDLE_IN_TRANSACTION_MS = 5000;
/** One statement of a long reading. */
const LONG_STATEMENT_MS = 120_000;
/** A server that answers nothing at all is given up after this, milliseconds. */
const ANSWER_MS = 10_000;
/** How often something is tried again that certainly was not done: often enough to come past every connection of the pool that was lost. */
const RETRIES = POOL + 1;

/**
 * A store in a database of PostgreSQL, which any number of trustees share. A commit returns when it is on the server's disk.
 *
 * The database going away is no reason to end: each call fails with `store.unavailable` until it is back, and then works again.
 */
export class PostgresDriver implements Driver {
  readonly readsBack = true;
  readonly forUpdate = " FOR UPDATE";
  readonly skipLocked = " FOR UPDATE SKIP LOCKED";
  readonly #open: () => SQL;
  readonly #answerMs: number;
  #sql: SQL;
  #closed = false;

  /** @param answerMs  how long a server is waited for that says nothing */
  constructor({ url, tls, tlsCa }: StorePlace & { kind: "postgres" }, answerMs = ANSWER_MS) {
    this.#answerMs = answerMs;
    this.#open = () =>
      new SQL({
        url,
        // Said, because the runtime would take the variable PGDATABASE before the address.
        database: decodeURIComponent(new URL(url).pathname.slice(1)),
        adapter: "postgres",
        max: POOL,
        connectionTimeout: CONNECT_SECONDS,
        bigint: true,
        tls: tls ? { rejectUnauthorized: true, ...(tlsCa !== undefined && { ca: Bun.file(tlsCa) }) } : "disable",
        connection: {
          application_name: "cai",
          search_path: NAMESPACE,
          // Whatever the server's default is: what was acknowledged is on its disk.
          synchronous_commit: "on",
          statement_timeout: STATEMENT_MS,
          lock_timeout: LOCK_MS,
          idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS,
        },
      });
    this.#sql = this.#open();
  }

  async all<R extends object>(sql: string, values: readonly Value[] = []): Promise<R[]> {
    for (let tried = 0; ; tried++) {
      try {
        return rowsOf<R>(await this.#answered(this.#sql.unsafe(sql, [...values])));
      } catch (error) {
        if (tried >= RETRIES || !wasLost(error)) throw meaningOf(error);
      }
    }
  }

  read<T>(work: (statements: Statements) => Promise<T>): Promise<T> {
    return this.#transaction("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", work);
  }

  write<T>(work: (statements: Statements) => Promise<T>): Promise<T> {
    return this.#transaction("BEGIN ISOLATION LEVEL READ COMMITTED", work);
  }

  async ping(): Promise<void> {
    await this.all("SELECT 1 AS one");
  }

  async settled(): Promise<void> {
    // The server groups the commits of its connections by itself.
  }

  async snapshot(): Promise<Snapshot> {
    const connection = await this.#begin("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    const statements = this.#statements(connection, LONG_STATEMENT_MS);
    await statements.run("SET LOCAL idle_in_transaction_session_timeout = 0");
    await statements.run(`SET LOCAL statement_timeout = ${LONG_STATEMENT_MS}`);
    const meant = async <T>(answer: Promise<T>): Promise<T> => {
      try {
        return await answer;
      } catch (error) {
        throw meaningOf(error);
      }
    };
    return {
      all: (sql, values) => meant(statements.all(sql, values)),
      run: (sql, values) => meant(statements.run(sql, values)),
      end: () => this.#end(connection, "ROLLBACK"),
    };
  }

  othersWrote(): undefined {
    return undefined;
  }

  checkSchema(statements: Statements, whole: boolean): Promise<void> {
    return checkPostgresSchema(statements, whole);
  }

  schemaVersion(): Promise<number> {
    return postgresVersion(this);
  }

  lockSchema(statements: Statements): Promise<number> {
    return lockSchemaVersion(statements);
  }

  declareSchema(statements: Statements): Promise<void> {
    return declarePostgres(statements);
  }

  async migrate(_statements: Statements, from: number): Promise<void> {
    // Databases of this kind begin with the present schema.
    throw new CaiError("store.schema-unknown", `no version of cai wrote schema ${from} to PostgreSQL`);
  }

  nextDecisions(statements: Statements, count: number): Promise<number[]> {
    return nextNumbers(statements, count);
  }

  continueDecisions(statements: Statements): Promise<void> {
    return continueNumbers(statements);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#sql.close({ timeout: 1 });
  }

  async #transaction<T>(begin: string, work: (statements: Statements) => Promise<T>): Promise<T> {
    for (let tried = 0; ; tried++) {
      const connection = await this.#begin(begin);
      let ending = false;
      try {
        const result = await work(this.#statements(connection, this.#answerMs));
        ending = true;
        await this.#answered(connection.unsafe("COMMIT"));
        connection.release();
        return result;
      } catch (error) {
        await this.#end(connection, "ROLLBACK");
        // One that was lost before its end did nothing; at its end, that cannot be told.
        if (tried >= RETRIES || !(wasConflict(error) || (wasLost(error) && !ending))) throw meaningOf(error);
      }
    }
  }

  /** @returns a connection in a transaction; one that was lost while nobody used it is replaced */
  async #begin(begin: string): Promise<ReservedSQL> {
    for (let tried = 0; ; tried++) {
      let connection: ReservedSQL | undefined;
      try {
        connection = await this.#answered(this.#sql.reserve());
        await this.#answered(connection.unsafe(begin));
        return connection;
      } catch (error) {
        connection?.release();
        if (tried >= RETRIES || !wasLost(error)) throw meaningOf(error);
      }
    }
  }

  async #end(connection: ReservedSQL, how: "ROLLBACK"): Promise<void> {
    try {
      await this.#answered(connection.unsafe(how));
    } catch {
      // The connection is lost, and the transaction with it.
    } finally {
      connection.release();
    }
  }

  #statements(connection: ReservedSQL, within: number): Statements {
    return {
      all: async <R extends object>(sql: string, values: readonly Value[] = []) =>
        rowsOf<R>(await this.#answered(connection.unsafe(sql, [...values]), within)),
      run: async (sql, values = []) => ((await this.#answered(connection.unsafe(sql, [...values]), within)) as { count: number }).count,
    };
  }

  /** A server that is gone without a word is not waited for; its connections are given up. */
  async #answered<T>(answer: Promise<T>, within = this.#answerMs): Promise<T> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const sql = this.#sql;
    const silence = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        if (this.#sql === sql && !this.#closed) {
          this.#sql = this.#open();
          sql.close({ timeout: 0 }).catch(() => undefined);
        }
        reject(new CaiError("store.unavailable", `the database has not answered for ${within / 1000} seconds`));
      }, within);
    });
    try {
      return await Promise.race([answer, silence]);
    } finally {
      clearTimeout(timer);
    }
  }
}

/** Whole numbers come as BigInt; all of the store's fit in a number. */
function rowsOf<R extends object>(result: unknown): R[] {
  const rows = result as Record<string, unknown>[];
  for (const row of rows) for (const name in row) if (typeof row[name] === "bigint") row[name] = Number(row[name]);
  return rows as R[];
}
