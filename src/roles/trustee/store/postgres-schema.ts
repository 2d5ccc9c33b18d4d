import type { Statements } from "./driver.ts";
import { tampered } from "./seal.ts";
import { schemaUnknown } from "./sqlite-schema.ts";
import { type ColumnType, SCHEMA_VERSION, TABLES, type Table } from "./tables.ts";

/** The schema (name space) that holds the tables; nothing else may be in it. */
export const NAMESPACE = "cai";

/** Texts are compared by their bytes, as everywhere else, and not by the rules of a language. */
const TYPES: Readonly<Record<ColumnType, string>> = { text: `text COLLATE "C"`, integer: "bigint", bytes: "bytea" };
const SHOWN: Readonly<Record<ColumnType, string>> = { text: "text", integer: "bigint", bytes: "bytea" };

/** Besides the tables that every database has: the version of the schema, and where decisions get their numbers. */
const VERSION_TABLE: Table = {
  columns: [
    { name: "one", type: "integer" },
    { name: "version", type: "integer" },
  ],
  key: "one",
  indexes: {},
};
const ALL: readonly (readonly [name: string, table: Table])[] = [...Object.entries(TABLES), ["schema_version", VERSION_TABLE]];
const NUMBERS = "decision_numbers";

/** The statements that declare a store. */
function declarations(): string[] {
  return [
    ...ALL.flatMap(([name, { columns, key, indexes }]) => [
      `CREATE TABLE ${name} (${columns.map(({ name, type, optional }) => `${name} ${TYPES[type]}${optional ? "" : " NOT NULL"}`).join(", ")}, PRIMARY KEY (${key}))`,
      ...Object.entries(indexes).map(([index, columns]) => `CREATE INDEX ${index} ON ${name} (${columns.join(", ")})`),
    ]),
    `CREATE SEQUENCE ${NUMBERS}`,
    `INSERT INTO schema_version (one, version) VALUES (1, ${SCHEMA_VERSION})`,
  ];
}

/** Declares a store in an empty database, or one that holds other things beside it. */
export async function declarePostgres(statements: Statements): Promise<void> {
  const there = await statements.all("SELECT 1 AS one FROM pg_namespace WHERE nspname = $1", [NAMESPACE]);
  if (there.length === 0) await statements.run(`CREATE SCHEMA ${NAMESPACE}`);
  for (const statement of declarations()) await statements.run(statement);
}

/**
 * @returns the version of the store that is there; 0 where there is none
 * @throws CaiError `store.schema-unknown`
 */
export async function postgresVersion(statements: Pick<Statements, "all">): Promise<number> {
  const [table] = await statements.all<{ found: string | null }>(`SELECT to_regclass('${NAMESPACE}.schema_version')::text AS found`);
  if (table?.found === null) return 0;
  const [row] = await statements.all<{ version: number }>("SELECT version FROM schema_version WHERE one = 1");
  if (row === undefined) throw tampered({ table: "schema_version" });
  if (row.version < 1 || row.version > SCHEMA_VERSION) throw schemaUnknown(row.version);
  return row.version;
}

/** Until it ends, the transaction is the only one that declares or migrates; it may take its time, also between two statements. */
export async function lockSchemaVersion(statements: Statements): Promise<number> {
  await statements.run("SET LOCAL idle_in_transaction_session_timeout = 0");
  await statements.all("SELECT pg_advisory_xact_lock(hashtext('cai/store/schema'))::text AS locked");
  return postgresVersion(statements);
}

/**
 * What makes a statement do something else than it says: triggers (also those of foreign keys), rules and views, row security, children
 * and partitions, tables that do not outlive a crash.
 */
const BENT = `c.relkind NOT IN ('r', 'i', 'S') OR c.relpersistence <> 'p' OR c.relrowsecurity
  OR EXISTS (SELECT FROM pg_catalog.pg_trigger t WHERE t.tgrelid = c.oid)
  OR EXISTS (SELECT FROM pg_catalog.pg_rewrite r WHERE r.ev_class = c.oid)
  OR EXISTS (SELECT FROM pg_catalog.pg_inherits h WHERE c.oid IN (h.inhrelid, h.inhparent) AND c.relkind = 'r')`;
