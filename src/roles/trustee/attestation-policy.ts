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

/** The attestation policy under which RCAR appraises now; hashed again only when it changes. */
export class AttestationPolicyInForce {
  readonly #store: Store;
  #policy: HashedPolicy = { id: POLICY_IN_FORCE, text: "", hash: "" };

  constructor(store: Store) {
    this.#store = store;
  }

  async get(): Promise<HashedPolicy> {
    const text = await this.#store.policies.get(ROOT_REALM, "attestation", POLICY_IN_FORCE);
    // Never deleted by any route; its absence is caught by the store's head, so this is a store made wrong.
    if (text === undefined) throw new CaiError("kbs.policy-missing", "there is no attestation policy in force");
    if (text !== this.#policy.text) this.#policy = { id: POLICY_IN_FORCE, text, hash: policyHash(text) };
    return this.#policy;
  }
}
