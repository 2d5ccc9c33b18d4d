import { createHash } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { type AssuranceLevel, assurance, type FloorHit, type Freshness, policyHash } from "../../../policy/index.ts";
import { type CaiTokenMember, type PeerFamily, PRIMARY_SUBMODULE } from "../../../protocol/index.ts";
import { CaiError, type ErrorId, type JsonObject } from "../../../system/index.ts";
import type { HashedPolicy } from "../attestation-policy.ts";
import { earClaims, signToken } from "../attestation-token.ts";
import { checkClock } from "../clock.ts";
import { gradesDetail } from "../decision-detail.ts";
import type { Denials } from "../denial.ts";
import { type FloorSurroundings, factsOf, floorOf } from "../evidence-facts.ts";
import { annotatedEvidence, type Grades, gradeEvidence } from "../grading.ts";
import type { TrusteeKeys } from "../identity.ts";
import type { DecisionDraft, DecisionSubject, Recorder } from "../recorder.ts";
import { referencesInForce } from "../reference-message.ts";
import type { ReferenceUsage } from "../reference-usage.ts";
import { type ReferenceValue, ROOT_REALM, type Store } from "../store/index.ts";
import { type VerificationParts, type VerifiedEvidence, verifyEvidence } from "../verification.ts";
import { type AttestationRequest, type PieceOfEvidence, readAttestationRequest } from "./attestation-request.ts";
import type { Challenges } from "./challenges.ts";
import { inField } from "./problem.ts";
import { requireAllowed, simpleToken } from "./simple-token.ts";

/** What the attestation service works with. */
export interface AppraisalParts extends VerificationParts {
  readonly store: Store;
  readonly keys: TrusteeKeys;
  readonly recorder: Recorder;
  readonly challenges: Challenges;
  readonly denials: Denials;
  readonly usage: ReferenceUsage;
  readonly collateralGraceSeconds: number;
  readonly family: PeerFamily;
  readonly tokenType: "ear" | "simple";
  readonly issuerName: string;
}

/** One POST attestation. */
export interface AppraisalCall {
  readonly body: Uint8Array;
  readonly client: string;
  /** what else a record says of the request */
  readonly about?: Pick<DecisionSubject, "request" | "unverified">;
  /** seconds since 1970 */
  readonly now: number;
}

/** Everything about the evidence was verified; how fresh it is, and to what it is bound. */
interface Appraised {
  readonly evidence: readonly VerifiedEvidence[];
  readonly fresh: Freshness;
  readonly binding: "plain" | "none";
}

/**
 * Answers POST attestation of the attestation service (trustee.md §4.2): verifies what a relying party or a guest sends, grades it, and mints a token
 * that opens nothing here (security.md I1, I6, I19).
 *
 * @returns the token
 * @throws CaiError `kbs.…`, `as.…`, `policy.…`, and what the platforms' verifiers throw
 */
export async function appraiseRequest(parts: AppraisalParts, { body, client, about, now }: AppraisalCall): Promise<string> {
  const request = readAttestationRequest(body, parts.family);
  const [primary] = request.pieces;
  const digest = createHash("sha256").update(body).digest("hex");
  const draft = parts.recorder.begin({ time: now, kind: "appraise", digest, client, ...about });
  draft.note({ tee: primary.tee });
  try {
    await checkClock(parts.store, now);
    const token = await mint(parts, request, draft, now);
    await draft.allow();
    return token;
  } catch (error) {
    throw await draft.deny(error);
  }
}

/** What evidence is held against, whatever form the token has. */
interface Grading {
  readonly references: JsonObject;
  /** every reference value, for the record */
  readonly kept: ReadonlyMap<string, ReferenceValue>;
  readonly surroundings: FloorSurroundings;
  readonly draft: DecisionDraft;
}

async function mint(parts: AppraisalParts, request: AttestationRequest, draft: DecisionDraft, now: number): Promise<string> {
  const policies = await policiesOf(parts, request.policyIds);
  const appraised = await verifyPieces(parts, request.pieces, now);
  draft.note({ detail: { fresh: appraised.fresh, binding: appraised.binding } });
  const kept = await parts.store.references.all(ROOT_REALM);
  const references = referencesInForce(kept, now);
  const surroundings: FloorSurroundings = {
    world: parts.store.world,
    collateralGrace: parts.collateralGraceSeconds,
    denials: await parts.denials.inForce(ROOT_REALM),
    fresh: appraised.fresh,
    purpose: "appraisal",
    now,
  };
  return parts.tokenType === "simple"
    ? mintSimple(parts, appraised, { policies, references, kept, surroundings, draft })
    : mintEar(parts, appraised, { policyId: request.policyIds[0], references, kept, surroundings, draft });
}

