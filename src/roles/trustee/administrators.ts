import type { KeyObject } from "node:crypto";
import { type AdminIssuer, type AdminRequest, checkAdminToken } from "../../protocol/index.ts";
import { createLogger, type Logger } from "../../system/index.ts";
import { type AdministratorContent, readAdministrator, readPublicKey } from "./administrator.ts";
import { checkClock } from "./clock.ts";
import { keysNamed, parseKeySet } from "./key-set.ts";
import { ProviderKeys } from "./provider-keys.ts";
import { type Role, Roles } from "./role.ts";
import type { Store } from "./store/index.ts";

/** Who makes an administrator's request. */
export interface Administrator {
  /** the name of the key or identity provider that signed the token */
  readonly name: string;
  readonly role: Role;
}

/** Checks that a request comes from an administrator of this trustee (security.md I23, I24). */
export class AdministratorCheck {
  readonly #store: Store;
  readonly #tid: string;
  readonly #roles: Roles;
  readonly #logger: Logger;
  #rows: ReadonlyMap<string, string> = new Map();
  readonly #issuers = new Map<string, { readonly content: string; readonly issuer: Issuer }>();

  constructor(store: Store, tid: string, logger: Logger = createLogger("silent")) {
    this.#store = store;
    this.#tid = tid;
    this.#roles = new Roles(store);
    this.#logger = logger;
  }

  /**
   * @param token              the bearer token, where there is one; cookies never count
   * @param privateConnection  TLS or loopback
   * @throws CaiError `admin.…`; `trustee.clock-behind`, for then the ids of used tokens may be forgotten already
   */
  async require(token: string | undefined, request: AdminRequest, privateConnection: boolean, now: number): Promise<Administrator> {
    await checkClock(this.#store, now);
    const { issuer, role } = await checkAdminToken(token, {
      issuers: (await this.#known()).map((each) => each.at(now)),
      tid: this.#tid,
      request,
      privateConnection,
      now,
      spend: (jti, until) => this.#store.tokenIds.spend(jti, Math.ceil(until)),
    });
    return { name: issuer, role: await this.#roles.get(role) };
  }

  /** Keys first: they cost nothing to try, while the keys of a provider may have to be fetched. */
  async #known(): Promise<Issuer[]> {
    const rows = await this.#store.rows("administrators");
    if (rows !== this.#rows) {
      for (const [name, content] of rows) {
        if (this.#issuers.get(name)?.content !== content) this.#issuers.set(name, { content, issuer: this.#read(name, content) });
      }
      for (const name of this.#issuers.keys()) if (!rows.has(name)) this.#issuers.delete(name);
      this.#rows = rows;
    }
    const issuers = [...this.#issuers.values()].map(({ issuer }) => issuer);
    return [...issuers.filter(({ kind }) => kind === "key"), ...issuers.filter(({ kind }) => kind === "provider")];
  }

  #read(name: string, content: string): Issuer {
    const row = readAdministrator(content);
    return new Issuer(name, row, keysOf(row, this.#logger));
  }
}

type Keys = (kid: string | undefined, now: number) => readonly KeyObject[] | Promise<readonly KeyObject[]>;

/** A row of the store, its keys imported once. */
class Issuer {
  readonly kind: AdminIssuer["kind"];
  readonly #known: Omit<AdminIssuer, "keys">;
  readonly #keys: Keys;

  constructor(name: string, row: AdministratorContent, keys: Keys) {
    this.kind = row.kind === "key" ? "key" : "provider";
    const { issuer, audience } = row.kind === "key" ? {} : row;
    this.#known = {
      name,
      kind: this.kind,
      ...(row.roles !== undefined && { roles: row.roles }),
      ...(issuer !== undefined && { issuer }),
      ...(audience !== undefined && { audience }),
    };
    this.#keys = keys;
  }

  at(now: number): AdminIssuer {
    return { ...this.#known, keys: (kid) => this.#keys(kid, now) };
  }
}

function keysOf(row: AdministratorContent, logger: Logger): Keys {
  if (row.public_key !== undefined) {
    const key = readPublicKey(row.public_key);
    return () => (key === undefined ? [] : [key]);
  }
  // What is left is a provider; a key always has its PEM.
  if (row.kind === "key") return () => [];
  if (row.jwk_set !== undefined) {
    const keys = parseKeySet(row.jwk_set) ?? [];
    return (kid) => keysNamed(keys, kid);
  }
  const provider = new ProviderKeys(row.jwk_set_uri ?? "", row.ca, logger);
  return (kid, now) => provider.keys(kid, now);
}
