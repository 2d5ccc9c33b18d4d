import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { createResponseSigner, type PeerFamily, type ResponseSigner } from "../../protocol/index.ts";
import { ownPrivateKey } from "./own-key.ts";
import type { Store, StoreContents, World } from "./store/index.ts";
import { authorityCertificate, signerCertificate, validityFrom } from "./token-certificate.ts";
import { TokenSigners } from "./token-signers.ts";

/** The keys that a trustee is known by. */
export interface TrusteeKeys {
  /** `tid`: the RFC 7638 thumbprint of the identity key, without the prefix `tid:` (security.md §3.4) */
  readonly tid: string;
  readonly answers: ResponseSigner;
  readonly tokens: TokenSigners;
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
  const validity = validityFrom(now);
  return {
    privateKeys: { identity: pkcs8(identity.privateKey), "token-ca": pkcs8(ca.privateKey), "token-signer": pkcs8(signer.privateKey) },
    certificates: {
      "token-ca": authorityCertificate(world, ca, validity),
      "token-signer": signerCertificate(world, ca, signer.publicKey, validity),
    },
  };
}

/**
 * Opens the keys of a store.
 *
 * @param family  of the peers that tokens are for; see {@link TokenSigners}
 */
export async function loadTrusteeKeys(store: Store, family: PeerFamily = "openanolis"): Promise<TrusteeKeys> {
  const answers = createResponseSigner(await ownPrivateKey(store, "identity"));
  return { tid: answers.tid, answers, tokens: new TokenSigners(store, family) };
}

const pkcs8 = (key: KeyObject): Uint8Array => key.export({ format: "der", type: "pkcs8" });
