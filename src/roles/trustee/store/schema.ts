import { Database } from "bun:sqlite";
import { CaiError } from "../../../system/index.ts";

/** The version of the tables below. A store of another version is refused, never guessed at. */
const SCHEMA_VERSION = 1;

/** Tables whose rows carry a MAC each: `key`, `version`, `content`, `mac`. */
export const MACED_TABLES = ["policies", "reference_values", "administrators", "certificates", "marks"] as const;
export type MacedTableName = (typeof MACED_TABLES)[number];

/** Tables whose rows are sealed: `key`, `version`, `sealed`. */
const SEALED_TABLES = ["resources", "own_keys"] as const;

/** Every table that the head covers. */
export const COVERED_TABLES = ["store", ...MACED_TABLES, ...SEALED_TABLES] as const;
export type CoveredTableName = (typeof COVERED_TABLES)[number];

const STATEMENTS = [
  `CREATE TABLE store (key TEXT PRIMARY KEY, world TEXT NOT NULL, created INTEGER NOT NULL, version INTEGER NOT NULL, mac BLOB NOT NULL) STRICT`,
  `CREATE TABLE head (one INTEGER PRIMARY KEY CHECK (one = 1), content TEXT NOT NULL, mac BLOB NOT NULL) STRICT`,
  ...MACED_TABLES.map(
    (name) =>
      `CREATE TABLE ${name} (key TEXT PRIMARY KEY, version INTEGER NOT NULL, content TEXT NOT NULL, mac BLOB NOT NULL) STRICT, WITHOUT ROWID`,
  ),
  ...SEALED_TABLES.map((name) => `CREATE TABLE ${name} (key TEXT PRIMARY KEY, version INTEGER NOT NULL, sealed BLOB NOT NULL) STRICT`),
  `CREATE TABLE sessions (id BLOB PRIMARY KEY, body BLOB NOT NULL, token TEXT NOT NULL, expires INTEGER NOT NULL, tagged INTEGER NOT NULL,
     version TEXT NOT NULL, tee TEXT NOT NULL, hash TEXT NOT NULL) STRICT`,
  `CREATE INDEX sessions_by_expiry ON sessions (expires)`,
  `CREATE TABLE nonces (hash BLOB PRIMARY KEY, expires INTEGER NOT NULL) STRICT, WITHOUT ROWID`,
  `CREATE INDEX nonces_by_expiry ON nonces (expires)`,
  `CREATE TABLE token_ids (hash BLOB PRIMARY KEY, expires INTEGER NOT NULL) STRICT, WITHOUT ROWID`,
  `CREATE INDEX token_ids_by_expiry ON token_ids (expires)`,
  `CREATE TABLE decisions (number INTEGER PRIMARY KEY AUTOINCREMENT, time INTEGER NOT NULL, kind TEXT NOT NULL, outcome TEXT NOT NULL, tee TEXT,
     subject TEXT, error TEXT, policy_hash TEXT, level TEXT, digest TEXT, client TEXT) STRICT`,
  `PRAGMA user_version = ${SCHEMA_VERSION}`,
] as const;

/** Makes the tables of a new store; to be called inside a transaction. */
export function createSchema(database: Database): void {
  for (const statement of STATEMENTS) database.run(statement);
}

/**
 * @returns the text of everything that is declared in a database, but for the tables that SQLite keeps for itself. A trigger, a view or an
 *   index decides what a write writes and what a read reads, so a store has exactly those that {@link createSchema} makes
 */
export function schemaText(database: Database): string {
  const declared = database.query<{ type: string; name: string; tbl_name: string; sql: string | null }, []>(
    "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE type <> 'table' OR name NOT GLOB 'sqlite_*' ORDER BY type, name",
  );
  return JSON.stringify(declared.all());
}

let expected: string | undefined;

/** @returns what {@link schemaText} says of a store */
export function expectedSchemaText(): string {
  if (expected === undefined) {
    const database = new Database(":memory:");
    createSchema(database);
    expected = schemaText(database);
    database.close();
  }
  return expected;
}

/** @returns whether the database holds a store: an empty one does not, also one that a crash left behind before `init` was done */
export function hasSchema(database: Database): boolean {
  const row = database.query<{ user_version: number }, []>("PRAGMA user_version").get();
  const found = row?.user_version ?? 0;
  if (found !== 0 && found !== SCHEMA_VERSION) {
    throw new CaiError("store.schema-unknown", "the store was written by another version of cai", {
      expected: `schema ${SCHEMA_VERSION}`,
      got: `schema ${found}`,
    });
  }
  return found === SCHEMA_VERSION;
}
