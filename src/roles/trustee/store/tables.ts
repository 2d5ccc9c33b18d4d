/** What a column holds: a text, a whole number of at most 53 bits, or bytes. */
export type ColumnType = "text" | "integer" | "bytes";

export interface Column {
  readonly name: string;
  readonly type: ColumnType;
  /** whether there may be nothing in it */
  readonly optional?: true;
}

/** A table as every database has it. */
export interface Table {
  readonly columns: readonly Column[];
  /** the column that names a row */
  readonly key: string;
  readonly indexes: Readonly<Record<string, readonly string[]>>;
}

/** Tables whose rows carry a MAC each: `key`, `version`, `content`, `mac`. They are small, and read whole. */
export const MACED_TABLES = [
  "policies",
  "reference_values",
  "administrators",
  "certificates",
  "marks",
  "collateral",
  "collateral_marks",
  "realms",
  "roles",
  "denials",
  "signers",
] as const;
export type MacedTableName = (typeof MACED_TABLES)[number];

/** Tables that the head describes row by row: few rows, all of them known while a store is open. */
export const SMALL_TABLES = ["store", ...MACED_TABLES, "own_keys"] as const;
export type SmallTableName = (typeof SMALL_TABLES)[number];

const text = (name: string): Column => ({ name, type: "text" });
const integer = (name: string): Column => ({ name, type: "integer" });
const bytes = (name: string): Column => ({ name, type: "bytes" });
const optional = (name: string): Column => ({ name, type: "text", optional: true });

function table(columns: readonly Column[], indexes: Table["indexes"] = {}): Table {
  return { columns, key: columns[0]!.name, indexes };
}

const MACED = table([text("key"), integer("version"), text("content"), bytes("mac")]);

/** Every table of a store, in the present schema. */
export const TABLES = {
  store: table([text("key"), text("world"), integer("created"), integer("version"), bytes("mac")]),
  head: table([integer("one"), text("content"), bytes("mac")]),
  policies: MACED,
  reference_values: MACED,
  administrators: MACED,
  certificates: MACED,
  marks: MACED,
  collateral: MACED,
  collateral_marks: MACED,
  realms: MACED,
  roles: MACED,
  denials: MACED,
  signers: MACED,
  own_keys: table([text("key"), integer("version"), bytes("sealed")]),
  resources: table([text("key"), integer("version"), bytes("sealed"), integer("bucket")], {
    resources_by_bucket: ["bucket", "key", "version"],
  }),
  resource_nodes: table([integer("node"), bytes("digests")]),
  sessions: table(
    [bytes("id"), bytes("body"), text("token"), integer("expires"), integer("tagged"), text("version"), text("tee"), text("hash")],
    { sessions_by_expiry: ["expires"] },
  ),
  nonces: table([bytes("hash"), integer("expires")], { nonces_by_expiry: ["expires"] }),
  token_ids: table([bytes("hash"), integer("expires")], { token_ids_by_expiry: ["expires"] }),
  decisions: table(
    [
      integer("number"),
      integer("time"),
      text("kind"),
      text("outcome"),
      ...["tee", "subject", "error", "policy_hash", "level", "digest", "client", "id", "realm", "detail"].map(optional),
    ],
    {
      decisions_by_id: ["id"],
      decisions_by_realm: ["realm", "number"],
      decisions_by_kind: ["kind", "number"],
      decisions_by_outcome: ["outcome", "number"],
    },
  ),
  usage: table([text("key"), integer("count"), integer("last")]),
} as const satisfies Record<string, Table>;

export type TableName = keyof typeof TABLES;

/** The version of these tables. A store of a newer one is refused, never guessed at; one of an older one is brought to this. */
export const SCHEMA_VERSION = 4;
