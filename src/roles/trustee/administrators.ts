import { createPublicKey, type KeyObject } from "node:crypto";
import { type AdminGrant, type AdminRequest, checkAdminToken } from "../../protocol/index.ts";
import { CaiError } from "../../system/index.ts";
import { checkClock } from "./clock.ts";
import type { Store } from "./store/index.ts";

/** The only role of this version: it may everything that a route with the right `admin` does. */
const ROLE = "admin";

/** Checks that a request comes from an administrator of this trustee (security.md I23, I24). */
export class AdministratorCheck {
  readonly #store: Store;
  readonly #tid: string;
  readonly #imported = new Map<string, KeyObject>();

  constructor(store: Store, tid: string) {
    this.#store = store;
    this.#tid = tid;
  }

  /**
   * @param token              the bearer token, where there is one; cookies never count
   * @param privateConnection  TLS or loopback
   * @throws CaiError `admin.…`; `trustee.clock-behind`, for then the ids of used tokens may be forgotten already
   */
  async require(token: string | undefined, request: AdminRequest, privateConnection: boolean, now: number): Promise<AdminGrant> {
    await checkClock(this.#store, now);
    const grant = await checkAdminToken(token, {
      keys: await this.#keys(),
      tid: this.#tid,
      request,
      privateConnection,
      now,
      spend: (jti, until) => this.#store.tokenIds.spend(jti, Math.ceil(until)),
    });
    if (grant.role !== ROLE) {
      throw new CaiError("admin.forbidden", "the token's role has no right to this", { expected: ROLE, got: grant.role });
    }
    return grant;
  }

  async #keys(): Promise<KeyObject[]> {
    const administrators = await this.#store.rows("administrators");
    return [...administrators.values()].map((publicKey) => {
      const imported = this.#imported.get(publicKey) ?? createPublicKey(publicKey);
      this.#imported.set(publicKey, imported);
      return imported;
    });
  }
}
