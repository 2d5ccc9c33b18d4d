import { createHash } from "node:crypto";
import { sealFirstJwe, sealJwe } from "../../crypto/index.ts";
import { decideRelease, type FloorHit } from "../../policy/index.ts";
import type { PeerFamily, ProtocolVersion } from "../../protocol/index.ts";
import { CaiError, type JsonObject } from "../../system/index.ts";
import type { AttestationPolicyInForce } from "./attestation-policy.ts";
import { checkClock } from "./clock.ts";
import { gradesDetail, releaseDetail } from "./decision-detail.ts";
import type { Denials } from "./denial.ts";
import type { FloorSurroundings } from "./evidence-facts.ts";
import { regradeEvidence } from "./grading.ts";
import { ReleaseGrant } from "./grant.ts";
import type { TrusteeKeys } from "./identity.ts";
import { POLICY_IN_FORCE } from "./policy-ids.ts";
import type { Realms } from "./realm.ts";
import type { DecisionDraft, DecisionFacts, DecisionSubject, Recorder } from "./recorder.ts";
import { referencesInForce } from "./reference-message.ts";
import type { ReferenceUsage } from "./reference-usage.ts";
import { ROOT_REALM, type Store } from "./store/index.ts";

/** The plugin that `kbs:///` names; another one is named in the scheme (trustee.md §3.1). */
const RESOURCE = "resource";

/** What release works with. */
export interface ReleaseParts {
  readonly store: Store;
  readonly keys: TrusteeKeys;
  readonly policy: AttestationPolicyInForce;
  readonly recorder: Recorder;
  readonly realms: Realms;
  readonly denials: Denials;
  readonly usage: ReferenceUsage;
  readonly collateralGraceSeconds: number;
  /** decides the form in which policies are told the path */
  readonly family: PeerFamily;
  /** the versions of the protocol that are spoken */
  readonly versions: readonly ProtocolVersion[];
}

/** One GET of what a plugin has. */
export interface ReleaseCall {
  readonly plugin: string;
  /** the path below the plugin */
  readonly segments: readonly string[];
  readonly query: JsonObject;
  /** the token as it came: from the session, or as a bearer */
  readonly token: string;
  readonly client: string;
  /** seconds since 1970 */
  readonly now: number;
  /** what else a record says of the request */
  readonly about?: Pick<DecisionSubject, "request" | "unverified">;
  /** told as soon as it is known for whom the answer is, also where it will be a refusal */
  readonly onGrant: (grant: ReleaseGrant) => void;
  /** gets what is to be released, once that is allowed */
  readonly content: () => Promise<Uint8Array>;
}

/**
 * Answers a GET of an attested guest (trustee.md §1.10): a JWE to the key in the token, which makes a stolen token worthless (security.md I20).
 * The realm that a resource belongs to decides by its own policies, reference values and deny rows, as they are now (I16, I21); the root realm
 * decides on what other plugins have. Policy decides before existence is looked up.
 *
 * @returns the JSON text of the answer
 * @throws CaiError `kbs.token-…`, `kbs.policy-denied`, `policy.…` of the floor, `trustee.clock-behind`, and what the plugin throws
 */
export async function release(parts: ReleaseParts, call: ReleaseCall): Promise<string> {
  const { plugin, segments, token, now, client } = call;
  const realm = plugin === RESOURCE ? await parts.realms.of(segments) : ROOT_REALM;
  const digest = createHash("sha256").update(token).digest("hex");
  const subject = (plugin === RESOURCE ? segments : [plugin, ...segments]).join("/");
  const draft = parts.recorder.begin({ time: now, kind: "release", realm, subject, digest, client, ...call.about });
  try {
    const grant = await openGrant(parts, realm, token, now);
    call.onGrant(grant);
    draft.note(grantFacts(parts, grant));
    grant.requireFloor();
    const verdict = await judgeInRealm(parts, realm, grant, draft, now);
    await requirePolicy(parts, call, realm, verdict, draft);
    const answer = await sealContent(call, grant);
    await draft.allow();
    return answer;
  } catch (error) {
    throw await draft.deny(error);
  }
}

/** What the token says of the attestation that it came from. A second address beside that of the release may mean that it was stolen (security.md I20). */
function grantFacts({ recorder }: ReleaseParts, { level, policyHash, binding, protocol, fresh, decision }: ReleaseGrant): DecisionFacts {
  const client = decision === undefined ? undefined : recorder.clientOf(decision);
  const attestation = decision === undefined ? {} : { attestation: { decision, ...(client !== undefined && { client }) } };
  return { attested: true, level, policyHash, detail: { binding, protocol, fresh, ...attestation } };
}

