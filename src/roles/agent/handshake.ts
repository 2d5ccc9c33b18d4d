import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { publicJwkOf } from "../../crypto/index.ts";
import {
  bodyContext,
  createResponseVerifier,
  encodeAttestation,
  encodeRequest,
  type InitData,
  parseChallenge,
  parseTeeKey,
  parseTokenReply,
  type RcarChallenge,
  rcarRuntimeData,
  readUnverifiedClaims,
  reportDataOf,
  SESSION_COOKIE,
  type TeeKey,
  teeKeyInToken,
} from "../../protocol/index.ts";
import { CaiError, type JsonObject, type JsonValue } from "../../system/index.ts";
import type { Attester } from "../../tee/index.ts";
import { otherTrustee, type TrusteeAnswer, type TrusteeConnection } from "./trustee-connection.ts";
import { readRefusal, refusalError } from "./trustee-refusal.ts";

/** An attested session: what one RCAR handshake leaves in this process. */
export interface AttestedSession {
  /** compact JWS, for whoever accepts this trustee's tokens */
  readonly token: string;
  /** the token's claims, as read; this process believes the trustee, not the token's signer */
  readonly claims: JsonObject;
  readonly teeKey: TeeKey;
  /** opens answers to this token; made for this handshake and used for nothing else */
  readonly privateKey: KeyObject;
  /** value of the `Cookie` header */
  readonly cookie: string;
  /** true where report data was tagged, and answers name their resource (security.md §3.3, §3.4) */
  readonly tagged: boolean;
}

export interface HandshakeSettings {
  readonly attester: Attester;
  readonly initData?: InitData;
}

/**
 * Attests this machine: auth, evidence over the challenge and a fresh key, attest (trustee.md §1; agent.md §3.3).
 *
 * @throws CaiError `agent.attestation-rejected`, `agent.token-not-mine`, `agent.trustee-mismatch`, `agent.response-mismatch`,
 *   `kbs.message-malformed`, `kbs.hash-unsupported`, `net.response-invalid`, and what the connection and the attester throw
 */
export async function handshake(
  connection: TrusteeConnection,
  { attester, initData }: HandshakeSettings,
  signal?: AbortSignal,
): Promise<AttestedSession> {
  const post = (path: string, body: string, cookie?: string) =>
    connection.send({
      method: "POST",
      path,
      body,
      headers: { "content-type": "application/json", ...(cookie !== undefined && { cookie }) },
      contexts: () => [bodyContext(body)],
      ...(signal && { signal }),
    });

  const pinned = connection.tid;
  const challengeAnswer = await post("/auth", encodeRequest(attester.tee));
  requireAccepted(challengeAnswer, connection.base);
  const challenge = parseChallenge(challengeAnswer.body);
  requireExpectedTrustee(challenge, pinned);
  if (challenge.tid !== undefined && pinned === undefined) {
    // The channel authenticates the trustee, so its own word on its identity is good; from here on its answers are tied to it.
    const verifier = createResponseVerifier(challenge.tid);
    challengeAnswer.requireSignature(verifier);
    connection.adopt(verifier);
  }
  const session = sessionCookie(challengeAnswer, connection.base);

  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const teeKey = parseTeeKey({ ...publicJwkOf(publicKey), alg: "ECDH-ES+A256KW" });
  const { nonce, hash, tid } = challenge;
  const binding = { nonce, teeKey, additionalEvidence: "", ...(tid !== undefined && { tid }) };
  const primaryEvidence = await attester.evidence(reportDataOf(rcarRuntimeData(binding), hash));

  const answer = await post("/attest", encodeAttestation({ ...binding, primaryEvidence, ...(initData && { initData }) }), session);
  requireAccepted(answer, connection.base);
  const token = parseTokenReply(answer.body);
  const claims = readUnverifiedClaims(token);
  requireOwnToken(claims, teeKey, tid);
  return { token, claims, teeKey, privateKey, cookie: session, tagged: tid !== undefined };
}

function requireAccepted(answer: TrusteeAnswer, base: string): void {
  if (answer.status === 200) return;
  throw refusalError("agent.attestation-rejected", `the trustee at ${base} does not accept this machine`, readRefusal(answer, base));
}

function requireExpectedTrustee({ tid }: RcarChallenge, pinned: string | undefined): void {
  if (pinned === undefined || tid === pinned) return;
  if (tid !== undefined) throw otherTrustee(pinned, tid);
  throw new CaiError("agent.response-mismatch", "the pinned trustee did not take the offer of tagged binding", {
    expected: `a challenge of tid:${pinned}`,
    got: "a challenge that names no trustee",
  });
}

function sessionCookie(answer: TrusteeAnswer, base: string): string {
  const pattern = new RegExp(`^${SESSION_COOKIE}=([\\w-]{1,128})(?:;|$)`);
  for (const cookie of answer.headers.getSetCookie()) {
    const id = pattern.exec(cookie)?.[1];
    if (id !== undefined) return `${SESSION_COOKIE}=${id}`;
  }
  throw new CaiError("net.response-invalid", `${base} gave no session cookie with its challenge`, {
    expected: `a cookie ${SESSION_COOKIE}`,
  });
}

/** I3, I9: a token for another key belongs to somebody else's session, whatever it says otherwise. */
function requireOwnToken(claims: JsonObject, teeKey: TeeKey, tid: string | undefined): void {
  if (!isKey(teeKeyInToken(claims), teeKey)) {
    throw new CaiError("agent.token-not-mine", "the token that the trustee returned is for another key than this agent's");
  }
  if (tid === undefined) return;
  const cai = claims["cai"];
  const minter = typeof cai === "object" && cai !== null && !Array.isArray(cai) ? (cai as JsonObject)["tid"] : undefined;
  if (minter !== tid) {
    throw new CaiError("agent.token-not-mine", "the token was minted by another trustee than the one that was asked", {
      expected: `tid:${tid}`,
      got: typeof minter === "string" ? `tid:${minter.slice(0, 64)}` : "no tid",
    });
  }
}

function isKey(found: JsonValue | undefined, teeKey: TeeKey): boolean {
  if (typeof found !== "object" || found === null || Array.isArray(found)) return false;
  return Object.entries(teeKey).every(([name, value]) => (found as JsonObject)[name] === value);
}
