import { createPublicKey, generateKeyPair, type KeyObject, sign, verify, X509Certificate } from "node:crypto";
import { promisify } from "node:util";
import { encodeBase64, encodeBase64Url, jwkThumbprint, type PublicJwk, publicJwkOf } from "../../crypto/index.ts";
import type { PeerFamily } from "../../protocol/index.ts";
import { CaiError, type JsonObject } from "../../system/index.ts";
import { ownCertificate, ownPrivateKey } from "./own-key.ts";
import {
  type Schedule,
  type SignerRow,
  type SignerState,
  scheduled,
  stateOf,
  TOKEN_ALGORITHMS,
  type TokenAlgorithm,
} from "./signer-schedule.ts";
import type { Store } from "./store/index.ts";
import { signerCertificate, validityFrom } from "./token-certificate.ts";

/** Names of what a new store has: the CA, and the signer that every token is signed with until it is followed by another. */
const CA = "token-ca";
const FIRST_SIGNER = "token-signer";
/** Signers of which tokens may be around at a time, of both algorithms. */
const MAX_SIGNERS = 16;
/** How far ahead a signer may be announced, seconds. */
const MAX_AHEAD = 30 * 86_400;

const newKeyPair = promisify(generateKeyPair);

/** A key that signs tokens, or did. */
export interface TokenSigner {
  readonly alg: TokenAlgorithm;
  /** RFC 7638 thumbprint */
  readonly kid: string;
  readonly publicJwk: PublicJwk;
  /** DER, the signer's certificate first, then its CA's */
  readonly chain: readonly Uint8Array[];
  /** the chain as a token's header has it: base64url for the openanolis family and TNG, base64 as RFC 7515 says for the other (trustee.md §5.2) */
  readonly x5c: readonly string[];
  readonly schedule: Schedule;
  verify(message: Uint8Array, signature: Uint8Array): boolean;
}

/** One that signs now: ES256 gives r ‖ s, 64 bytes. */
export interface SigningTokenSigner extends TokenSigner {
  sign(message: Uint8Array): Uint8Array;
}

/** What an administrator is shown of a signer. Times are seconds since 1970; null where there is no end yet. */
export interface SignerSummary {
  readonly kid: string;
  readonly alg: TokenAlgorithm;
  readonly state: SignerState;
  readonly from: number;
  readonly until: number | null;
  readonly accepted_until: number | null;
}

export interface RotationRequest {
  readonly alg: TokenAlgorithm;
  /** seconds since 1970, from which on the new signer signs; now or later */
  readonly from: number;
  /** true where tokens of the signers before are not to be taken any more from then on */
  readonly alone: boolean;
  /** seconds since 1970 */
  readonly now: number;
}

/**
 * The keys that sign tokens. Each is followed by another when an administrator says so, under the same CA; a key that signs no more is destroyed, and
 * what it signed is taken until the last of it has expired. Everything is in the store, so every replica signs with the same.
 */
export class TokenSigners {
  readonly #store: Store;
  readonly #family: PeerFamily;
  readonly #keys = new Map<string, KeyObject>();
  /** ids of signers whose private keys are gone */
  readonly #destroyed = new Set<string>();
  #rows: ReadonlyMap<string, string> | undefined;
  #signers: readonly (TokenSigner & { readonly key: string })[] = [];

  /** @param family  decides how certificates are spelled in tokens */
  constructor(store: Store, family: PeerFamily) {
    this.#store = store;
    this.#family = family;
  }

