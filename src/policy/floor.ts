import type { ErrorId } from "../system/index.ts";
import type { TrustVector } from "./trust-vector.ts";

/** What shows that evidence is recent (security.md I6), weakest last. */
export type Freshness = "nonce" | "challenge" | "none";

/** What the floor looks at: facts that verifiers and the store establish, never a policy (security.md §4). */
export interface FloorFacts {
  /** the world the store was created for */
  readonly world: "production" | "simulated";
  /** true where the evidence led to a simulated anchor or its platform counts as simulated (I11) */
  readonly simulated: boolean;
  /** a debug bit or one of its kind is set */
  readonly debug: boolean;
  /** seconds that the collateral is past its earliest expiry; 0 while it is current */
  readonly collateralExpiredFor: number;
  /** seconds of expiry that the operator takes, at most 30 days; 0 by default */
  readonly collateralGrace?: number;
  /** the platform's standing in its manufacturer's words */
  readonly tcbStatus: string;
  /** the report data equalled the digest of this request's runtime data */
  readonly bound: boolean;
  readonly fresh: Freshness;
  /** `release` demands bound and fresh evidence; `appraisal` opens nothing and so does not */
  readonly purpose: "release" | "appraisal";
  /** true in a realm that takes attestation-service tokens: `challenge` is then fresh enough */
  readonly acceptChallenge?: boolean;
  /** what names this machine and build: PPID, instance id, measurement …; compared without regard to case */
  readonly identifiers?: readonly string[];
  /** identifiers that the operator denied (I16) */
  readonly denied?: readonly string[];
}

/** One line of the floor that did not hold. */
export interface FloorHit {
  readonly id: Extract<ErrorId, `policy.${string}`>;
  readonly message: string;
  /** the claim of the trust vector that the hit lowers */
  readonly claim: "configuration" | "hardware";
}

const MAXIMUM_GRACE = 30 * 86_400;

/**
 * The floor under every policy (security.md §4, I12): F1 world, F2 debug, F3 collateral, F4 deny rows, F5 binding and freshness, F7 revoked.
 *
 * @returns the lines that do not hold, in the order of the document; empty where all hold
 */
export function floor(facts: FloorFacts): FloorHit[] {
  const hits: FloorHit[] = [];
  const hit = (id: FloorHit["id"], message: string, claim: FloorHit["claim"] = "hardware") => hits.push({ id, message, claim });

  if (facts.simulated !== (facts.world === "simulated")) {
    hit("policy.simulated", `expected ${facts.world} evidence, got ${facts.simulated ? "simulated" : "production"} evidence`);
  }
  if (facts.debug) hit("policy.debug", "expected no debug attribute, got one that is set", "configuration");
  const grace = Math.min(facts.collateralGrace ?? 0, MAXIMUM_GRACE);
  // Written so that NaN is a hit.
  if (!(facts.collateralExpiredFor <= grace)) {
    hit("policy.collateral-expired", `expected at most ${grace} s past expiry, got ${facts.collateralExpiredFor} s`);
  }
  const denied = new Set(facts.denied?.map((name) => name.toLowerCase()));
  if (facts.identifiers?.some((name) => denied.has(name.toLowerCase()))) {
    hit("policy.platform-denied", "an identifier of this platform is on the deny list");
  }
  if (facts.purpose === "release") {
    if (!facts.bound) hit("policy.not-bound", "expected report data over this request's runtime data, got evidence that is not bound");
    if (facts.fresh !== "nonce" && !(facts.fresh === "challenge" && facts.acceptChallenge === true)) {
      hit("policy.not-fresh", `expected ${facts.acceptChallenge === true ? "a nonce or challenge" : "a nonce"}, got ${facts.fresh}`);
    }
  }
  if (facts.tcbStatus === "Revoked") hit("policy.tcb-revoked", "expected a TCB that is not revoked, got Revoked");
  return hits;
}

/**
 * Lowers a vector to the floor, so that peers which know no floor refuse too (security.md §4).
 *
 * Hardware becomes 97 whatever it was: a negative contraindicating value passes the upstream test `<= 32`. Configuration keeps a worse
 * positive value.
 */
export function capVector(vector: TrustVector, hits: readonly FloorHit[]): TrustVector {
  const capped: { -readonly [claim in keyof TrustVector]: TrustVector[claim] } = { ...vector };
  for (const { claim } of hits) {
    if (claim === "hardware") capped.hardware = 97;
    else capped.configuration = Math.max(capped.configuration ?? 96, 96);
  }
  return capped;
}
