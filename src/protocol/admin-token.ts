import { createHash, type KeyObject, randomBytes } from "node:crypto";
import { CompactSign, compactVerify } from "jose";
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

/** What one admin token was accepted for. Only `checkAdminToken` makes these. */
export interface AdminGrant {
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
const DEFAULT_ROLE = "admin";

/**
 * Makes a token that is good for one request at one trustee (security.md §3.6).
 *
 * @param key   Ed25519 private key
 * @param tid   the trustee's identity
 * @param now   seconds since 1970
 * @returns the value for `Authorization: Bearer`
 */
export async function makeAdminToken(key: KeyObject, tid: string, request: AdminRequest, now: number): Promise<string> {
  const claims = {
    iat: now,
    exp: now + ONE_REQUEST_SECONDS,
    jti: encodeBase64Url(randomBytes(JTI_BYTES)),
    aud: tid,
    htm: request.method,
    htu: request.target,
    bh: bodyHash(request.body),
  };
  return new CompactSign(new TextEncoder().encode(JSON.stringify(claims))).setProtectedHeader({ alg: "EdDSA", typ: "JWT" }).sign(key);
}

/** What a trustee checks admin tokens against. */
export interface AdminTokenExpectation {
  /** Ed25519 public keys of the administrators */
  readonly keys: readonly KeyObject[];
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
  htm: z.string().optional(),
  htu: z.string().optional(),
  bh: z.string().optional(),
  role: z.string().min(1).max(64).optional(),
});
type AdminClaims = z.output<typeof adminClaims>;

/**
 * Checks an admin token: one of ours, good for one request, or one of the upstream families, which is reusable and therefore must
 * end soon and travel where nobody else reads (security.md I24, §3.6). Whatever a token carries is enforced, whoever made it.
 *
 * @param token  the text after `Bearer `; undefined where the request has none
 * @throws CaiError `admin.unauthenticated`, `admin.token-unbounded`, `admin.token-mismatch`, `admin.bearer-over-plaintext`,
 *   `admin.token-replayed`
 */
export async function checkAdminToken(token: string | undefined, expected: AdminTokenExpectation): Promise<AdminGrant> {
  const claims = await verifiedClaims(token, expected.keys);
  const expiry = requireCurrent(claims, expected.now);
  requireThisRequest(claims, expected);
  const oneRequest = isForOneRequest(claims, expiry);
  if (!oneRequest && !expected.privateConnection) {
    throw new CaiError("admin.bearer-over-plaintext", "a reusable admin token came over a connection that others can read", {
      expected: "TLS, loopback, or a token for one request",
    });
  }
  // Last, so that a request that is refused for another reason does not burn the token of the one that was meant.
  if (claims.jti !== undefined && !(await expected.spend(claims.jti, expiry + CLOCK_LEEWAY))) {
    throw new CaiError("admin.token-replayed", "the admin token was used before");
  }
  return { role: claims.role ?? DEFAULT_ROLE, oneRequest } as AdminGrant;
}

async function verifiedClaims(token: string | undefined, keys: readonly KeyObject[]): Promise<AdminClaims> {
  if (token === undefined) throw unauthenticated("no admin token");
  if (token.length > MAX_TOKEN) throw unauthenticated("an oversized token");
  for (const key of keys) {
    let payload: Uint8Array;
    try {
      ({ payload } = await compactVerify(token, key, { algorithms: ["EdDSA"] }));
    } catch {
      continue; // another admin's key may have signed it
    }
    try {
      return adminClaims.parse(JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(payload)));
    } catch {
      throw unauthenticated("claims of another form");
    }
  }
  throw unauthenticated("a token that no admin key of this trustee signed");
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

function requireThisRequest({ aud, htm, htu, bh }: AdminClaims, { tid, request }: AdminTokenExpectation): void {
  if (aud !== undefined && !(Array.isArray(aud) ? aud : [aud]).includes(tid)) throw mismatch("aud", tid, String(aud));
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
