import type { ErrorId, JsonObject, JsonValue } from "../../../system/index.ts";
import type { CollateralShelf } from "../../../tee/tdx/index.ts";
import type { StoreRow } from "./backup.ts";
import type { StoreKeys } from "./master-key.ts";
import type { MacedTableName } from "./tables.ts";

/** The realm that every path belongs to that no other realm's prefix covers. */
export const ROOT_REALM = "";

/** Whether a store may ever meet simulated platforms. Chosen at `init`, for ever (security.md I11). */
export type World = "production" | "simulated";

/** One secret at a resource path `repository/type/tag`. */
export interface ResourceEntry {
  readonly path: string;
  readonly value: Uint8Array;
}

/** Secrets, sealed with their position (security.md I25). */
export interface Resources {
  /** @returns the secret, or undefined where there is none */
  get(path: string): Promise<Uint8Array | undefined>;
  /**
   * Stores all entries in one transaction, or none.
   *
   * @throws CaiError `kbs.resource-exists` where a path is taken and `replace` is false
   */
  putAll(entries: readonly ResourceEntry[], replace: boolean): Promise<void>;
  /**
   * Puts one value in the place of another, where that is still there.
   *
   * @returns whether it was
   */
  exchange(path: string, before: Uint8Array, after: Uint8Array): Promise<boolean>;
  /** @returns whether there was one */
  delete(path: string): Promise<boolean>;
  /**
   * Reads no secret, but looks at every row, so that none can be kept from the list.
   *
   * @param prefix  what the paths begin with that are wanted; default: all
   * @returns the paths with the secrets' sizes in bytes, sorted by path
   */
  list(prefix?: string): Promise<ResourceInfo[]>;
}

export interface ResourceInfo {
  readonly path: string;
  /** bytes of the secret */
  readonly size: number;
}

/** The two kinds of policies that a trustee holds: one grades evidence, one releases resources. */
export type PolicyKind = "attestation" | "resource";

/** Rego texts by realm, kind and id (security.md I21). */
export interface Policies {
  get(realm: string, kind: PolicyKind, id: string): Promise<string | undefined>;
  put(realm: string, kind: PolicyKind, id: string, text: string): Promise<void>;
  delete(realm: string, kind: PolicyKind, id: string): Promise<boolean>;
  list(realm: string, kind: PolicyKind): Promise<{ readonly id: string; readonly text: string }[]>;
}

/** One reference value (trustee.md §7.2). */
export interface ReferenceValue {
  readonly name: string;
  /** seconds since 1970; the value is invisible from then on */
  readonly expires: number;
  /** `hashes`: a list that registering again merges into; `value`: anything else, which registering again replaces */
  readonly kind: "hashes" | "value";
  readonly value: JsonValue;
}

export interface References {
  /**
   * Changes a realm's values in one transaction.
   *
   * @param decide  is given every value of the realm, also expired ones, by name, and says which to put instead; what it throws is thrown.
   *                It may be called again, so it must do nothing else
   */
  update(realm: string, decide: (before: ReadonlyMap<string, ReferenceValue>) => readonly ReferenceValue[]): Promise<void>;
  delete(realm: string, name: string): Promise<boolean>;
  /** @returns every value of a realm, also expired ones, by name */
  all(realm: string): Promise<ReadonlyMap<string, ReferenceValue>>;
}

/** Collateral and its high-water marks. */
export interface KeptCollateral extends CollateralShelf {
  /** @returns the latest date that a manufacturer put on anything that was seen, seconds since 1970; 0 where nothing was (security.md I15) */
  newestIssue(): Promise<number>;
}

/** What an attested session keeps (security.md I3). */
export interface Session {
  /** SHA-256 of the attest body that opened it */
  readonly body: Uint8Array;
  readonly token: string;
  /** seconds since 1970 */
  readonly expires: number;
  /** whether the runtime data carried the `cai` member (security.md §3.3) */
  readonly tagged: boolean;
  readonly version: string;
  readonly tee: string;
  readonly hash: string;
}

export interface Sessions {
  /** @param id  the session id as it stands in the cookie; only its hash is stored */
  get(id: string, now: number): Promise<Session | undefined>;
  put(id: string, session: Session): Promise<void>;
}

/** Values that may be used once: spent nonces and the ids of admin tokens. Only their hashes are stored, until they expire anyway. */
export interface SpentOnce {
  /** @returns true for the first caller, false for every other, on whichever replica */
  spend(value: string, expires: number): Promise<boolean>;
}

/** What is written down of one decision: digests, names and outcomes, never a secret, token or expected value (security.md I27). */
export interface Decision {
  /** seconds since 1970 */
  readonly time: number;
  readonly kind: "attest" | "release" | "appraise" | "admin";
  readonly outcome: "allowed" | "denied";
  /** the realm whose administrators may read the record; default: the root */
  readonly realm?: string;
  readonly tee?: string;
  /** the resource path, or the route of an admin call */
  readonly subject?: string;
  readonly error?: ErrorId;
  readonly policyHash?: string;
  readonly level?: string;
  /** lower-case hex SHA-256 of what was judged: the evidence, the token, or the body */
  readonly digest?: string;
  readonly client?: string;
  /** what else explains it to an administrator of the realm: JSON of at most 64 KiB */
  readonly detail?: JsonObject;
}

