import { createHash, timingSafeEqual } from "node:crypto";
import { type FloorHit, floor } from "../../policy/index.ts";
import {
  checkBinding,
  EAR_PROFILE,
  PROTOCOL_VERSION,
  parseAdditionalEvidence,
  parseAttestation,
  type RcarAttestation,
  rcarRuntimeData,
  readInitData,
  reportDataOf,
} from "../../protocol/index.ts";
import { CaiError, version } from "../../system/index.ts";
import type { Claims } from "../../tee/index.ts";
import type { AttestationPolicyInForce } from "./attestation-policy.ts";
import { type MintedClaims, signToken } from "./attestation-token.ts";
import { checkClock } from "./clock.ts";
import { gradesDetail } from "./decision-detail.ts";
import { gradeEvidence } from "./grading.ts";
import type { Handshakes, RcarHandshake } from "./handshake.ts";
import type { TrusteeKeys } from "./identity.ts";
import type { DecisionDraft, DecisionSubject, Recorder } from "./recorder.ts";
import { referencesInForce } from "./reference-message.ts";
import { ROOT_REALM, type Store } from "./store/index.ts";
import { isCpuPlatform } from "./tee-class.ts";
import { unsupportedTee, type VerificationParts, type VerifiedEvidence, verifyEvidence } from "./verification.ts";

/** How long a token opens resources, seconds (security.md §5). */
const TOKEN_LIFE = 300;

/** What attestation works with. */
export interface AttestationParts extends VerificationParts {
  readonly store: Store;
  readonly keys: TrusteeKeys;
  readonly handshakes: Handshakes;
  readonly policy: AttestationPolicyInForce;
  readonly recorder: Recorder;
  readonly collateralGraceSeconds: number;
}

/** One POST attest. */
export interface AttestCall {
  readonly body: Uint8Array;
  /** the session id of the cookie, where there is one */
  readonly sessionId: string | undefined;
  readonly client: string;
  /** seconds since 1970 */
  readonly now: number;
  /** what else a record says of the request */
  readonly about?: Pick<DecisionSubject, "request" | "unverified">;
}

export interface AttestedSession {
  readonly token: string;
  /** seconds since 1970; that of the handshake, never extended */
  readonly expires: number;
}

/**
 * Answers POST attest: the second half of RCAR (trustee.md §1.6).
 *
 * The identical body again gives the same token; another body never does (security.md I3). The nonce is spent before anything is
 * verified, so a failed attempt costs it too (I2).
 *
 * @throws CaiError `kbs.…`, `policy.…`, and what the platform's verifier throws
 */
export async function attest(parts: AttestationParts, call: AttestCall): Promise<AttestedSession> {
  const { sessionId, body, now } = call;
  if (sessionId === undefined) throw new CaiError("kbs.session-unknown", "the request has no session cookie", { hint: "Start with auth." });
  const digest = createHash("sha256").update(body).digest();
  const session = await parts.store.sessions.get(sessionId, now);
  if (session !== undefined && timingSafeEqual(session.body, digest)) return session;
  const draft = parts.recorder.begin({ time: now, kind: "attest", digest: digest.toString("hex"), client: call.client, ...call.about });
  try {
    // Whoever has a victim's cookie, or gave it one, would try this (I3).
    if (session !== undefined) {
      throw new CaiError("kbs.session-used", "the session was attested with another body", { hint: "Start again with auth." });
    }
    const message = await readMessage(parts, call, sessionId);
    await checkClock(parts.store, now);
    const { handshake, expires } = await parts.handshakes.redeem(message.nonce, sessionId, now);
    const { version, hash, tagged, tee } = handshake;
    draft.note({ tee, detail: { protocol: PROTOCOL_VERSION, fresh: "nonce" } });
    const claims = await mintClaims(parts, message, handshake, now, draft);
    // Recorded first: once the session is there, the same body gets the token. The token names the record, so that releases lead to it.
    const decision = await draft.allow();
    const token = signToken(parts.keys.tokens, { ...claims, cai: { ...claims.cai, decision } });
    await parts.store.sessions.put(sessionId, { body: digest, token, expires, tagged, version, tee, hash });
    return { token, expires };
  } catch (error) {
    throw await draft.deny(error);
  }
}