  /**
   * @returns the signer of now; the first one of RS384 is made when it is asked for
   * @throws CaiError `store.…`
   */
  async signing(alg: TokenAlgorithm, now: number): Promise<SigningTokenSigner> {
    const all = (await this.#all()).filter((each) => each.alg === alg);
    // Before the first has begun, the clock went back: what that means is decided elsewhere (security.md I15).
    const signer = all.findLast(({ schedule }) => schedule.from <= now) ?? all[0];
    if (signer === undefined) {
      await this.#add({ alg, from: 0, alone: false, now }, (rows) => rows.every(({ alg: known }) => known !== alg));
      return this.signing(alg, now);
    }
    const key = this.#keys.get(signer.kid) ?? (await ownPrivateKey(this.#store, signer.key));
    this.#keys.set(signer.kid, key);
    return { ...signer, sign: (message) => sign(hashOf(alg), message, { key, dsaEncoding: "ieee-p1363" }) };
  }

  /** @returns every signer whose tokens are taken, also those that begin only later */
  async accepted(alg: TokenAlgorithm, now: number): Promise<readonly TokenSigner[]> {
    return (await this.#all()).filter((each) => each.alg === alg && stateOf(each.schedule, now) !== "retired");
  }

  /** @returns the key set under which relying parties find the signers (RFC 7517; `x5c` is base64 here, as the RFC says) */
  async jwks(now: number, algorithms: readonly TokenAlgorithm[] = TOKEN_ALGORITHMS): Promise<JsonObject> {
    const signers = (await this.#all()).filter(({ alg, schedule }) => algorithms.includes(alg) && stateOf(schedule, now) !== "retired");
    // The one that signs comes first: some relying parties look no further.
    const ordered = [...signers].sort(
      (a, b) => Number(stateOf(b.schedule, now) === "signing") - Number(stateOf(a.schedule, now) === "signing"),
    );
    return {
      keys: ordered.map(({ publicJwk, alg, kid, chain }) => ({ ...publicJwk, use: "sig", alg, kid, x5c: chain.map(encodeBase64) })),
    };
  }

  async list(now: number): Promise<SignerSummary[]> {
    return (await this.#all()).map(({ kid, alg, schedule }) => ({
      kid,
      alg,
      state: stateOf(schedule, now),
      from: schedule.from,
      until: Number.isFinite(schedule.until) ? schedule.until : null,
      accepted_until: Number.isFinite(schedule.acceptedUntil) ? schedule.acceptedUntil : null,
    }));
  }

  /**
   * Makes a signer that follows the present one.
   *
   * @returns its key id
   * @throws CaiError `kbs.signer-time`, `kbs.signers-too-many`
   */
  async rotate(request: RotationRequest): Promise<string> {
    const { from, now } = request;
    if (from < now || from > now + MAX_AHEAD) {
      throw new CaiError("kbs.signer-time", "a signer cannot begin then", {
        expected: `${now} to ${now + MAX_AHEAD}`,
        got: String(from),
      });
    }
    const kid = await this.#add(request, () => true);
    await this.forget(now);
    return kid;
  }

  /** Destroys the keys that sign no more, and forgets the signers whose tokens have all expired. */
  async forget(now: number): Promise<void> {
    const ended = (await this.#all()).filter(({ schedule }) => schedule.until <= now);
    for (const { kid, key } of ended) {
      if (this.#destroyed.has(kid)) continue;
      this.#keys.delete(kid);
      await this.#store.ownKeys.delete(key);
      this.#destroyed.add(kid);
    }
    if (!ended.some(({ schedule }) => stateOf(schedule, now) === "retired")) return;
    await this.#store.change(["signers"], ({ signers }) => ({ signers: { remove: retired(signers, now) } }));
  }

  /** @param wanted  decides in the transaction, by the rows that are there, whether to add at all */
  async #add({ alg, from, alone, now }: RotationRequest, wanted: (rows: readonly SignerRow[]) => boolean): Promise<string> {
    const { privateKey, publicKey } = await (alg === "ES256"
      ? newKeyPair("ec", { namedCurve: "P-256" })
      : newKeyPair("rsa", { modulusLength: 2048 }));
    const kid = jwkThumbprint(publicJwkOf(publicKey));
    const certificate = await this.#certify(publicKey, now);
    const first = await this.#firstRow();
    const key = `signer/${kid}`;
    await this.#store.ownKeys.put(key, privateKey.export({ format: "der", type: "pkcs8" }));
    let added = false;
    try {
      await this.#store.change(["signers"], ({ signers }) => {
        const gone = retired(signers, now);
        const known = [...parsed(signers)].filter(([id]) => !gone.includes(id));
        added = wanted(known.map(([, row]) => row));
        if (!added) return {};
        if (known.length >= MAX_SIGNERS) {
          throw new CaiError("kbs.signers-too-many", `there are ${known.length} token signers already`, {
            expected: `less than ${MAX_SIGNERS}`,
          });
        }
        // From the first successor on, the store's first signer is one of the table.
        const before = known.some(([, row]) => row.alg === "ES256") ? [] : [first];
        const sequence = Math.max(0, ...known.map(([, row]) => row.sequence)) + 1;
        const row: SignerRow = { alg, from, sequence, alone, certificate, key };
        return {
          signers: { put: [...before, [kid, row] as const].map(([id, each]) => [id, JSON.stringify(each)] as const), remove: gone },
        };
      });
    } finally {
      if (!added) await this.#store.ownKeys.delete(key);
    }
    return kid;
  }

