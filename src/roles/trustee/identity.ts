import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, randomBytes, sign, verify } from "node:crypto";
import { buildCertificate, type EcPublicJwk, publicJwkOf } from "../../crypto/index.ts";
import { createResponseSigner, type ResponseSigner } from "../../protocol/index.ts";
import { CaiError } from "../../system/index.ts";
import type { Store, StoreContents, World } from "./store/index.ts";

/** Seconds. The certificates name the token signer for relying parties; a store keeps one signer as long as it lives. */
const CERTIFICATE_LIFE = 10 * 365 * 86_400;

/** The key that signs tokens, imported once. */
export interface TokenSigner {
  readonly publicJwk: EcPublicJwk;
  /** DER, the signer's certificate first, then its CA's */
  readonly chain: readonly Uint8Array[];
  /** ES256. @returns r ‖ s, 64 bytes */
  sign(message: Uint8Array): Uint8Array;
  verify(message: Uint8Array, signature: Uint8Array): boolean;
}

/** The keys that a trustee is known by. */
export interface TrusteeKeys {
  /** `tid`: the RFC 7638 thumbprint of the identity key, without the prefix `tid:` (security.md §3.4) */
  readonly tid: string;
  readonly answers: ResponseSigner;
  readonly tokens: TokenSigner;
}

/**
 * Makes the keys and certificates of a new store. Each purpose has a key of its own (security.md §3.2), and each world a CA of its own,
 * whose name says `Simulated` in a simulated store (I11).
 *
 * @param now  seconds since 1970
 */
export function generateTrusteeKeys(world: World, now: number): Pick<StoreContents, "privateKeys" | "certificates"> {
  const identity = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const ca = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const signer = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const caName = world === "simulated" ? "cai Simulated Trustee Token CA" : "cai Trustee Token CA";
  const signerName = world === "simulated" ? "cai Simulated Trustee Token Signer" : "cai Trustee Token Signer";
  // Taken back by an hour, so that relying parties with a clock a little behind accept tokens of a new trustee.
  const validity = { notBefore: now - 3600, notAfter: now + CERTIFICATE_LIFE };
  const signAsCa = (tbs: Uint8Array) => sign("sha256", tbs, { key: ca.privateKey, dsaEncoding: "ieee-p1363" });
  return {
    privateKeys: { identity: pkcs8(identity.privateKey), "token-ca": pkcs8(ca.privateKey), "token-signer": pkcs8(signer.privateKey) },
    certificates: {
      "token-ca": buildCertificate({
        ...validity,
        serial: serialNumber(),
        subject: caName,
        issuer: caName,
        publicKey: spki(ca.publicKey),
        ca: { pathLength: 0 },
        keyUsage: ["keyCertSign", "cRLSign"],
        sign: signAsCa,
      }),
      "token-signer": buildCertificate({
        ...validity,
        serial: serialNumber(),
        subject: signerName,
        issuer: caName,
        publicKey: spki(signer.publicKey),
        issuerPublicKey: spki(ca.publicKey),
        keyUsage: ["digitalSignature"],
        sign: signAsCa,
      }),
    },
  };
}

/** Opens the keys of a store. */
export async function loadTrusteeKeys(store: Store): Promise<TrusteeKeys> {
  const answers = createResponseSigner(await privateKey(store, "identity"));
  const chain = [await certificate(store, "token-signer"), await certificate(store, "token-ca")];
  return { tid: answers.tid, answers, tokens: tokenSigner(await privateKey(store, "token-signer"), chain) };
}

async function certificate(store: Store, name: string): Promise<Uint8Array> {
  const text = (await store.rows("certificates")).get(name);
  // Never removed by anything here; its absence is caught by the store's head, so this is a store made wrong.
  if (text === undefined) throw new CaiError("store.unreadable", `the store has no certificate ${name}`);
  return Buffer.from(text, "base64");
}

async function privateKey(store: Store, name: string): Promise<KeyObject> {
  const der = await store.ownKeys.get(name);
  if (der === undefined) throw new CaiError("store.unreadable", `the store has no key ${name}`);
  const key = createPrivateKey({ key: Buffer.from(der), format: "der", type: "pkcs8" });
  der.fill(0);
  return key;
}

function tokenSigner(key: KeyObject, chain: readonly Uint8Array[]): TokenSigner {
  const publicKey = createPublicKey(key);
  const publicJwk = publicJwkOf(publicKey);
  if (publicJwk.kty !== "EC") throw new TypeError("the token signer is an EC key");
  return {
    publicJwk,
    chain,
    sign: (message) => sign("sha256", message, { key, dsaEncoding: "ieee-p1363" }),
    verify: (message, signature) => verify("sha256", message, { key: publicKey, dsaEncoding: "ieee-p1363" }, signature),
  };
}

const pkcs8 = (key: KeyObject): Uint8Array => key.export({ format: "der", type: "pkcs8" });
const spki = (key: KeyObject): Uint8Array => key.export({ format: "der", type: "spki" });

/** @returns 127 random bits: positive, and never 0 in practice */
function serialNumber(): bigint {
  return BigInt(`0x${randomBytes(16).toString("hex")}`) >> 1n;
}
