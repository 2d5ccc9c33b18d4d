import { createHash, type KeyObject, randomBytes } from "node:crypto";
import { CompactSign, compactVerify, decodeProtectedHeader } from "jose";
import { z } from "zod";
import { encodeBase64Url } from "../crypto/index.ts";
import { CaiError } from "../system/index.ts";

/** The administrative request that a token is for, or came with. */
export interface AdminRequest {
  readonly method: string;
  /** path and query from `/kbs/v0` on, exactly as requested */
  readonly target: string;
  readonly body: Uint8Array;
}

/** Who may sign admin tokens: an administrator by a key, or an identity provider for others (trustee.md §2.1, §2.2). */
export interface AdminIssuer {
  /** the name under which the trustee knows it */
  readonly name: string;
  /** a provider's tokens must name a role and may be used again; the tokens of a key need not and carry an id for one use */
  readonly kind: "key" | "provider";
  /** the roles that its tokens may name; undefined: any. A key's token without a role has its only one, or `admin` where any is free */
  readonly roles?: readonly string[];
  /** what `iss` must be, where that is asked for */
  readonly issuer?: string;
  /** what `aud` must name; without it, a token that names an audience must name this trustee */
  readonly audience?: string;
  /**
   * @param kid  that of the token's header, where it has one
   * @returns the public keys that may have signed the token; whatever key its header brings along is not looked at
   */
  keys(kid: string | undefined): Promise<readonly KeyObject[]> | readonly KeyObject[];
}

/** What one admin token was accepted for. Only `checkAdminToken` makes these. */
export interface AdminGrant {
  /** the name of the {@link AdminIssuer} */
  readonly issuer: string;
  readonly role: string;
  /** true where the token was good for this request only */
  readonly oneRequest: boolean;
  readonly [granted]: true;
}
declare const granted: unique symbol;

const ONE_REQUEST_SECONDS = 60;
const MAX_BEARER_SECONDS = 2 * 3600 + 15 * 60;
const CLOCK_LEEWAY = 60;
const MAX_TOKEN = 8192;
const JTI_BYTES = 16;
/** The role of tokens that name none: those of the openanolis family (trustee.md §2.1). */
export const DEFAULT_ROLE = "admin";

/** The algorithms of each kind of key; none of them is symmetric, and `none` is none of them. */
const ALGORITHMS: Readonly<Record<string, readonly string[]>> = {
  ed25519: ["EdDSA"],
  "ec prime256v1": ["ES256"],
  "ec secp384r1": ["ES384"],
  "ec secp521r1": ["ES512"],
  rsa: ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
};

/**
 * Makes a token that is good for one request at one trustee (security.md §3.6).
 *
 * @param key   Ed25519 private key
 * @param tid   the trustee's identity
 * @param now   seconds since 1970
 * @param role  the role to act by, where the key has several
 * @returns the value for `Authorization: Bearer`
 */
export async function makeAdminToken(key: KeyObject, tid: string, request: AdminRequest, now: number, role?: string): Promise<string> {
  const claims = {
    iat: now,
    exp: now + ONE_REQUEST_SECONDS,
    jti: encodeBase64Url(randomBytes(JTI_BYTES)),
    aud: tid,
    htm: request.method,
    htu: request.target,
    bh: bodyHash(request.body),
    ...(role !== undefined && { role }),
  };
  return new CompactSign(new TextEncoder().encode(JSON.stringify(claims))).setProtectedHeader({ alg: "EdDSA", typ: "JWT" }).sign(key);
}

/** What a trustee checks admin tokens against. */
export interface AdminTokenExpectation {
  readonly issuers: readonly AdminIssuer[];
  readonly tid: string;
  readonly request: AdminRequest;
  /** false where the connection is neither TLS nor a unix socket nor loopback, so that others may read a token */
  readonly privateConnection: boolean;
  /** seconds since 1970 */
  readonly now: number;
  /**
   * Records a token's id at all replicas.
   * @param until  seconds since 1970 from which on the id need not be kept
   * @returns false where the id was recorded before
   */
  spend(jti: string, until: number): Promise<boolean> | boolean;
}

const adminClaims = z.object({
  iat: z.number().optional(),
  nbf: z.number().optional(),
  exp: z.number().optional(),
  jti: z.string().min(1).max(128).optional(),
  aud: z.union([z.string(), z.array(z.string()).max(16)]).optional(),
  iss: z.string().max(512).optional(),
  htm: z.string().optional(),
  htu: z.string().optional(),
  bh: z.string().optional(),
  role: z.string().min(1).max(64).optional(),
});
type AdminClaims = z.output<typeof adminClaims>;

/**
 * Checks an admin token: one of ours, good for one request, or one of the upstream families, which is reusable and therefore must
 * end soon and travel where nobody else reads (security.md I24, §3.6). Whatever a token carries is enforced, whoever made it; but a
 * provider's token may be used again until it ends, whatever id it carries.
 *
 * @param token  the text after `Bearer `; undefined where the request has none
 * @throws CaiError `admin.unauthenticated`, `admin.token-unbounded`, `admin.token-mismatch`, `admin.bearer-over-plaintext`,
 *   `admin.token-replayed`, `admin.forbidden`
 */
