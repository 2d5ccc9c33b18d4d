import { encodeChallenge, type HashAlgorithm, PROTOCOL_VERSION, parseRequest } from "../../protocol/index.ts";
import { CaiError } from "../../system/index.ts";
import type { Handshake, Nonces } from "./nonce.ts";
import { newSessionId } from "./session-cookie.ts";
import type { Store } from "./store/index.ts";

/** How long a challenge may be answered, and how long its session lives, seconds (security.md §5). */
const CHALLENGE_LIFE = 300;

/** The algorithm that every platform of this version binds runtime data with. */
const HASH: HashAlgorithm = "sha384";

/** What auth agreed on. */
export interface RcarHandshake extends Handshake {
  readonly hash: HashAlgorithm;
  /** whether the guest offered tagged binding and was told this trustee's identity (security.md §3.3) */
  readonly tagged: boolean;
}

export interface OpenedHandshake {
  readonly sessionId: string;
  /** seconds since 1970 */
  readonly expires: number;
  /** the body that answers auth */
  readonly challenge: string;
}

/**
 * The first half of RCAR. Nothing is stored: what was agreed on is in the nonce's MAC, so half-open sessions cost nothing and any
 * replica can take the second half (security.md §3.1).
 */
export class Handshakes {
  readonly #nonces: Nonces;
  readonly #store: Store;
  readonly #tid: string;
  readonly #tees: readonly string[];

  /** @param tees  the platforms that this trustee verifies */
  constructor(nonces: Nonces, store: Store, tid: string, tees: readonly string[]) {
    this.#nonces = nonces;
    this.#store = store;
    this.#tid = tid;
    this.#tees = tees;
  }

  /**
   * Answers POST auth (trustee.md §1.3, §1.5).
   *
   * @throws CaiError `kbs.message-malformed`, `kbs.version-unsupported`, `kbs.tee-unsupported`
   */
  open(body: Uint8Array, now: number): OpenedHandshake {
    const { version, tee, offersTagged } = parseRequest(body);
    if (version !== PROTOCOL_VERSION) {
      // The wording is what clients of the upstream families look for (trustee.md §1.4).
      const message = `expect =${PROTOCOL_VERSION} while the request is ${version}`;
      throw new CaiError("kbs.version-unsupported", message, { expected: PROTOCOL_VERSION, got: version });
    }
    if (!this.#tees.includes(tee)) {
      throw new CaiError("kbs.tee-unsupported", `this trustee cannot verify ${tee}`, { expected: this.#tees.join(", "), got: tee });
    }
    const sessionId = newSessionId();
    const expires = now + CHALLENGE_LIFE;
    const nonce = this.#nonces.make(handshakeOf(sessionId, tee, offersTagged), expires);
    return { sessionId, expires, challenge: encodeChallenge({ nonce, ...(offersTagged && { tid: this.#tid }) }) };
  }

  /**
   * Takes a nonce back and spends it.
   *
   * @throws CaiError `kbs.nonce-foreign`, `kbs.nonce-expired`, `kbs.nonce-spent`
   */
  async redeem(nonce: string, sessionId: string, now: number): Promise<{ readonly handshake: RcarHandshake; readonly expires: number }> {
    const candidates = this.#tees.flatMap((tee) => [true, false].map((tagged) => handshakeOf(sessionId, tee, tagged)));
    const redeemed = this.#nonces.check(nonce, candidates, now);
    if (!(await this.#store.nonces.spend(`${nonce}\0${sessionId}`, redeemed.expires))) {
      throw new CaiError("kbs.nonce-spent", "the nonce was used before", { hint: "Start again with auth." });
    }
    return redeemed;
  }
}

function handshakeOf(cookie: string, tee: string, tagged: boolean): RcarHandshake {
  // The extension is part of what was agreed on, as a build of the version; so stripping it afterwards makes the nonce foreign.
  return { cookie, version: tagged ? `${PROTOCOL_VERSION}+cai.1` : PROTOCOL_VERSION, tee, hash: HASH, tagged };
}