/** Reads the body. One that cannot be read is an attempt, too: where it names this session's nonce, that is spent (security.md I2). */
async function readMessage({ handshakes }: AttestationParts, { body, now }: AttestCall, sessionId: string): Promise<RcarAttestation> {
  try {
    return parseAttestation(body);
  } catch (error) {
    const nonce = nonceIn(body);
    // Whatever is wrong with the nonce besides, what is wrong with the body is the answer.
    if (nonce !== undefined) await handshakes.redeem(nonce, sessionId, now).catch(() => undefined);
    throw error;
  }
}

function nonceIn(body: Uint8Array): string | undefined {
  try {
    const message = JSON.parse(new TextDecoder().decode(body)) as { "runtime-data": { nonce: unknown } };
    const { nonce } = message["runtime-data"];
    return typeof nonce === "string" ? nonce : undefined;
  } catch {
    return undefined;
  }
}

/** Evidence of one RCAR run after everything about it was verified; the key in its runtime data is the machine's own (security.md I1). */
interface VerifiedRun {
  readonly evidence: readonly VerifiedEvidence[];
  readonly binding: "tagged" | "plain";
}

async function verifyRun(parts: AttestationParts, message: RcarAttestation, handshake: RcarHandshake, now: number): Promise<VerifiedRun> {
  const binding = checkBinding(parts.keys.tid, handshake.tagged, message.tid);
  refuseAdditionalEvidence(message.additionalEvidence);
  const runtimeData = rcarRuntimeData(message);
  const initData = message.initData && readInitData(message.initData.body);
  const primary = {
    tee: handshake.tee,
    evidence: message.primaryEvidence,
    reportData: reportDataOf(runtimeData, handshake.hash),
    ...(initData && { initData: initData.digest }),
    runtimeDataClaims: runtimeData,
    initDataClaims: initData?.claims ?? null,
  };
  return { evidence: await verifyEvidence(parts, [primary], now), binding };
}

/** This version verifies no device, and a device that is not verified must not appear in a token (security.md I7). */
function refuseAdditionalEvidence(text: string): void {
  for (const tee of parseAdditionalEvidence(text).keys()) {
    if (isCpuPlatform(tee)) throw new CaiError("kbs.evidence-class", "CPU evidence came as additional evidence", { got: tee });
    throw unsupportedTee(tee);
  }
}

async function mintClaims(
  parts: AttestationParts,
  message: RcarAttestation,
  handshake: RcarHandshake,
  now: number,
  draft: DecisionDraft,
): Promise<MintedClaims> {
  const { evidence, binding } = await verifyRun(parts, message, handshake, now);
  const policy = await parts.policy.get();
  const kept = await parts.store.references.all(ROOT_REALM);
  const references = referencesInForce(kept, now);
  draft.note({ policyHash: policy.hash, detail: { binding } });
  const { submods, level, hits } = gradeEvidence({ evidence, policy, references, now, floor: ({ claims }) => floorHits(parts, claims) });
  draft.note({ level, detail: { floor: hits.map(({ id }) => id) } });
  draft.note({ detail: gradesDetail({ submods, policy, realm: ROOT_REALM, references: kept, now }) });
  return {
    eat_profile: EAR_PROFILE,
    iat: now,
    exp: now + TOKEN_LIFE,
    "ear.verifier-id": { developer: "cai", build: `cai ${version}` },
    submods,
    ...(evidence.some(({ claims }) => claims.simulated) && { simulated: true }),
    cai: {
      v: 1,
      use: "kbs",
      tid: parts.keys.tid,
      world: parts.store.world,
      fresh: "nonce",
      binding,
      protocol: PROTOCOL_VERSION,
      policy_hash: policy.hash,
      level,
      floor: hits.map(({ id }) => id),
    },
  };
}

function floorHits({ store, collateralGraceSeconds }: AttestationParts, claims: Claims): FloorHit[] {
  return floor({
    world: store.world,
    simulated: claims.simulated,
    debug: claims.floor.debug,
    collateralExpiredFor: claims.floor.collateralExpiredFor,
    collateralGrace: collateralGraceSeconds,
    tcbStatus: claims.floor.tcbStatus,
    // The verifier compared the report data with this run's, and the handshake's nonce is in it.
    bound: true,
    fresh: "nonce",
    purpose: "release",
  });
}