export async function checkAdminToken(token: string | undefined, expected: AdminTokenExpectation): Promise<AdminGrant> {
  const { claims, issuer } = await verifiedClaims(token, expected.issuers);
  const expiry = requireCurrent(claims, expected.now);
  requireAddressee(claims, issuer, expected.tid);
  requireThisRequest(claims, expected);
  const oneRequest = isForOneRequest(claims, expiry);
  if (!oneRequest && !expected.privateConnection) {
    throw new CaiError("admin.bearer-over-plaintext", "a reusable admin token came over a connection that others can read", {
      expected: "TLS, loopback, or a token for one request",
    });
  }
  const role = roleOf(claims, issuer);
  // Last, so that a request that is refused for another reason does not burn the token of the one that was meant.
  const once = claims.jti !== undefined && (issuer.kind === "key" || oneRequest);
  if (once && !(await expected.spend(claims.jti!, expiry + CLOCK_LEEWAY))) {
    throw new CaiError("admin.token-replayed", "the admin token was used before");
  }
  return { issuer: issuer.name, role, oneRequest } as AdminGrant;
}

interface VerifiedClaims {
  readonly claims: AdminClaims;
  readonly issuer: AdminIssuer;
}

async function verifiedClaims(token: string | undefined, issuers: readonly AdminIssuer[]): Promise<VerifiedClaims> {
  if (token === undefined) throw unauthenticated("no admin token");
  if (token.length > MAX_TOKEN) throw unauthenticated("an oversized token");
  const header = headerOf(token);
  for (const issuer of issuers) {
    for (const key of await issuer.keys(header.kid)) {
      if (!algorithmsOf(key).includes(header.alg)) continue;
      let payload: Uint8Array;
      try {
        ({ payload } = await compactVerify(token, key, { algorithms: [header.alg] }));
      } catch {
        continue; // another admin's key may have signed it
      }
      return { claims: readClaims(payload), issuer };
    }
  }
  throw unauthenticated("a token that no admin key of this trustee signed");
}

const tokenHeader = z.object({ alg: z.string().max(16), kid: z.string().max(256).optional() });

function headerOf(token: string): z.output<typeof tokenHeader> {
  try {
    return tokenHeader.parse(decodeProtectedHeader(token));
  } catch {
    throw unauthenticated("a token of another form");
  }
}

function readClaims(payload: Uint8Array): AdminClaims {
  try {
    return adminClaims.parse(JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(payload)));
  } catch {
    throw unauthenticated("claims of another form");
  }
}

/** @returns the algorithms that a key may sign admin tokens with; none for a key of another kind */
export function algorithmsOf({ asymmetricKeyType: type, asymmetricKeyDetails: details }: KeyObject): readonly string[] {
  return ALGORITHMS[type === "ec" ? `ec ${details?.namedCurve}` : String(type)] ?? [];
}

function requireAddressee({ aud, iss }: AdminClaims, issuer: AdminIssuer, tid: string): void {
  if (issuer.issuer !== undefined && iss !== issuer.issuer) throw mismatch("iss", issuer.issuer, String(iss));
  if (aud === undefined && issuer.audience === undefined) return;
  const named = aud === undefined ? [] : [aud].flat();
  const wanted = issuer.audience ?? tid;
  if (!named.includes(wanted)) throw mismatch("aud", wanted, String(aud));
}

/** A key with a restricted role has that one also where its token names none, and never another. */
function roleOf({ role }: AdminClaims, { kind, roles }: AdminIssuer): string {
  const implied = kind === "provider" ? undefined : roles === undefined ? DEFAULT_ROLE : roles.length === 1 ? roles[0] : undefined;
  const named = role ?? implied;
  if (named !== undefined && (roles === undefined || roles.includes(named))) return named;
  throw new CaiError("admin.forbidden", named === undefined ? "the admin token names no role" : "the role is not one of the signer's", {
    ...(named !== undefined && { got: named }),
  });
}

function requireCurrent({ iat, nbf, exp }: AdminClaims, now: number): number {
  if (exp === undefined || exp > now + MAX_BEARER_SECONDS) {
    throw new CaiError("admin.token-unbounded", "the admin token does not end soon", {
      expected: "`exp` within 2 h 15 min",
      got: exp === undefined ? "no `exp`" : `\`exp\` in ${Math.round(exp - now)} s`,
    });
  }
  if (now >= exp + CLOCK_LEEWAY) throw unauthenticated("an expired token");
  if (Math.max(iat ?? 0, nbf ?? 0) > now + CLOCK_LEEWAY) throw unauthenticated("a token of the future");
  return exp;
}

function requireThisRequest({ htm, htu, bh }: AdminClaims, { request }: AdminTokenExpectation): void {
  if (htm !== undefined && htm !== request.method) throw mismatch("htm", request.method, htm);
  if (htu !== undefined && htu !== request.target) throw mismatch("htu", request.target, htu);
  if (bh !== undefined && bh !== bodyHash(request.body)) throw mismatch("bh", "the digest of this body", "another digest");
}

function isForOneRequest({ iat, jti, aud, htm, htu, bh }: AdminClaims, expiry: number): boolean {
  const complete = [iat, jti, aud, htm, htu, bh].every((claim) => claim !== undefined);
  return complete && expiry <= (iat ?? 0) + ONE_REQUEST_SECONDS;
}

function bodyHash(body: Uint8Array): string {
  return encodeBase64Url(createHash("sha256").update(body).digest());
}

function unauthenticated(got: string): CaiError {
  return new CaiError("admin.unauthenticated", `the request is not authenticated: ${got}`, {
    expected: "an admin token signed by an admin key of this trustee",
    got,
  });
}

function mismatch(claim: string, expected: string, got: string): CaiError {
  return new CaiError("admin.token-mismatch", `the admin token was made for something else: \`${claim}\` differs`, {
    expected,
    got: got.slice(0, 200),
  });
}