  /** @returns base64 of the DER of a certificate for the key, by this store's CA */
  async #certify(publicKey: KeyObject, now: number): Promise<string> {
    const privateKey = await ownPrivateKey(this.#store, CA);
    const caEnd = Math.floor(new X509Certificate(await ownCertificate(this.#store, CA)).validToDate.getTime() / 1000);
    const { notBefore, notAfter } = validityFrom(now);
    const ca = { privateKey, publicKey: createPublicKey(privateKey) };
    return encodeBase64(signerCertificate(this.#store.world, ca, publicKey, { notBefore, notAfter: Math.min(notAfter, caEnd) }));
  }

  async #firstRow(): Promise<readonly [kid: string, row: SignerRow]> {
    const certificate = await ownCertificate(this.#store, FIRST_SIGNER);
    const kid = jwkThumbprint(publicJwkOf(new X509Certificate(certificate).publicKey));
    return [kid, { alg: "ES256", from: 0, sequence: 0, alone: false, certificate: encodeBase64(certificate), key: FIRST_SIGNER }];
  }

  async #all() {
    const rows = await this.#store.rows("signers");
    if (rows !== this.#rows) {
      const ca = await ownCertificate(this.#store, CA);
      const known = [...parsed(rows)];
      const all = known.some(([, row]) => row.alg === "ES256") ? known : [await this.#firstRow(), ...known];
      this.#signers = TOKEN_ALGORITHMS.flatMap((alg) => {
        const own = all.filter(([, row]) => row.alg === alg).map(([kid, row]) => ({ ...row, kid }));
        return scheduled(own).map(({ row, schedule }) => this.#signer(row, schedule, ca));
      });
      this.#rows = rows;
    }
    return this.#signers;
  }

  #signer({ alg, kid, certificate, key }: SignerRow & { readonly kid: string }, schedule: Schedule, ca: Uint8Array) {
    const der = Buffer.from(certificate, "base64");
    const { publicKey } = new X509Certificate(der);
    const chain = [der, ca];
    return {
      alg,
      kid,
      key,
      publicJwk: publicJwkOf(publicKey),
      chain,
      x5c: chain.map(this.#family === "coco" ? encodeBase64 : encodeBase64Url),
      schedule,
      verify: (message: Uint8Array, signature: Uint8Array) =>
        verify(hashOf(alg), message, { key: publicKey, dsaEncoding: "ieee-p1363" }, signature),
    };
  }
}

const hashOf = (alg: TokenAlgorithm): string => (alg === "ES256" ? "sha256" : "sha384");

/** Rows other than signers, such as the challenge key's, have names that are no key ids. */
function parsed(rows: ReadonlyMap<string, string>): Map<string, SignerRow> {
  const signers = [...rows].filter(([kid]) => kid !== CHALLENGE_ROW);
  return new Map(signers.map(([kid, text]) => [kid, JSON.parse(text) as SignerRow] as const));
}

function retired(rows: ReadonlyMap<string, string>, now: number): string[] {
  const all = [...parsed(rows)].map(([kid, row]) => ({ ...row, kid }));
  return TOKEN_ALGORITHMS.flatMap((alg) =>
    scheduled(all.filter((row) => row.alg === alg))
      .filter(({ schedule }) => stateOf(schedule, now) === "retired")
      .map(({ row }) => row.kid),
  );
}

/** The row of the same table that names the key of challenges. */
export const CHALLENGE_ROW = "challenge";
