import { Database } from "bun:sqlite";
import { CaiError } from "../../../system/index.ts";
import { MACED_TABLES, SCHEMA_VERSION } from "./tables.ts";

const FIRST_MACED_TABLES = MACED_TABLES.slice(0, 5);
const SECOND_MACED_TABLES = MACED_TABLES.slice(5, 7);
const THIRD_MACED_TABLES = MACED_TABLES.slice(7);

const macedTable = (name: string): string =>
  `CREATE TABLE ${name} (key TEXT PRIMARY KEY, version INTEGER NOT NULL, content TEXT NOT NULL, mac BLOB NOT NULL) STRICT, WITHOUT ROWID`;

/** What makes version 1 of nothing, 2 of 1, and so on. A store of the present version is one that all of them were done to, in this order. */
const STEPS: readonly (readonly string[])[] = [
  [
    `CREATE TABLE store (key TEXT PRIMARY KEY, world TEXT NOT NULL, created INTEGER NOT NULL, version INTEGER NOT NULL, mac BLOB NOT NULL) STRICT`,
    `CREATE TABLE head (one INTEGER PRIMARY KEY CHECK (one = 1), content TEXT NOT NULL, mac BLOB NOT NULL) STRICT`,
    ...FIRST_MACED_TABLES.map(macedTable),
    `CREATE TABLE resources (key TEXT PRIMARY KEY, version INTEGER NOT NULL, sealed BLOB NOT NULL) STRICT`,
    `CREATE TABLE own_keys (key TEXT PRIMARY KEY, version INTEGER NOT NULL, sealed BLOB NOT NULL) STRICT`,
    `CREATE TABLE sessions (id BLOB PRIMARY KEY, body BLOB NOT NULL, token TEXT NOT NULL, expires INTEGER NOT NULL, tagged INTEGER NOT NULL,
     version TEXT NOT NULL, tee TEXT NOT NULL, hash TEXT NOT NULL) STRICT`,
    `CREATE INDEX sessions_by_expiry ON sessions (expires)`,
    `CREATE TABLE nonces (hash BLOB PRIMARY KEY, expires INTEGER NOT NULL) STRICT, WITHOUT ROWID`,
    `CREATE INDEX nonces_by_expiry ON nonces (expires)`,
    `CREATE TABLE token_ids (hash BLOB PRIMARY KEY, expires INTEGER NOT NULL) STRICT, WITHOUT ROWID`,
    `CREATE INDEX token_ids_by_expiry ON token_ids (expires)`,
    `CREATE TABLE decisions (number INTEGER PRIMARY KEY AUTOINCREMENT, time INTEGER NOT NULL, kind TEXT NOT NULL, outcome TEXT NOT NULL, tee TEXT,
     subject TEXT, error TEXT, policy_hash TEXT, level TEXT, digest TEXT, client TEXT) STRICT`,
  ],
  SECOND_MACED_TABLES.map(macedTable),
  [
    ...THIRD_MACED_TABLES.map(macedTable),
    "ALTER TABLE decisions ADD COLUMN id TEXT",
    "ALTER TABLE decisions ADD COLUMN realm TEXT",
    "ALTER TABLE decisions ADD COLUMN detail TEXT",
    "CREATE INDEX decisions_by_id ON decisions (id)",
    "CREATE TABLE usage (key TEXT PRIMARY KEY, count INTEGER NOT NULL, last INTEGER NOT NULL) STRICT, WITHOUT ROWID",
  ],
  [
    "ALTER TABLE resources ADD COLUMN bucket INTEGER NOT NULL DEFAULT 0",
    "CREATE INDEX resources_by_bucket ON resources (bucket, key, version)",
    "CREATE TABLE resource_nodes (node INTEGER PRIMARY KEY, digests BLOB NOT NULL) STRICT",
    "CREATE INDEX decisions_by_realm ON decisions (realm, number)",
    "CREATE INDEX decisions_by_kind ON decisions (kind, number)",
    "CREATE INDEX decisions_by_outcome ON decisions (outcome, number)",
  ],
];

/** What the store of an older version consists of. */
interface OldSchema {
  readonly maced: readonly string[];
  /** every table that the head of that version covers */
  readonly covered: readonly string[];
  /** what {@link schemaText} says of such a store */
  text(): string;
}

/**
 * @param version  1 to 3
 * @returns what a store of that version consists of
 */
export function oldSchema(version: number): OldSchema {
  const maced = [...FIRST_MACED_TABLES, ...(version >= 2 ? SECOND_MACED_TABLES : []), ...(version >= 3 ? THIRD_MACED_TABLES : [])];
  return { maced, covered: ["store", ...maced, "resources", "own_keys"], text: textOf(version) };
}

/** What {@link schemaText} says of a store of the present version. */
export const TEXT = textOf(SCHEMA_VERSION);

/**
 * Declares what a store of version `to` has and one of version `from` lacks; to be called inside a transaction.
 *
 * @param from  0 where there is nothing
 */
export function declareSchema(database: Database, from: number, to: number = SCHEMA_VERSION): void {
  for (const statement of STEPS.slice(from, to).flat()) database.run(statement);
  database.run(`PRAGMA user_version = ${to}`);
}

/**
 * @returns the text of everything that is declared in a database, but for the tables that SQLite keeps for itself. A trigger, a view or an
 *   index decides what a write writes and what a read reads, so a store has exactly those that {@link declareSchema} makes
 */
export function schemaText(database: Database): string {
  const declared = database.query<{ type: string; name: string; tbl_name: string; sql: string | null }, []>(
    "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE type <> 'table' OR name NOT GLOB 'sqlite_*' ORDER BY type, name",
  );
  return JSON.stringify(declared.all());
}

/** @returns a function that gives what {@link schemaText} says of a store of that version */
function textOf(version: number): () => string {
  let text: string | undefined;
  return () => {
    if (text === undefined) {
      const database = new Database(":memory:");
      declareSchema(database, 0, version);
      text = schemaText(database);
      database.close();
    }
    return text;
  };
}

/**
 * @returns the version of the store in a database; 0 where there is none, also where a crash left an empty one behind before `init` was done
 * @throws CaiError `store.schema-unknown`
 */
export function schemaVersion(database: Database): number {
  const version = database.query<{ user_version: number }, []>("PRAGMA user_version").get()?.user_version ?? 0;
  if (version >= 0 && version <= SCHEMA_VERSION) return version;
  throw schemaUnknown(version);
}

/** The error of a store that a newer version of the program wrote. */
export function schemaUnknown(version: number): CaiError {
  return new CaiError("store.schema-unknown", "the store was written by another version of cai", {
    expected: `schema ${SCHEMA_VERSION} or an older one`,
    got: `schema ${version}`,
  });
}
