import {
  DEFAULT_HASH,
  encodeChallenge,
  type HashAlgorithm,
  type OlderVersion,
  PROTOCOL_VERSION,
  type ProtocolVersion,
  parseRequest,
  type RcarRequest,
} from "../../protocol/index.ts";
import { CaiError } from "../../system/index.ts";
import type { Handshake, Nonces } from "./nonce.ts";
import type { OlderSession, OlderSessionIds } from "./older-session.ts";
import { newSessionId } from "./session-cookie.ts";
import type { Store } from "./store/index.ts";
import { isCpuPlatform, spellingsOf, underAnySpelling } from "./tee-class.ts";
import { unsupportedTee } from "./verification.ts";

/** How long a challenge may be answered, and how long its session lives, seconds (security.md §5). */
const CHALLENGE_LIFE = 300;

/** What auth agreed on. */
export interface RcarHandshake extends Handshake {
  /** the version of the protocol; `version` has the extension in it, too */
  readonly protocol: ProtocolVersion;
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

/** What handshakes work with. */
export interface HandshakeParts {
  readonly nonces: Nonces;
  readonly store: Pick<Store, "nonces">;
  readonly tid: string;
  /** every platform and device that this trustee verifies, with the algorithm that its runtime data are hashed with */
  readonly platforms: ReadonlyMap<string, HashAlgorithm>;
  /** the versions of the protocol that are spoken, 0.4.0 among them */
  readonly versions: readonly ProtocolVersion[];
  readonly olderSessions: OlderSessionIds;
}

/**
 * The first half of RCAR. Nothing is stored: what was agreed on is in the nonce's MAC, so half-open sessions cost nothing and any
 * replica can take the second half (security.md §3.1).
 */
export class Handshakes {
  readonly #parts: HandshakeParts;

  constructor(parts: HandshakeParts) {
    this.#parts = parts;
  }

  /**
   * Answers POST auth (trustee.md §1.3, §1.5).
   *
   * @throws CaiError `kbs.message-malformed`, `kbs.version-unsupported`, `kbs.tee-unsupported`, `kbs.evidence-class`
   */
  open(body: Uint8Array, now: number): OpenedHandshake {
    const request = parseRequest(body);
    const version = this.#versionOf(request);
    const hash = this.#hashOf(request);
    const expires = now + CHALLENGE_LIFE;
    if (version !== PROTOCOL_VERSION) {
      const session = { version, tee: request.tee, expires };
      const sessionId = this.#parts.olderSessions.make(session);
      return { sessionId, expires, challenge: encodeChallenge({ nonce: this.#olderNonce(sessionId, session), hash }) };
    }
    const sessionId = newSessionId();
    // The tag stands behind a digest of SHA-384 (security.md §3.3).
    const tagged = request.offersTagged && hash === DEFAULT_HASH;
    const nonce = this.#parts.nonces.make(handshakeOf(sessionId, request.tee, hash, tagged), expires);
    return { sessionId, expires, challenge: encodeChallenge({ nonce, hash, ...(tagged && { tid: this.#parts.tid }) }) };
  }

  /**
   * Takes a nonce back and spends it.
   *
   * @throws CaiError `kbs.nonce-foreign`, `kbs.nonce-expired`, `kbs.nonce-spent`
   */
  async redeem(nonce: string, sessionId: string, now: number): Promise<{ readonly handshake: RcarHandshake; readonly expires: number }> {
    const redeemed = this.#parts.nonces.check(nonce, this.#candidates(sessionId, now), now);
    if (!(await this.#parts.store.nonces.spend(`${nonce}\0${sessionId}`, redeemed.expires))) {
      throw new CaiError("kbs.nonce-spent", "the nonce was used before", { hint: "Start again with auth." });
    }
    return redeemed;
  }

  /** @returns version and nonce of a session whose guest does not send the nonce back; undefined for one of 0.4.0, or none at all */
  olderSession(sessionId: string, now: number): { readonly version: OlderVersion; readonly nonce: string } | undefined {
    const session = this.#readOlder(sessionId, now);
    return session && { version: session.version, nonce: this.#olderNonce(sessionId, session) };
  }

  #readOlder(sessionId: string, now: number): OlderSession | undefined {
    const session = this.#parts.olderSessions.read(sessionId, now - CHALLENGE_LIFE, now + CHALLENGE_LIFE);
    return session !== undefined && this.#parts.versions.includes(session.version) ? session : undefined;
  }

  #olderNonce(sessionId: string, session: OlderSession): string {
    const { nonces, olderSessions } = this.#parts;
    return nonces.make(this.#olderHandshake(sessionId, session), session.expires, olderSessions.nonceSeed(sessionId));
  }

  #olderHandshake(cookie: string, { version, tee }: OlderSession): RcarHandshake {
    const hash = underAnySpelling(this.#parts.platforms, tee) ?? DEFAULT_HASH;
    return { cookie, version, protocol: version, tee, hash, tagged: false };
  }

  #candidates(sessionId: string, now: number): readonly RcarHandshake[] {
    const older = this.#readOlder(sessionId, now);
    if (older !== undefined) return [this.#olderHandshake(sessionId, older)];
    return [...this.#parts.platforms].flatMap(([tee, hash]) =>
      spellingsOf(tee).flatMap((name) => [true, false].map((tagged) => handshakeOf(sessionId, name, hash, tagged))),
    );
  }

  #versionOf({ version }: RcarRequest): ProtocolVersion {
    const { versions } = this.#parts;
    const known = versions.find((name) => name === version);
    if (known !== undefined) return known;
    // The end of the text is what clients of the upstream families look for (trustee.md §1.4).
    const remedy = `speak ${versions.join(" or ")}, or let the trustee's operator allow another version`;
    throw new CaiError("kbs.version-unsupported", `${remedy}: expect =${PROTOCOL_VERSION} while the request is ${version}`, {
      expected: versions.join(", "),
      got: version,
    });
  }

  #hashOf({ tee }: RcarRequest): HashAlgorithm {
    const hash = underAnySpelling(this.#parts.platforms, tee);
    if (hash === undefined) throw unsupportedTee(tee);
    if (isCpuPlatform(tee)) return hash;
    throw new CaiError("kbs.evidence-class", `${tee} is a device: its evidence goes with that of a CPU platform`, { got: tee });
  }
}

function handshakeOf(cookie: string, tee: string, hash: HashAlgorithm, tagged: boolean): RcarHandshake {
  // The extension is part of what was agreed on, as a build of the version; so stripping it afterwards makes the nonce foreign.
  return { cookie, version: tagged ? `${PROTOCOL_VERSION}+cai.1` : PROTOCOL_VERSION, protocol: PROTOCOL_VERSION, tee, hash, tagged };
}