const IN_NAMESPACE = `FROM pg_catalog.pg_class c WHERE c.relnamespace = '${NAMESPACE}'::regnamespace`;

/** Everything that is declared, an entry a table, index or sequence, with its columns in their order. */
const DECLARED = `SELECT c.relname AS name, (${BENT}) AS bent, COALESCE(i.indisunique, false) AS uniq, i.indpred IS NOT NULL AS partial,
    (SELECT o.relname FROM pg_catalog.pg_class o WHERE o.oid = i.indrelid) AS of,
    (SELECT string_agg(a.attname || ' ' || pg_catalog.format_type(a.atttypid, a.atttypmod) ||
        CASE WHEN a.attnotnull THEN '!' ELSE '' END || CASE WHEN a.atthasdef OR a.attidentity <> '' OR a.attgenerated <> '' THEN '=' ELSE '' END,
      ',' ORDER BY a.attnum) FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns
  FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid
  WHERE c.relnamespace = '${NAMESPACE}'::regnamespace AND c.relkind <> 'S' OR c.relnamespace = '${NAMESPACE}'::regnamespace AND (${BENT})`;

interface Declared {
  readonly name: string;
  readonly bent: boolean;
  readonly uniq: boolean;
  readonly partial: boolean;
  readonly of: string | null;
  readonly columns: string;
}

/** @throws CaiError `store.record-tampered` where a declaration is not the store's own. @param whole  all of it, not only what bends statements */
export async function checkPostgresSchema(statements: Statements, whole: boolean): Promise<void> {
  if (!whole) {
    const bent = await statements.all<{ name: string }>(`SELECT c.relname AS name ${IN_NAMESPACE} AND (${BENT}) LIMIT 1`);
    if (bent[0] !== undefined) throw tampered({ table: bent[0].name });
    return;
  }
  const found = new Map((await statements.all<Declared>(DECLARED)).map((each) => [each.name, each] as const));
  const expected = new Map(ALL.flatMap(([name, table]) => expectedOf(name, table)));
  for (const name of new Set([...found.keys(), ...expected.keys()])) {
    const { bent, uniq, partial, of, columns } = found.get(name) ?? { bent: true };
    if (bent || partial || JSON.stringify([of, uniq, columns]) !== JSON.stringify(expected.get(name))) throw tampered({ table: name });
  }
}

type Expected = readonly [of: string | null, unique: boolean, columns: string];

function expectedOf(name: string, { columns, key, indexes }: Table): (readonly [string, Expected])[] {
  const shown = (column: string, notNull: boolean) => {
    const { type, optional } = columns.find(({ name }) => name === column)!;
    return `${column} ${SHOWN[type]}${notNull && !optional ? "!" : ""}`;
  };
  return [
    [name, [null, false, columns.map(({ name }) => shown(name, true)).join(",")]],
    [`${name}_pkey`, [name, true, shown(key, false)]],
    ...Object.entries(indexes).map(
      ([index, of]) => [index, [name, false, of.map((column) => shown(column, false)).join(",")]] as readonly [string, Expected],
    ),
  ];
}

/** @returns the numbers of the next decisions; a number that is taken is never given again, also where its transaction ends with nothing */
export async function nextNumbers(statements: Statements, count: number): Promise<number[]> {
  const sql = `SELECT nextval('${NUMBERS}') AS number FROM generate_series(1, $1::int)`;
  return (await statements.all<{ number: number }>(sql, [count])).map(({ number }) => number);
}

/** Makes the next number follow the highest that there is. */
export async function continueNumbers(statements: Statements): Promise<void> {
  await statements.all(`SELECT setval('${NUMBERS}', GREATEST((SELECT max(number) FROM decisions), 1))::text AS set`);
}
