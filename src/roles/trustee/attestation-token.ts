import { z } from "zod";
import { decodeBase64Url, encodeBase64, encodeBase64Url, jwkThumbprint } from "../../crypto/index.ts";
import type { CaiTokenMember, EarClaims } from "../../protocol/index.ts";
import { CaiError, type ErrorId, type JsonObject } from "../../system/index.ts";
import { type EvidenceFacts, evidenceFacts } from "./evidence-facts.ts";
import type { TokenSigner } from "./identity.ts";

/** The largest token that is made or looked at, characters; evidence with many claims makes long ones. */
const MAX_TOKEN = 1024 * 1024;

/**
 * The claims of a token that this trustee mints: those of the protocol, and what release looks at again: the floor's findings, and the facts
 * about each submodule that they were found by.
 */
export interface MintedClaims extends EarClaims {
  readonly cai: CaiTokenMember & { readonly floor: ErrorId[]; readonly facts: Readonly<Record<string, EvidenceFacts>> };
}

/**
 * Signs a token (trustee.md §5.2). The key and its certificates stand in the header; `x5c` is base64url there, which both upstream
 * families read, though RFC 7515 says base64.
 *
 * @returns a compact JWS
 * @throws CaiError `kbs.request-too-large`: what the guest sent makes a token that no release would look at, only keep (security.md I40)
 */
export function signToken(signer: TokenSigner, claims: MintedClaims): string {
  const { crv, x, y } = signer.publicJwk;
  const header = { typ: "JWT", alg: "ES256", jwk: { alg: "ES256", kty: "EC", crv, x, y, x5c: signer.chain.map(encodeBase64Url) } };
  const signed = `${textBase64Url(JSON.stringify(header))}.${textBase64Url(JSON.stringify(claims))}`;
  const token = `${signed}.${encodeBase64Url(signer.sign(Buffer.from(signed)))}`;
  if (token.length <= MAX_TOKEN) return token;
  throw new CaiError("kbs.request-too-large", "the claims make too large a token", { expected: `at most ${MAX_TOKEN} characters` });
}

const tokenHeader = z.object({ alg: z.literal("ES256"), crit: z.undefined().optional() });

/**
 * Checks that this trustee signed a token. Whatever key the header brings along is not looked at (security.md I19).
 *
 * @returns the claims, not yet judged
 * @throws CaiError `kbs.token-malformed`, `kbs.token-signature`
 */
export function verifyToken(signer: TokenSigner, token: string): JsonObject {
  const [header, payload, signature, ...more] = token.split(".");
  if (token.length > MAX_TOKEN || header === undefined || payload === undefined || signature === undefined || more.length > 0) {
    throw malformed("a compact JWS");
  }
  if (!tokenHeader.safeParse(jsonPart(header)).success) throw malformed("a header with alg ES256");
  if (!signer.verify(Buffer.from(`${header}.${payload}`), bytesPart(signature))) {
    throw new CaiError("kbs.token-signature", "this trustee's signer did not sign the token");
  }
  const claims = jsonPart(payload);
  if (typeof claims !== "object" || claims === null || Array.isArray(claims)) throw malformed("claims in an object");
  return claims as JsonObject;
}

const mintedMember = z.object({
  cai: z.object({
    floor: z.array(z.string().startsWith("policy.")).max(16),
    facts: z.record(z.string().max(32), evidenceFacts),
  }),
});

/**
 * @param claims  those of a token that this trustee signed
 * @returns the floor lines that did not hold when the token was minted (security.md §4), and the facts to look at again
 * @throws CaiError `kbs.token-malformed` where the token does not say
 */
export function mintedMembers(claims: JsonObject): Pick<MintedClaims["cai"], "floor" | "facts"> {
  const result = mintedMember.safeParse(claims);
  if (!result.success) throw malformed("the floor's findings");
  const { floor, facts } = result.data.cai;
  return { floor: floor as ErrorId[], facts };
}

/** @returns the key set under which relying parties find the signer (RFC 7517; `x5c` is base64 here, as the RFC says) */
export function jwks(signer: TokenSigner): JsonObject {
  const { crv, x, y } = signer.publicJwk;
  const kid = jwkThumbprint(signer.publicJwk);
  return { keys: [{ kty: "EC", use: "sig", alg: "ES256", kid, crv, x, y, x5c: signer.chain.map(encodeBase64) }] };
}

function textBase64Url(text: string): string {
  return Buffer.from(text).toString("base64url");
}

function bytesPart(part: string): Uint8Array {
  try {
    return decodeBase64Url(part);
  } catch {
    throw malformed("parts in base64url");
  }
}

function jsonPart(part: string): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytesPart(part)));
  } catch {
    throw malformed("parts of JSON");
  }
}

function malformed(expected: string): CaiError {
  return new CaiError("kbs.token-malformed", `the token is not one of this trustee: expected ${expected}`, { expected });
}
