import { type EcPublicJwk, parsePublicJwk, publicKeyOf, type RsaPublicJwk } from "../crypto/index.ts";
import { CaiError, type JsonValue } from "../system/index.ts";
import { PROTOCOL_VERSION, type ProtocolVersion } from "./versions.ts";

/** The public key that a guest wants its answers encrypted to (trustee.md §1.8). */
export type TeeKey =
  | (Omit<EcPublicJwk, "alg"> & { readonly alg: "ECDH-ES+A256KW"; readonly crv: "P-256" | "P-521" })
  | (Omit<RsaPublicJwk, "alg"> & { readonly alg: "RSA-OAEP-256" | "RSA1_5" });

/**
 * Parses a `tee-pubkey`. Only the known members survive, for the hash covers the key as both ends write it anew from its typed
 * form (trustee.md §1.7); foreign members are dropped, and whoever hashed them never matches.
 *
 * @param version  the version of the protocol that the guest speaks: 0.1.1 knows `RSA1_5` and nothing else, and no other version takes it
 *   (security.md §3.4)
 * @throws CaiError `kbs.tee-key-invalid`: another kind of key, `RSA1_5`, a point off its curve
 */
export function parseTeeKey(value: unknown, version: ProtocolVersion = PROTOCOL_VERSION): TeeKey {
  const first = version === "0.1.1";
  try {
    const jwk = parsePublicJwk(value);
    publicKeyOf(jwk);
    if (jwk.kty === "RSA" && jwk.alg === (first ? "RSA1_5" : "RSA-OAEP-256")) return { ...jwk, alg: jwk.alg };
    if (!first && jwk.kty === "EC" && jwk.alg === "ECDH-ES+A256KW" && jwk.crv !== "P-384") return { ...jwk, crv: jwk.crv, alg: jwk.alg };
  } catch (cause) {
    throw invalid(cause instanceof Error ? cause.message : "another value");
  }
  throw invalid("another algorithm or curve", first ? "RSA with alg RSA1_5" : undefined);
}

/** @returns the key as it is hashed and sent */
export function teeKeyJson(key: TeeKey): { readonly [member: string]: JsonValue } {
  return { ...key };
}

function invalid(got: string, expected = "EC P-256 or P-521 with alg ECDH-ES+A256KW, or RSA with alg RSA-OAEP-256"): CaiError {
  return new CaiError("kbs.tee-key-invalid", `the guest's public key cannot be used: ${got}`, { expected, got });
}
