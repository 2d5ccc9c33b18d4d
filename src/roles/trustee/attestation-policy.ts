import { policyHash } from "../../policy/index.ts";
import { CaiError } from "../../system/index.ts";
import { POLICY_IN_FORCE } from "./policy-ids.ts";
import { ROOT_REALM, type Store } from "./store/index.ts";

/** A policy's text with its hash (lower-case hex SHA-384). */
export interface HashedPolicy {
  readonly id: string;
  readonly text: string;
  readonly hash: string;
}

/** The attestation policies under which evidence is graded now; each is hashed again only when it changes. */
export class AttestationPolicyInForce {
  readonly #store: Store;
  readonly #policies = new Map<string, HashedPolicy>();

  constructor(store: Store) {
    this.#store = store;
  }

  /** @param realm  by default that under whose policy RCAR appraises */
  async get(realm: string = ROOT_REALM): Promise<HashedPolicy> {
    const policy = await this.named(realm, POLICY_IN_FORCE);
    // Never deleted by any route; its absence is caught by the store's head, so this is a store made wrong.
    if (policy === undefined) throw new CaiError("kbs.policy-missing", "there is no attestation policy in force");
    return policy;
  }

  /** @returns undefined where the realm has no attestation policy of that id */
  async named(realm: string, id: string): Promise<HashedPolicy | undefined> {
    const text = await this.#store.policies.get(realm, "attestation", id);
    const place = `${realm}\0${id}`;
    const known = this.#policies.get(place);
    if (text === undefined) this.#policies.delete(place);
    if (text === undefined || known?.text === text) return text === undefined ? undefined : known;
    const policy = { id, text, hash: policyHash(text) };
    this.#policies.set(place, policy);
    return policy;
  }
}
