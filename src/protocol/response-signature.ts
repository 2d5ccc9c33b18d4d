import { createHash, createPublicKey, type KeyObject, sign, verify } from "node:crypto";
import { p256 } from "@noble/curves/nist.js";
import { decodeBase64Url, encodeBase64Url, jcs, jwkThumbprint, type PublicJwk, publicJwkOf, publicKeyOf } from "../crypto/index.ts";
import { CaiError } from "../system/index.ts";
import { type TeeKey, teeKeyJson } from "./tee-key.ts";

/** The header that authenticates a trustee's answers; upstream clients ignore it (security.md §3.4). */
export const SIGNATURE_HEADER = "cai-signature";

/** One answer to one request: everything that its signature covers. */
export interface SignedAnswer {
  readonly method: string;
  /** path and query from `/kbs/v0` on, exactly as requested */
  readonly target: string;
  readonly status: number;
  /** what ties the answer to its request: `bodyContext`, `keyContext` or `KEYLESS_CONTEXT`; 32 bytes */
  readonly context: Uint8Array;
  readonly body: Uint8Array;
}

/** @returns the context of an answer to a request with a body */
export function bodyContext(requestBody: Uint8Array | string): Uint8Array {
  return sha256(requestBody);
}

/** @returns the context of an answer to a GET on behalf of an attested key */
export function keyContext(teeKey: TeeKey): Uint8Array {
  return sha256(jcs(teeKeyJson(teeKey)));
}

/** The context of an answer to a GET for which no attested key is known, such as the first 401: the digest of nothing. */
export const KEYLESS_CONTEXT: Uint8Array = sha256("");

/** The bytes that are signed (security.md §3.4); no part can run into the next, for NUL occurs in none of the first three. */
export function signedBytes({ method, target, status, context, body }: SignedAnswer): Uint8Array {
  const text = new TextEncoder().encode(`cai/kbs-response/v1\0${method} ${target}\0${status}\0`);
  const bytes = new Uint8Array(text.length + context.length + 32);
  bytes.set(text);
  bytes.set(context, text.length);
  bytes.set(sha256(body), text.length + context.length);
  return bytes;
}

export interface ResponseSigner {
  /** the identity: RFC 7638 thumbprint of the signing key */
  readonly tid: string;
  /** @returns the value of the `Cai-Signature` header */
  sign(answer: SignedAnswer): string;
}

/** @param identityKey  EC P-256 private key */
export function createResponseSigner(identityKey: KeyObject): ResponseSigner {
  const tid = jwkThumbprint(publicJwkOf(createPublicKey(identityKey)));
  return {
    tid,
    sign: (answer) => {
      const signature = sign("sha256", signedBytes(answer), { key: identityKey, dsaEncoding: "ieee-p1363" });
      return `v1;${tid};${encodeBase64Url(signature)}`;
    },
  };
}

export interface ResponseVerifier {
  readonly tid: string;
  /**
   * @param header    the answer's `Cai-Signature`, or null where it has none
   * @param contexts  the contexts that the answer may have; one of them must be signed
   * @throws CaiError `agent.trustee-mismatch`: no signature, or by another identity; `agent.response-mismatch`: this identity did
   *   not sign this answer to this request
   */
  verify(header: string | null, answer: Omit<SignedAnswer, "context">, contexts: readonly Uint8Array[]): void;
}

/**
 * Checks answers against a pinned identity. The pin is a thumbprint, so the key itself is recovered from the first signature and
 * believed because its thumbprint is the pinned one; later signatures are checked with that key.
 */
export function createResponseVerifier(tid: string): ResponseVerifier {
  let key: KeyObject | undefined;
  return {
    tid,
    verify(header, answer, contexts) {
      const signature = parseSignatureHeader(header, tid);
      for (const context of contexts) {
        const bytes = signedBytes({ ...answer, context });
        if (key) {
          if (verify("sha256", bytes, { key, dsaEncoding: "ieee-p1363" }, signature)) return;
        } else {
          key = recoverKey(bytes, signature, tid);
          if (key) return;
        }
      }
      throw new CaiError(
        "agent.response-mismatch",
        `the trustee's signature does not cover this answer to ${answer.method} ${answer.target}`,
        {
          expected: "an answer to this request, unaltered",
          got: "another answer, or an altered one",
        },
      );
    },
  };
}

function parseSignatureHeader(header: string | null, tid: string): Uint8Array {
  const [version, signer, signature, ...more] = header?.split(";") ?? [];
  if (version !== "v1" || signature === undefined || more.length > 0) {
    throw new CaiError("agent.trustee-mismatch", "the answer is not signed by the pinned trustee", {
      expected: `tid:${tid}`,
      got: header === null ? "no signature" : "a signature of unknown form",
      hint: "an upstream trustee signs no answers: pin its TLS key with spki:sha256:… instead",
    });
  }
  if (signer !== tid) {
    throw new CaiError("agent.trustee-mismatch", "another trustee answered than the pinned one", {
      expected: `tid:${tid}`,
      got: `tid:${String(signer).slice(0, 64)}`,
    });
  }
  try {
    const bytes = decodeBase64Url(signature);
    if (bytes.length === 64) return bytes;
  } catch {
    // falls through to the same error as a wrong length
  }
  throw new CaiError("agent.response-mismatch", "the trustee's signature is malformed", { expected: "64 bytes in base64url" });
}

function recoverKey(bytes: Uint8Array, signature: Uint8Array, tid: string): KeyObject | undefined {
  const digest = sha256(bytes);
  for (const recovery of [0, 1, 2, 3]) {
    const jwk = recoverCandidate(digest, signature, recovery);
    if (jwk && jwkThumbprint(jwk) === tid) return publicKeyOf(jwk);
  }
  return undefined;
}

function recoverCandidate(digest: Uint8Array, signature: Uint8Array, recovery: number): PublicJwk | undefined {
  try {
    const point = p256.Signature.fromBytes(signature, "compact").addRecoveryBit(recovery).recoverPublicKey(digest).toBytes(false);
    return { kty: "EC", crv: "P-256", x: encodeBase64Url(point.subarray(1, 33)), y: encodeBase64Url(point.subarray(33)) };
  } catch {
    // No point has this x coordinate: this candidate does not exist, the others are tried.
    return undefined;
  }
}

function sha256(data: Uint8Array | string): Uint8Array {
  return createHash("sha256").update(data).digest();
}
