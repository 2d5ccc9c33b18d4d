import type { ErrorId, JsonValue } from "../../../system/index.ts";
import type { CollateralShelf } from "../../../tee/tdx/index.ts";

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
  /** @returns whether there was one */
  delete(path: string): Promise<boolean>;
  /** @returns every path, sorted */
  list(): Promise<string[]>;
}

/** The two kinds of policies that a trustee holds: one grades evidence, one releases resources. */
export type PolicyKind = "attestation" | "resource";

/** Rego texts by kind and id. */
export interface Policies {
  get(kind: PolicyKind, id: string): Promise<string | undefined>;
  put(kind: PolicyKind, id: string, text: string): Promise<void>;
  delete(kind: PolicyKind, id: string): Promise<boolean>;
  list(kind: PolicyKind): Promise<{ readonly id: string; readonly text: string }[]>;
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
  /** Replaces the values of these names, all in one transaction. */
  putAll(values: readonly ReferenceValue[]): Promise<void>;
  delete(name: string): Promise<boolean>;
  /** @returns every value, also expired ones, by name */
  all(): Promise<ReadonlyMap<string, ReferenceValue>>;
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
  readonly kind: "attest" | "release" | "admin";
  readonly outcome: "allowed" | "denied";
  readonly tee?: string;
  /** the resource path, or the route of an admin call */
  readonly subject?: string;
  readonly error?: ErrorId;
  readonly policyHash?: string;
  readonly level?: string;
  /** lower-case hex SHA-256 of what was judged: the evidence, the token, or the body */
  readonly digest?: string;
  readonly client?: string;
}

export interface Decisions {
  /** @returns the decision's number: 1, 2, … */
  append(decision: Decision): Promise<number>;
}

/** Public keys that may write, by name; the value is the SPKI PEM. */
interface Administrators {
  list(): Promise<{ readonly name: string; readonly publicKey: string }[]>;
}

/** The private keys of the trustee itself, sealed, and the certificates that belong to them. */
interface OwnKeys {
  /** @returns PKCS#8 DER */
  privateKey(name: OwnKeyName): Promise<Uint8Array>;
  /** @returns DER */
  certificate(name: OwnCertificateName): Promise<Uint8Array>;
}

export type OwnKeyName = "identity" | "token-signer" | "token-ca";
export type OwnCertificateName = "token-signer" | "token-ca";

/**
 * Everything that a trustee remembers. All methods are asynchronous, so that a database server can stand behind them.
 *
 * Every method may throw CaiError `store.record-tampered`: a row is not as this program wrote it.
 */
export interface Store {
  /** random, chosen at `init` */
  readonly id: string;
  readonly world: World;
  /** grows whenever nonces given out before must no longer be taken (security.md §3.1) */
  readonly epoch: number;
  /** the key of the nonces' MAC, and of public decision ids */
  readonly nonceKey: Uint8Array;
  readonly decisionIdKey: Uint8Array;
  readonly resources: Resources;
  readonly policies: Policies;
  readonly references: References;
  /** what the manufacturer says about platforms, and how new it was at the newest (security.md I14) */
  readonly collateral: KeptCollateral;
  readonly sessions: Sessions;
  readonly nonces: SpentOnce;
  readonly tokenIds: SpentOnce;
  readonly decisions: Decisions;
  readonly administrators: Administrators;
  readonly ownKeys: OwnKeys;
  /** @returns a number that changes whenever a policy or reference value may have changed */
  revision(): Promise<number>;
  /** the highest time at which a decision was recorded, or 0 (security.md I15) */
  lastTime(): Promise<number>;
  /**
   * Forgets what has expired; some of it at a time, so it is to be called again and again.
   *
   * @param now         sessions that have expired by then are forgotten
   * @param spentUntil  what was spent is forgotten where it had expired by then
   */
  prune(now: number, spentUntil: number): Promise<void>;
  close(): Promise<void>;
}