/** Tokens of RCAR are taken for every realm; those of the attestation service only where the realm says under which policies (I6, I19). */
async function openGrant(parts: ReleaseParts, realm: string, token: string, now: number): Promise<ReleaseGrant> {
  const { store, keys, policy, versions } = parts;
  await checkClock(store, now);
  const { id, hash } = await policy.get();
  const attestationService = await servicePolicies(parts, realm);
  return ReleaseGrant.open(await keys.tokens.accepted("ES256", now), token, {
    tid: keys.tid,
    world: store.world,
    policyId: id,
    policyHash: hash,
    ...(attestationService && { attestationService }),
    versions,
    now,
  });
}

/** @returns the policies under which a realm takes tokens of the attestation service, id to hash as it stands in those tokens */
async function servicePolicies({ realms, policy, family }: ReleaseParts, realm: string): Promise<Map<string, string> | undefined> {
  const { accept_as_tokens: accepted } = await realms.content(realm);
  if (accepted === undefined) return undefined;
  const hashes = new Map<string, string>();
  for (const id of accepted.policy_ids) {
    // The Confidential Containers family has a variant of a policy for each class (trustee.md §4.6).
    const variant = family === "coco" ? await policy.named(ROOT_REALM, `${id}_cpu`) : undefined;
    const found = variant ?? (await policy.named(ROOT_REALM, id));
    if (found !== undefined) hashes.set(id, found.hash);
  }
  return hashes;
}

/** What a realm's own rules say of the evidence in a token. */
interface RealmVerdict {
  /** the token's claims with the realm's grades in the place of those that it was minted with: the resource policy's input */
  readonly claims: JsonObject;
  readonly floor: readonly FloorHit[];
  /** writes down why the grades are what they are, where that is not written down yet */
  readonly explain: () => void;
}

/** Grades the evidence in a token by a realm's attestation policy and reference values, and holds it against the floor as of now. */
async function judgeInRealm(
  parts: ReleaseParts,
  realm: string,
  grant: ReleaseGrant,
  draft: DecisionDraft,
  now: number,
): Promise<RealmVerdict> {
  const policy = await parts.policy.get(realm);
  const kept = await parts.store.references.all(realm);
  const surroundings: FloorSurroundings = {
    world: parts.store.world,
    collateralGrace: parts.collateralGraceSeconds,
    denials: await parts.denials.inForce(realm),
    fresh: grant.fresh,
    purpose: "release",
    acceptChallenge: (await parts.realms.content(realm)).accept_as_tokens !== undefined,
    now,
  };
  const { submods, level, hits } = regradeEvidence({
    submods: grant.submods,
    facts: grant.facts,
    policy,
    references: referencesInForce(kept, now),
    surroundings,
    onReference: parts.usage.counting(realm),
  });
  draft.note({ level, policyHash: policy.hash, detail: { floor: hits.map(({ id }) => id) } });
  const explain = () => draft.note({ detail: gradesDetail({ submods, policy, realm, references: kept, now }) });
  // Those of the root realm are in the record of the attestation, which this one names.
  if (realm !== ROOT_REALM) explain();
  const cai = { ...(grant.claims["cai"] as JsonObject), policy_hash: policy.hash, level, floor: hits.map(({ id }) => id) };
  return {
    claims: { ...grant.claims, submods: submods as JsonObject, cai },
    floor: hits,
    explain: realm === ROOT_REALM ? explain : () => {},
  };
}

async function requirePolicy(
  { store, family }: ReleaseParts,
  { plugin, segments, query, now }: ReleaseCall,
  realm: string,
  verdict: RealmVerdict,
  draft: DecisionDraft,
): Promise<void> {
  const [hit] = verdict.floor;
  if (hit !== undefined) throw new CaiError(hit.id, `the evidence is below the floor that holds under every policy: ${hit.message}`);
  const policyText = await store.policies.get(realm, "resource", POLICY_IN_FORCE);
  if (policyText === undefined) throw new CaiError("kbs.policy-denied", "there is no resource policy");
  const resource = { plugin, path: segments, query, pathAs: family === "coco" ? "segments" : "text" } as const;
  const request = { policyText, token: verdict.claims, resource, now };
  const decision = decideRelease(request);
  // What took too long once would take as long again to be explained.
  if (decision.allowed || decision.id !== "policy.limit-exceeded") draft.note({ detail: releaseDetail(request, realm) });
  if (decision.allowed) return;
  verdict.explain();
  throw new CaiError("kbs.policy-denied", `the resource policy does not allow it: ${decision.reason}`);
}

async function sealContent({ plugin, segments, content }: ReleaseCall, grant: ReleaseGrant): Promise<string> {
  const secret = await content();
  try {
    if (grant.protocol === "0.1.1") return JSON.stringify(sealFirstJwe(secret, grant.teeKey));
    const uri = `kbs${plugin === RESOURCE ? "" : `+${plugin}`}:///${segments.join("/")}`;
    return JSON.stringify(sealJwe(secret, grant.teeKey, grant.binding === "tagged" ? { caiUri: uri } : {}));
  } finally {
    secret.fill(0);
  }
}