/** An EAR token is about the first policy, in the variant for the class of each piece where the family has such (trustee.md §4.6, §5.2). */
async function mintEar(
  parts: AppraisalParts,
  { evidence, fresh, binding }: Appraised,
  { policyId, references, kept, surroundings, draft }: Grading & { readonly policyId: string },
): Promise<string> {
  const { now } = surroundings;
  const classes = [...new Set(evidence.map(({ claims }) => claims.class))];
  const grades: Grades[] = [];
  const policies: HashedPolicy[] = [];
  for (const teeClass of classes) {
    const policy = await policyFor(parts, policyId, teeClass);
    policies.push(policy);
    const own = evidence.filter(({ claims }) => claims.class === teeClass);
    const graded = gradeEvidence({ evidence: own, policy, references, surroundings, onReference: parts.usage.counting(ROOT_REALM) });
    grades.push(graded);
    draft.note({ detail: gradesDetail({ submods: graded.submods, policy, realm: ROOT_REALM, references: kept, now }) });
  }
  const submods = Object.assign({}, ...grades.map((grade) => grade.submods)) as Grades["submods"];
  const facts = Object.assign({}, ...grades.map((grade) => grade.facts)) as Grades["facts"];
  const level = grades.find((grade) => Object.hasOwn(grade.submods, PRIMARY_SUBMODULE))?.level ?? "L0";
  const hash = policies[0]!.hash;
  const floorIds = idsOf(grades.flatMap(({ hits }) => hits));
  draft.note({ policyHash: hash, level, detail: { floor: floorIds } });
  const claims = earClaims(parts, {
    submods,
    simulated: evidence.some(({ claims: { simulated } }) => simulated),
    cai: { ...ownMember(parts, { fresh, binding, hash, level }), floor: floorIds, facts },
    now,
  });
  return signToken(await parts.keys.tokens.signing("ES256", now), claims);
}

/** A simple token says only yes, so nothing below the floor gets one, whatever its policies allow (security.md I12). */
async function mintSimple(
  parts: AppraisalParts,
  { evidence, fresh, binding }: Appraised,
  { policies, references, surroundings, draft }: Grading & { readonly policies: readonly HashedPolicy[] },
): Promise<string> {
  const { now } = surroundings;
  requireOneOfEach(evidence);
  const [hit] = evidence.flatMap((piece) => floorOf(factsOf(piece), annotatedEvidence(piece), surroundings));
  if (hit !== undefined) throw new CaiError(hit.id, hit.message);
  const level = assurance(annotatedEvidence(evidence[0]!), references);
  const hash = policies[0]!.hash;
  draft.note({ policyHash: hash, level });
  const tcbStatus = requireAllowed(evidence, policies, { references, onReference: parts.usage.counting(ROOT_REALM), now });
  return simpleToken(await parts.keys.tokens.signing("RS384", now), {
    evidence,
    tcbStatus,
    policies,
    issuer: parts.issuerName,
    cai: ownMember(parts, { fresh, binding, hash, level }),
    now,
  });
}

/**
 * A simple token carries the first piece's runtime data and one map of claims, named by platform: a second machine in it would lend its claims to
 * the key of the first, and a second device would hide those of the first (security.md I1, I7).
 */
function requireOneOfEach(evidence: readonly VerifiedEvidence[]): void {
  const seen = new Set<string>();
  for (const [i, { claims }] of evidence.entries()) {
    const isSecondMachine = claims.class === "cpu" && i > 0;
    if (!isSecondMachine && !seen.has(claims.tee)) {
      seen.add(claims.tee);
      continue;
    }
    const message = isSecondMachine ? "the evidence of a CPU platform comes first, and there is one" : "a platform comes twice";
    throw inField(new CaiError("kbs.evidence-class", message, { got: claims.tee }), `verification_requests[${i}].tee`);
  }
}