/** Names one record: its running number for administrators, its public id for everybody else (security.md I27). */
export interface DecisionRef {
  readonly number: number;
  readonly id: string;
}

export type DecisionRecord = Decision & DecisionRef;

/** Which records are wanted, newest first. */
export interface DecisionQuery {
  /** only records below this number */
  readonly before?: number;
  readonly limit: number;
  readonly realm?: string;
  readonly kind?: Decision["kind"];
  readonly outcome?: Decision["outcome"];
  /** only records of this time or later, seconds since 1970 */
  readonly since?: number;
  /** only records from before this time */
  readonly until?: number;
}

export interface Decisions {
  append(decision: Decision): Promise<DecisionRef>;
  get(ref: { readonly number: number } | { readonly id: string }): Promise<DecisionRecord | undefined>;
  /** Records without `detail`. */
  list(query: DecisionQuery): Promise<DecisionRecord[]>;
}

/** How often policies asked for a name, and when last: informative, so neither authenticated nor durable to the last moment. */
export interface Usage {
  add(counts: ReadonlyMap<string, number>, time: number): Promise<void>;
  all(): Promise<ReadonlyMap<string, { readonly count: number; readonly last: number }>>;
}

/** The private keys of the trustee itself, sealed: PKCS#8 DER by name. */
export interface OwnKeys {
  /** @returns the key, which the caller overwrites after use; undefined where there is none */
  get(name: string): Promise<Uint8Array | undefined>;
  put(name: string, key: Uint8Array): Promise<void>;
  delete(name: string): Promise<boolean>;
  names(): Promise<string[]>;
}

/** Rows to write to a table of texts, and rows to remove. */
export interface RowChange {
  readonly put?: Iterable<readonly [key: string, content: string]>;
  readonly remove?: Iterable<string>;
}

export type RowsOf<Table extends MacedTableName> = { readonly [name in Table]: ReadonlyMap<string, string> };
export type Changes<Table extends MacedTableName> = { readonly [name in Table]?: RowChange };

/**
 * What a database does for a trustee: authenticated tables of texts, sealed tables, short-lived rows and records. All methods are
 * asynchronous, so that a database server can stand behind them.
 *
 * Every method may throw CaiError `store.record-tampered`: a row is not as this program wrote it; and `store.unavailable`: the database does
 * not answer now, and may again.
 */
export interface StoreCore {
  /** random, chosen at `init` */
  readonly id: string;
  readonly world: World;
  /** grows whenever nonces given out before must no longer be taken (security.md §3.1); all who serve one store have the same */
  readonly epoch: number;
  /** the key of the nonces' MAC, and of public decision ids */
  readonly nonceKey: Uint8Array;
  readonly decisionIdKey: Uint8Array;
  /** @returns every row's content by its key, in the order of the keys; the same map object until something changes */
  rows(table: MacedTableName): Promise<ReadonlyMap<string, string>>;
  /**
   * Changes authenticated tables in one durable transaction.
   *
   * @param tables  those that `decide` is given and may change
   * @param decide  is given their rows as they are in that transaction; what it throws is thrown. It may be called again, so it must do nothing else
   * @returns how many rows were removed
   */
  change<Table extends MacedTableName>(tables: readonly Table[], decide: (rows: RowsOf<Table>) => Changes<Table>): Promise<number>;
  readonly resources: Resources;
  readonly ownKeys: OwnKeys;
  readonly sessions: Sessions;
  readonly nonces: SpentOnce;
  readonly tokenIds: SpentOnce;
  readonly decisions: Decisions;
  readonly usage: Usage;
  /** @returns a number that changes whenever a row of an authenticated table may have changed */
  revision(): Promise<number>;
  /** Asks the database, and returns where it answers and holds this store: for readiness. */
  ping(): Promise<void>;
  /** the highest time at which a decision was recorded, or 0 (security.md I15) */
  lastTime(): Promise<number>;
  /**
   * Forgets what has expired; some of it at a time, so it is to be called again and again.
   *
   * @param now         sessions that have expired by then are forgotten
   * @param spentUntil  what was spent is forgotten where it had expired by then
   */
  prune(now: number, spentUntil: number): Promise<void>;
  /**
   * Reads the store whole, in one state of it, for a backup; others work on meanwhile. Everything is as it lies in the tables: sealed, and
   * under the store's own master key. Sessions are left out.
   */
  snapshot(): AsyncIterable<StoreRow>;
  /**
   * Puts the store under other keys, in one transaction. It is closed afterwards, and opened with the new ones: who has it open with the
   * old ones, also this object, is answered `store.record-tampered` from then on.
   */
  rekey(keys: StoreKeys): Promise<void>;
  close(): Promise<void>;
}

/** Everything that a trustee remembers: the core, and what the rows of its tables mean. */
export interface Store extends StoreCore {
  readonly policies: Policies;
  readonly references: References;
  /** what the manufacturer says about platforms, and how new it was at the newest (security.md I14) */
  readonly collateral: KeptCollateral;
}
