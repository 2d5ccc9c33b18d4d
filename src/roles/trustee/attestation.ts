import { createHash, timingSafeEqual } from "node:crypto";
import {
  checkBinding,
  deviceRuntimeData,
  isComposite,
  type PeerFamily,
  parseAdditionalEvidence,
  parseAttestation,
  parseOlderAttestation,
  type RcarAttestation,
  rcarRuntimeData,
  readInitData,
  reportDataOf,
} from "../../protocol/index.ts";
import { CaiError } from "../../system/index.ts";
import type { AttestationPolicyInForce } from "./attestation-policy.ts";
import { earClaims, type MintedClaims, signToken } from "./attestation-token.ts";
import { checkClock } from "./clock.ts";
import { gradesDetail } from "./decision-detail.ts";
import type { Denials } from "./denial.ts";
import type { FloorSurroundings } from "./evidence-facts.ts";
import { gradeEvidence } from "./grading.ts";
import type { Handshakes, RcarHandshake } from "./handshake.ts";
import type { TrusteeKeys } from "./identity.ts";
import { initDataClaims } from "./init-data-claims.ts";
import type { DecisionDraft, DecisionSubject, Recorder } from "./recorder.ts";
import { referencesInForce } from "./reference-message.ts";
import type { ReferenceUsage } from "./reference-usage.ts";
import { ROOT_REALM, type Store } from "./store/index.ts";
import { isCpuPlatform } from "./tee-class.ts";
import { type EvidenceToVerify, type VerificationParts, type VerifiedEvidence, verifyEvidence } from "./verification.ts";

/** What attestation works with. */
export interface AttestationParts extends VerificationParts {
  readonly store: Store;
  readonly keys: TrusteeKeys;
  readonly handshakes: Handshakes;
  readonly policy: AttestationPolicyInForce;
  readonly recorder: Recorder;
  readonly denials: Denials;
  readonly usage: ReferenceUsage;
  readonly collateralGraceSeconds: number;
  /** whose claims of init data tokens carry, and whether they name an issuer */
  readonly family: PeerFamily;
  readonly issuerName: string;
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
    const { version, hash, tagged, tee, protocol } = handshake;
    draft.note({ tee, detail: { protocol, fresh: "nonce" } });
    const claims = await mintClaims(parts, message, handshake, now, draft);
    // Recorded first: once the session is there, the same body gets the token. The token names the record, so that releases lead to it.
    const decision = await draft.allow();
    const token = signToken(await parts.keys.tokens.signing("ES256", now), { ...claims, cai: { ...claims.cai, decision } });
    await parts.store.sessions.put(sessionId, { body: digest, token, expires, tagged, version, tee, hash });
    return { token, expires };
  } catch (error) {
    throw await draft.deny(error);
  }
}

/** Reads the body. One that cannot be read is an attempt, too: where it names this session's nonce, that is spent (security.md I2). */
async function readMessage({ handshakes }: AttestationParts, { body, now }: AttestCall, sessionId: string): Promise<RcarAttestation> {
  const older = handshakes.olderSession(sessionId, now);
  try {
    return older === undefined ? parseAttestation(body) : parseOlderAttestation(body, older.version, older.nonce);
  } catch (error) {
    const nonce = older?.nonce ?? nonceIn(body);
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
  const runtimeData = isComposite(handshake.protocol) ? rcarRuntimeData(message) : deviceRuntimeData(message);
  const initData = message.initData && readInitData(message.initData.body);
  const primary: EvidenceToVerify = {
    tee: handshake.tee,
    evidence: message.primaryEvidence,
    reportData: reportDataOf(runtimeData, handshake.hash),
    ...(initData && { initData: initData.digest }),
    runtimeDataClaims: runtimeData,
    initDataClaims: initData === undefined ? null : initDataClaims(initData.claims, parts.family),
  };
  const evidence = await verifyEvidence(parts, [primary, ...devicesOf(message, handshake)], now);
  evidence.forEach(({ claims }, i) => {
    requireClass(claims.tee, claims.class === "cpu", i === 0);
  });
  return { evidence, binding };
}

/**
 * The devices of a run, each of which is bound to the run's nonce and key by runtime data of its own (trustee.md §1.6; security.md I7). The
 * names are in order, so that the numbers of the token's submodules do not depend on how the guest wrote them.
 */
function devicesOf(message: RcarAttestation, { hash }: RcarHandshake): EvidenceToVerify[] {
  const runtimeData = deviceRuntimeData(message);
  const devices = [...parseAdditionalEvidence(message.additionalEvidence)].sort(([a], [b]) => (a < b ? -1 : 1));
  return devices.map(([tee, evidence]) => {
    requireClass(tee, isCpuPlatform(tee), false);
    return { tee, evidence, reportData: reportDataOf(runtimeData, hash), runtimeDataClaims: runtimeData, initDataClaims: null };
  });
}

/** A CPU platform's evidence comes first, and no second one brings a key of its own into the run (security.md I1). */
function requireClass(tee: string, isCpu: boolean, primary: boolean): void {
  if (isCpu === primary) return;
  const message = primary ? "the evidence of a device came as primary evidence" : "CPU evidence came as additional evidence";
  throw new CaiError("kbs.evidence-class", message, { expected: primary ? "a CPU platform" : "a device", got: tee });
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
  const surroundings: FloorSurroundings = {
    world: parts.store.world,
    collateralGrace: parts.collateralGraceSeconds,
    denials: await parts.denials.inForce(ROOT_REALM),
    // Each piece was compared with report data of this run, which the handshake's nonce is in.
    fresh: "nonce",
    purpose: "release",
    now,
  };
  const { submods, facts, level, hits } = gradeEvidence({
    evidence,
    policy,
    references,
    surroundings,
    onReference: parts.usage.counting(ROOT_REALM),
  });
  draft.note({ level, detail: { floor: hits.map(({ id }) => id) } });
  draft.note({ detail: gradesDetail({ submods, policy, realm: ROOT_REALM, references: kept, now }) });
  return earClaims(parts, {
    submods,
    simulated: evidence.some(({ claims }) => claims.simulated),
    cai: {
      v: 1,
      use: "kbs",
      tid: parts.keys.tid,
      world: parts.store.world,
      fresh: "nonce",
      binding,
      protocol: handshake.protocol,
      policy_hash: policy.hash,
      level,
      floor: hits.map(({ id }) => id),
      facts,
    },
    now,
  });
}