/** What `cai` says about a token of the attestation service: above all, that it is for relying parties and opens nothing (security.md §3.6). */
function ownMember(
  { keys, store }: AppraisalParts,
  { fresh, binding, hash, level }: { fresh: Freshness; binding: "plain" | "none"; hash: string; level: AssuranceLevel },
): CaiTokenMember {
  return { v: 1, use: "as", tid: keys.tid, world: store.world, fresh, binding, protocol: "as", policy_hash: hash, level };
}

/** Verifies challenges before anything else, then each piece after the other: one request occupies no more than one thread (security.md I40). */
async function verifyPieces(parts: AppraisalParts, pieces: AttestationRequest["pieces"], now: number): Promise<Appraised> {
  const challenged: boolean[] = [];
  for (const [i, { structured }] of pieces.entries()) {
    const token = structured?.["challenge_token"];
    if (typeof token === "string") {
      await parts.challenges.verify(token, now).catch((error) => {
        throw inField(error, `verification_requests[${i}].runtime_data.challenge_token`);
      });
    }
    challenged.push(typeof token === "string");
  }
  const evidence: VerifiedEvidence[] = [];
  for (const [i, piece] of pieces.entries()) {
    const [verified] = await verifyEvidence(parts, [piece], now).catch((error) => {
      throw inField(error, placeOf(i, CaiError.from(error)));
    });
    evidence.push(verified!);
  }
  requireBoundDevices(pieces, evidence);
  return {
    evidence,
    // Recent is only what is recent in every part.
    fresh: challenged.every(Boolean) ? "challenge" : "none",
    binding: evidence.every(({ bound }) => bound) ? "plain" : "none",
  };
}

/** The member that an error is about, as the specification names it (trustee.md §4.1). */
function placeOf(i: number, { id }: CaiError): string {
  const request = `verification_requests[${i}]`;
  if (id === "kbs.tee-unsupported") return `${request}.tee`;
  if (/^(tdx|sgx)\.(report-data|init-data)-mismatch$/.test(id))
    return `${request}.evidence.quote.${id.slice(4).replace("-mismatch", "").replace("-", "_")}`;
  return `${request}.evidence`;
}

/**
 * A device counts only where it is bound, and beside a CPU platform only where both are bound to the same challenge or nonce; otherwise it could be
 * another machine's (security.md I7).
 */
function requireBoundDevices(pieces: AttestationRequest["pieces"], evidence: readonly VerifiedEvidence[]): void {
  const cpu = pieces.find((_, i) => evidence[i]?.claims.class === "cpu");
  for (const [i, piece] of pieces.entries()) {
    if (evidence[i]?.claims.class === "cpu") continue;
    if (piece.reportData !== undefined && (cpu === undefined || sameRun(piece, cpu))) continue;
    throw inField(
      new CaiError("as.device-unbound", "nothing shows that the device is of this machine"),
      `verification_requests[${i}].runtime_data`,
    );
  }
}

/** Whatever both are bound to, a key for instance, must be the same for both. */
function sameRun({ structured: device }: PieceOfEvidence, { structured: cpu }: PieceOfEvidence): boolean {
  if (device === undefined || cpu === undefined) return false;
  const differs = Object.keys(device).some((name) => Object.hasOwn(cpu, name) && !isDeepStrictEqual(device[name], cpu[name]));
  return !differs && ["challenge_token", "nonce"].some((name) => typeof device[name] === "string" && Object.hasOwn(cpu, name));
}

/** @returns the policies of all ids, for any class. @throws CaiError `as.policy-unknown` */
async function policiesOf(parts: AppraisalParts, ids: readonly string[]): Promise<HashedPolicy[]> {
  return Promise.all([...new Set(ids)].map((id) => policyFor(parts, id, "cpu")));
}

async function policyFor({ store, family }: AppraisalParts, id: string, teeClass: string): Promise<HashedPolicy> {
  const own = family === "coco" ? await store.policies.get(ROOT_REALM, "attestation", `${id}_${teeClass}`) : undefined;
  const text = own ?? (await store.policies.get(ROOT_REALM, "attestation", id));
  if (text === undefined) throw inField(new CaiError("as.policy-unknown", "there is no attestation policy of that id"), "policy_ids");
  return { id, text, hash: policyHash(text) };
}

const idsOf = (hits: readonly FloorHit[]): ErrorId[] => hits.map(({ id }) => id);
