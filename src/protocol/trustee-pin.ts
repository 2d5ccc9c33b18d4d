import { decodeBase64Tolerant } from "../crypto/index.ts";
import { CaiError } from "../system/index.ts";

/** What a trustee is recognised by (security.md §3.4). */
export type TrusteePin =
  /** its identity key, which signs its answers: works through TLS-terminating balancers */
  | { readonly kind: "tid"; readonly tid: string }
  /** SHA-256 of its TLS certificate's SubjectPublicKeyInfo, 32 bytes: for upstream trustees, which sign no answer */
  | { readonly kind: "spki"; readonly digest: Uint8Array };

/**
 * Parses `tid:<thumbprint>` or `spki:sha256:<base64 of 32 bytes>`.
 *
 * @throws CaiError `agent.pin-invalid`
 */
export function parseTrusteePin(text: string): TrusteePin {
  const thumbprint = /^tid:([A-Za-z0-9_-]{43})$/.exec(text)?.[1];
  if (thumbprint !== undefined) return { kind: "tid", tid: thumbprint };
  const encoded = /^spki:sha256:([A-Za-z0-9+/_-]{43}=?)$/.exec(text)?.[1];
  if (encoded !== undefined) return { kind: "spki", digest: spkiDigest(encoded, text) };
  throw invalid(text);
}

function spkiDigest(encoded: string, text: string): Uint8Array {
  try {
    return decodeBase64Tolerant(encoded);
  } catch {
    throw invalid(text);
  }
}

function invalid(text: string): CaiError {
  const expected = "tid:<43 base64url characters> or spki:sha256:<base64 of 32 bytes>";
  return new CaiError("agent.pin-invalid", `not a trustee pin: expected ${expected}`, { expected, got: text.slice(0, 80) });
}
