import { createCipheriv, createDecipheriv, createHmac, randomBytes } from "node:crypto";
import { OLDER_VERSIONS, type OlderVersion } from "../../protocol/index.ts";

const RANDOM_BYTES = 11;
const EXPIRY_AT = RANDOM_BYTES;
const CODE_AT = EXPIRY_AT + 4;
const ID_BYTES = 16;
/** Platforms that fit the code. */
const MAX_TEES = Math.floor(256 / OLDER_VERSIONS.length);

/** What the id of a session of an older version says. */
export interface OlderSession {
  readonly version: OlderVersion;
  readonly tee: string;
  /** seconds since 1970 */
  readonly expires: number;
}

/**
 * Session ids of versions before 0.4.0. Their guests send back the session's cookie but not its nonce, so what auth agreed on has to be known
 * from the id. It is kept nowhere: the id is its encryption under a key of the store, which nobody else can tell from random, and any replica
 * reads it (security.md §3.1). 88 of its bits are random.
 *
 * An id that was made up decrypts to something, too; the nonce of such a session was never told to anybody.
 */
export class OlderSessionIds {
  readonly #key: Uint8Array;
  readonly #seedKey: Uint8Array;
  readonly #tees: readonly string[];

  /**
   * @param key    the store's nonce key
   * @param epoch  the store's epoch; ids of another one decrypt to noise
   * @param tees   the platforms that sessions may be of; the same on all replicas
   */
  constructor(key: Uint8Array, epoch: number, tees: readonly string[]) {
    if (tees.length > MAX_TEES) throw new RangeError(`at most ${MAX_TEES} platforms fit a session id`);
    this.#key = createHmac("sha256", key).update(`cai/session-id/v1\0${epoch}`).digest();
    this.#seedKey = createHmac("sha256", key).update(`cai/session-nonce/v1\0${epoch}`).digest();
    this.#tees = [...tees].sort();
  }

  /** @returns a new id, 32 lower-case hex digits */
  make({ version, tee, expires }: OlderSession): string {
    const block = randomBytes(ID_BYTES);
    block.writeUInt32BE(expires, EXPIRY_AT);
    block[CODE_AT] = this.#tees.indexOf(tee) * OLDER_VERSIONS.length + OLDER_VERSIONS.indexOf(version);
    const cipher = createCipheriv("aes-256-ecb", this.#key, null).setAutoPadding(false);
    return Buffer.concat([cipher.update(block), cipher.final()]).toString("hex");
  }

  /**
   * @param from   seconds since 1970; sessions that ended before are not looked for
   * @param until  seconds since 1970; no session lives longer than that
   * @returns what an id says, or undefined where it says nothing that could be, as one of another version does but for once in a billion
   */
  read(id: string, from: number, until: number): OlderSession | undefined {
    const decipher = createDecipheriv("aes-256-ecb", this.#key, null).setAutoPadding(false);
    const block = Buffer.concat([decipher.update(id, "hex"), decipher.final()]);
    const code = block[CODE_AT] ?? 0;
    const tee = this.#tees[Math.floor(code / OLDER_VERSIONS.length)];
    const version = OLDER_VERSIONS[code % OLDER_VERSIONS.length];
    const expires = block.readUInt32BE(EXPIRY_AT);
    if (tee === undefined || version === undefined || expires < from || expires > until) return undefined;
    return { version, tee, expires };
  }

  /** @returns the random part of the session's nonce, 12 bytes: the same each time, and known to the store alone until auth tells it */
  nonceSeed(id: string): Uint8Array {
    return createHmac("sha256", this.#seedKey).update(id).digest().subarray(0, 12);
  }
}
