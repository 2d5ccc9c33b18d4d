import { z } from "zod";
import { decodeBase64Url, encodeBase64Url } from "../../crypto/index.ts";
import { type CaiTokenMember, EAR_PROFILE, type EarClaims, type PeerFamily } from "../../protocol/index.ts";
import { CaiError, type ErrorId, type JsonObject, version } from "../../system/index.ts";
import { type EvidenceFacts, evidenceFacts } from "./evidence-facts.ts";
import { TOKEN_LIFE } from "./signer-schedule.ts";
import type { SigningTokenSigner, TokenSigner } from "./token-signers.ts";

/** The largest token that is made or looked at, characters; evidence with many claims makes long ones. */
const MAX_TOKEN = 1024 * 1024;

/**
 * The claims of a token that this trustee mints: those of the protocol, and what release looks at again: the floor's findings, and the facts
 * about each submodule that they were found by.
 */
export interface MintedClaims extends EarClaims {
  readonly cai: CaiTokenMember & { readonly floor: ErrorId[]; readonly facts: Readonly<Record<string, EvidenceFacts>> };
}

/** What every EAR token of this trustee says besides what it is about. */
interface EarSurroundings {
  readonly family: PeerFamily;
  readonly issuerName: string;
}

/** What one EAR token is about. */
interface EarSubject extends Pick<MintedClaims, "submods" | "cai"> {
  /** whether any piece of its evidence is of a simulated platform (security.md I11) */
  readonly simulated: boolean;
  /** seconds since 1970 */
  readonly now: number;
}

/** @returns the claims of an EAR token that is made now (trustee.md §5.2) */
export function earClaims({ family, issuerName }: EarSurroundings, { submods, simulated, cai, now }: EarSubject): MintedClaims {
  return {
    eat_profile: EAR_PROFILE,
    // One family names it, the other does not.
    ...(family === "coco" && { iss: issuerName }),
    iat: now,
    exp: now + TOKEN_LIFE,
    "ear.verifier-id": { developer: "cai", build: `cai ${version}` },
    submods,
    ...(simulated && { simulated: true }),
    cai,
  };
}

/**
 * Signs an EAR token (trustee.md §5.2). The key and its certificates stand in the header.
 *
 * @param signer  an ES256 one
 * @returns a compact JWS
 * @throws CaiError `kbs.request-too-large`: what the guest sent makes a token that no release would look at, only keep (security.md I40)
 */
export function signToken(signer: SigningTokenSigner, claims: MintedClaims): string {
  const { x5c, publicJwk } = signer;
  return compactToken(signer, { typ: "JWT", alg: "ES256", jwk: { alg: "ES256", ...publicJwk, x5c } }, claims);
}

/**
 * Signs any token of this trustee.
 *
 * @throws CaiError `kbs.request-too-large`
 */
export function compactToken(signer: SigningTokenSigner, header: object, claims: object): string {
  const signed = `${textBase64Url(JSON.stringify(header))}.${textBase64Url(JSON.stringify(claims))}`;
  const token = `${signed}.${encodeBase64Url(signer.sign(Buffer.from(signed)))}`;
  if (token.length <= MAX_TOKEN) return token;
  throw new CaiError("kbs.request-too-large", "the claims make too large a token", { expected: `at most ${MAX_TOKEN} characters` });
}

const tokenHeader = z.object({ alg: z.literal("ES256"), crit: z.undefined().optional() });

/** How much a replica's clock may be ahead when it goes on signing with a key that another one has replaced, seconds. */
const LEEWAY = 60;

/**
 * Checks that this trustee signed a token. Whatever key the header brings along is not looked at (security.md I19).
 *
 * @param signers  those whose tokens are taken; what one of them signed after its time is not
 * @returns the claims, not yet judged
 * @throws CaiError `kbs.token-malformed`, `kbs.token-signature`
 */
export function verifyToken(signers: readonly TokenSigner[], token: string): JsonObject {
  const [header, payload, signature, ...more] = token.split(".");
  if (token.length > MAX_TOKEN || header === undefined || payload === undefined || signature === undefined || more.length > 0) {
    throw malformed("a compact JWS");
  }
  if (!tokenHeader.safeParse(jsonPart(header)).success) throw malformed("a header with alg ES256");
  const [signed, bytes] = [Buffer.from(`${header}.${payload}`), bytesPart(signature)];
  const signer = signers.find((each) => each.verify(signed, bytes));
  if (signer === undefined) throw new CaiError("kbs.token-signature", "no signer of this trustee signed the token");
  const claims = jsonPart(payload);
  if (typeof claims !== "object" || claims === null || Array.isArray(claims)) throw malformed("claims in an object");
  const { iat } = claims as JsonObject;
  if (typeof iat === "number" && iat >= signer.schedule.until + LEEWAY) {
    throw new CaiError("kbs.token-signature", "the signer of the token signed it after its time");
  }
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
