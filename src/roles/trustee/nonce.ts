import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { decodeBase64, encodeBase64 } from "../../crypto/index.ts";
import { CaiError } from "../../system/index.ts";

const RANDOM_SIZE = 12;
const EXPIRY_AT = RANDOM_SIZE;
const MAC_AT = EXPIRY_AT + 4;
const MAC_SIZE = 16;
const NONCE_SIZE = MAC_AT + MAC_SIZE;
const NONCE_CHARACTERS = 44;

/** What a nonce is bound to besides its random part and its expiry (security.md §3.1): nothing of it can be stepped down afterwards. */
export interface Handshake {
  /** the session id, 32 lower-case hex digits */
  readonly cookie: string;
  readonly version: string;
  readonly tee: string;
  /** the selected algorithm's name */
  readonly hash: string;
}

/**
 * Makes and checks nonces that need no memory: everything is in their MAC (security.md §3.1). That a nonce is used once is the store's
 * business.
 */
export class Nonces {
  readonly #key: Uint8Array;
  readonly #tid: string;
  readonly #epoch: number;

  /**
   * @param key    the store's nonce key
   * @param tid    the trustee's identity
   * @param epoch  the store's epoch; nonces of another one are foreign
   */
  constructor(key: Uint8Array, tid: string, epoch: number) {
    this.#key = key;
    this.#tid = tid;
    this.#epoch = epoch;
  }

  /**
   * @param expires  seconds since 1970
   * @returns 44 characters of base64
   */
  make(handshake: Handshake, expires: number, random: Uint8Array = randomBytes(RANDOM_SIZE)): string {
    const nonce = Buffer.alloc(NONCE_SIZE);
    nonce.set(random.subarray(0, RANDOM_SIZE));
    nonce.writeUInt32BE(expires, EXPIRY_AT);
    nonce.set(this.#mac(nonce, handshake), MAC_AT);
    return encodeBase64(nonce);
  }

  /**
   * Checks a nonce that came back.
   *
   * @param candidates  every handshake that the nonce may be of; the MAC tells which it was
   * @returns that handshake, and the nonce's expiry in seconds since 1970
   * @throws CaiError `kbs.nonce-foreign`: not made by this trustee for any of the candidates; `kbs.nonce-expired`
   */
  check<T extends Handshake>(nonce: string, candidates: readonly T[], now: number): { readonly handshake: T; readonly expires: number } {
    const bytes = parse(nonce);
    const mac = bytes.subarray(MAC_AT);
    const handshake = candidates.find((candidate) => timingSafeEqual(mac, this.#mac(bytes, candidate)));
    if (handshake === undefined) throw foreign("the nonce was not made for this session");
    const expires = bytes.readUInt32BE(EXPIRY_AT);
    if (expires <= now) {
      throw new CaiError("kbs.nonce-expired", "the nonce has expired", { expected: `before ${expires}`, got: String(now) });
    }
    return { handshake, expires };
  }

  #mac(nonce: Buffer, { cookie, version, tee, hash }: Handshake): Uint8Array {
    const epoch = Buffer.alloc(4);
    epoch.writeUInt32BE(this.#epoch);
    return createHmac("sha256", this.#key)
      .update("cai/nonce/v1\0")
      .update(nonce.subarray(0, MAC_AT))
      .update(`${this.#tid}\0${cookie}\0${version}\0${tee}\0${hash}\0`)
      .update(epoch)
      .digest()
      .subarray(0, MAC_SIZE);
  }
}

function parse(nonce: string): Buffer {
  if (nonce.length === NONCE_CHARACTERS) {
    try {
      const bytes = decodeBase64(nonce);
      if (bytes.length === NONCE_SIZE) return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    } catch {
      // Said below: a text that is no base64 is no nonce of ours.
    }
  }
  throw foreign("the nonce is not of this trustee's form");
}

function foreign(message: string): CaiError {
  return new CaiError("kbs.nonce-foreign", message);
}
