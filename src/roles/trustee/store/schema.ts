import { Database } from "bun:sqlite";
import { CaiError } from "../../../system/index.ts";

/** The version of the tables below. A store of another version is refused, never guessed at. */
const SCHEMA_VERSION = 3;

const FIRST_MACED_TABLES = ["policies", "reference_values", "administrators", "certificates", "marks"] as const;
/** Tables that version 2 added. */
const ADDED_MACED_TABLES = ["collateral", "collateral_marks"] as const;

/** Tables that version 3 added. */
const THIRD_MACED_TABLES = ["realms", "roles", "denials", "signers"] as const;

/** Tables whose rows carry a MAC each: `key`, `version`, `content`, `mac`. */
const MACED_TABLES = [...FIRST_MACED_TABLES, ...ADDED_MACED_TABLES, ...THIRD_MACED_TABLES] as const;
export type MacedTableName = (typeof MACED_TABLES)[number];

/** Tables whose rows are sealed: `key`, `version`, `sealed`. */
const SEALED_TABLES = ["resources", "own_keys"] as const;

/** Every table that the head covers. */
const COVERED_TABLES = ["store", ...MACED_TABLES, ...SEALED_TABLES] as const;
export type CoveredTableName = (typeof COVERED_TABLES)[number];

const macedTable = (name: MacedTableName): string =>
  `CREATE TABLE ${name} (key TEXT PRIMARY KEY, version INTEGER NOT NULL, content TEXT NOT NULL, mac BLOB NOT NULL) STRICT, WITHOUT ROWID`;

/** Version 1. */
const FIRST_STATEMENTS: readonly string[] = [
  `CREATE TABLE store (key TEXT PRIMARY KEY, world TEXT NOT NULL, created INTEGER NOT NULL, version INTEGER NOT NULL, mac BLOB NOT NULL) STRICT`,
  `CREATE TABLE head (one INTEGER PRIMARY KEY CHECK (one = 1), content TEXT NOT NULL, mac BLOB NOT NULL) STRICT`,
  ...FIRST_MACED_TABLES.map(macedTable),
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
];
/** What makes version 2 of version 1. */
const ADDED_STATEMENTS: readonly string[] = [...ADDED_MACED_TABLES.map(macedTable), "PRAGMA user_version = 2"];
/** What makes version 3 of version 2. */
const THIRD_STATEMENTS: readonly string[] = [
  ...THIRD_MACED_TABLES.map(macedTable),
  "ALTER TABLE decisions ADD COLUMN id TEXT",
  "ALTER TABLE decisions ADD COLUMN realm TEXT",
  "ALTER TABLE decisions ADD COLUMN detail TEXT",
  "CREATE INDEX decisions_by_id ON decisions (id)",
  "CREATE TABLE usage (key TEXT PRIMARY KEY, count INTEGER NOT NULL, last INTEGER NOT NULL) STRICT, WITHOUT ROWID",
  `PRAGMA user_version = ${SCHEMA_VERSION}`,
];

/** What the store of one version consists of. */
export interface Schema {
  readonly maced: readonly MacedTableName[];
  /** every table that the head covers */
  readonly covered: readonly CoveredTableName[];
  /** what {@link schemaText} says of such a store */
  text(): string;
}

/** The schema of stores that are worked on. */
export const SCHEMA: Schema = {
  maced: MACED_TABLES,
  covered: COVERED_TABLES,
  text: textOf([...FIRST_STATEMENTS, ...ADDED_STATEMENTS, ...THIRD_STATEMENTS]),
};

/** The schema of stores that were made before there were realms. */
export const SECOND_SCHEMA: Schema = {
  maced: [...FIRST_MACED_TABLES, ...ADDED_MACED_TABLES],
  covered: ["store", ...FIRST_MACED_TABLES, ...ADDED_MACED_TABLES, ...SEALED_TABLES],
  text: textOf([...FIRST_STATEMENTS, ...ADDED_STATEMENTS]),
};

/** The schema of stores that were made before collateral was kept. */
export const FIRST_SCHEMA: Schema = {
  maced: FIRST_MACED_TABLES,
  covered: ["store", ...FIRST_MACED_TABLES, ...SEALED_TABLES],
  text: textOf(FIRST_STATEMENTS),
};

/** The tables that the head covers since version 2. */
export const ADDED_TABLES: readonly CoveredTableName[] = ADDED_MACED_TABLES;
/** The tables that the head covers since version 3. */
export const THIRD_TABLES: readonly CoveredTableName[] = THIRD_MACED_TABLES;

/** Makes the tables of a new store; to be called inside a transaction. */
export function createSchema(database: Database): void {
  for (const statement of [...FIRST_STATEMENTS, ...ADDED_STATEMENTS, ...THIRD_STATEMENTS]) database.run(statement);
}

/** Makes the tables that a store of version 1 lacks to be one of version 2; to be called inside a transaction. */
export function addTables(database: Database): void {
  for (const statement of ADDED_STATEMENTS) database.run(statement);
}

/** Makes what a store of version 2 lacks; to be called inside a transaction. */
export function addThirdTables(database: Database): void {
  for (const statement of THIRD_STATEMENTS) database.run(statement);
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

/** @returns a function that gives what {@link schemaText} says of a store that these statements make */
function textOf(statements: readonly string[]): () => string {
  let text: string | undefined;
  return () => {
    if (text === undefined) {
      const database = new Database(":memory:");
      for (const statement of statements) database.run(statement);
      text = schemaText(database);
      database.close();
    }
    return text;
  };
}

/** @returns the version of the store in a database; 0 where there is none, also where a crash left an empty one behind before `init` was done */
export function schemaVersion(database: Database): 0 | 1 | 2 | typeof SCHEMA_VERSION {
  const row = database.query<{ user_version: number }, []>("PRAGMA user_version").get();
  const found = row?.user_version ?? 0;
  if (found === 0 || found === 1 || found === 2 || found === SCHEMA_VERSION) return found;
  throw new CaiError("store.schema-unknown", "the store was written by another version of cai", {
    expected: `schema ${SCHEMA_VERSION}, 2 or 1`,
    got: `schema ${found}`,
  });
}
