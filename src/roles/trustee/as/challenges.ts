import { generateKeyPair, type KeyObject, randomBytes } from "node:crypto";
import { promisify } from "node:util";
import { jwtVerify, SignJWT } from "jose";
import { z } from "zod";
import { encodeBase64, jwkThumbprint, publicJwkOf } from "../../../crypto/index.ts";
import { CaiError } from "../../../system/index.ts";
import { ownPrivateKey } from "../own-key.ts";
import type { Store } from "../store/index.ts";
import { CHALLENGE_ROW } from "../token-signers.ts";

/** How long a challenge is good for, seconds (trustee.md §4.4; security.md §5). */
const CHALLENGE_LIFE = 300;
const CLOCK_LEEWAY = 60;
const MAX_CHALLENGE = 2048;
const ALG = "RS384";
const WEB_ALGORITHM = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-384" } as const;

const newKeyPair = promisify(generateKeyPair);

/** Exactly what a challenge says: no other token of this trustee has these members and no others (security.md §3.2). */
const challengeClaims = z.strictObject({ nonce: z.string().length(44), iat: z.int(), exp: z.int() });

interface ChallengeKey {
  readonly sign: CryptoKey;
  readonly verify: CryptoKey;
}

/**
 * Challenges of the attestation service: a nonce in a token signed with a key that signs nothing else. A guest puts the token into its hashed runtime
 * data, which shows that its evidence is not older than the challenge (security.md I6). Nothing is stored of a challenge.
 */
export class Challenges {
  readonly #store: Store;
  #row: string | undefined;
  #key: Promise<ChallengeKey> | undefined;

  constructor(store: Store) {
    this.#store = store;
  }

  /** @returns the body that answers POST challenge: `{"nonce", "extra-params": {"jwt"}}` */
  async issue(now: number): Promise<string> {
    const { sign } = (await this.#known()) ?? (await this.#create());
    const nonce = encodeBase64(randomBytes(32));
    const claims = { nonce, iat: now, exp: now + CHALLENGE_LIFE };
    const jwt = await new SignJWT(claims).setProtectedHeader({ alg: ALG, typ: "JWT" }).sign(sign);
    return JSON.stringify({ nonce, "extra-params": { jwt } });
  }

  /** @throws CaiError `as.challenge-invalid`: another trustee's, another kind of token, or expired; it never makes a key */
  async verify(token: string, now: number): Promise<void> {
    const key = await this.#known();
    if (key === undefined || token.length > MAX_CHALLENGE) throw invalid();
    const verified = await jwtVerify(token, key.verify, { algorithms: [ALG], typ: "JWT", currentDate: new Date(now * 1000) }).catch(() => {
      throw invalid();
    });
    const claims = challengeClaims.safeParse(verified.payload);
    if (!claims.success || claims.data.exp !== claims.data.iat + CHALLENGE_LIFE || claims.data.iat > now + CLOCK_LEEWAY) throw invalid();
  }

  /** The key that the store's row names; undefined where no challenge was ever asked for. */
  async #known(): Promise<ChallengeKey | undefined> {
    const row = (await this.#store.rows("signers")).get(CHALLENGE_ROW);
    if (row === undefined) return undefined;
    if (row !== this.#row || this.#key === undefined) {
      this.#row = row;
      this.#key = this.#load(row);
      // What failed once, for want of a database for instance, may succeed the next time.
      this.#key.catch(() => {
        this.#key = undefined;
      });
    }
    return this.#key;
  }

  async #load(name: string): Promise<ChallengeKey> {
    const key = await ownPrivateKey(this.#store, name);
    const der = Buffer.from(pkcs8Of(key));
    const [sign, verify] = await Promise.all([
      crypto.subtle.importKey("pkcs8", der, WEB_ALGORITHM, false, ["sign"]),
      crypto.subtle.importKey("jwk", { ...publicJwkOf(key) }, WEB_ALGORITHM, false, ["verify"]),
    ]);
    der.fill(0);
    return { sign, verify };
  }

  /** Makes the key once for all replicas: who comes second uses that of who came first. */
  async #create(): Promise<ChallengeKey> {
    const { privateKey } = await newKeyPair("rsa", { modulusLength: 2048 });
    const name = `challenge/${jwkThumbprint(publicJwkOf(privateKey))}`;
    await this.#store.ownKeys.put(name, pkcs8Of(privateKey));
    await this.#store.change(["signers"], ({ signers }) =>
      signers.has(CHALLENGE_ROW) ? {} : { signers: { put: [[CHALLENGE_ROW, name]] } },
    );
    if ((await this.#store.rows("signers")).get(CHALLENGE_ROW) !== name) await this.#store.ownKeys.delete(name);
    return (await this.#known())!;
  }
}

const pkcs8Of = (key: KeyObject): Uint8Array => key.export({ format: "der", type: "pkcs8" });

function invalid(): CaiError {
  return new CaiError("as.challenge-invalid", "the challenge token is not of this trustee, or has expired");
}
