import { createHash } from "node:crypto";
import { sealJwe } from "../../crypto/index.ts";
import { decideRelease } from "../../policy/index.ts";
import { formatResourcePath, formatResourceUri, type ResourcePath } from "../../protocol/index.ts";
import { CaiError, type JsonObject } from "../../system/index.ts";
import type { AttestationPolicyInForce } from "./attestation-policy.ts";
import { checkClock } from "./clock.ts";
import { releaseDetail } from "./decision-detail.ts";
import { ReleaseGrant } from "./grant.ts";
import type { TrusteeKeys } from "./identity.ts";
import { POLICY_IN_FORCE } from "./policy-ids.ts";
import type { DecisionDraft, DecisionFacts, DecisionSubject, Recorder } from "./recorder.ts";
import { ROOT_REALM, type Store } from "./store/index.ts";

const PLUGIN = "resource";

/** What release works with. */
export interface ReleaseParts {
  readonly store: Store;
  readonly keys: TrusteeKeys;
  readonly policy: AttestationPolicyInForce;
  readonly recorder: Recorder;
}

/** One GET of a resource. */
export interface ReleaseCall {
  readonly path: ResourcePath;
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
}

/**
 * Answers a GET of a resource (trustee.md §1.10): a JWE to the key in the token, which makes a stolen token worthless (security.md I20).
 * Policy decides before existence is looked up.
 *
 * @returns the JSON text of the answer
 * @throws CaiError `kbs.token-…`, `kbs.policy-denied`, `kbs.resource-missing`, `policy.…` of the floor, `trustee.clock-behind`
 */
export async function release(parts: ReleaseParts, call: ReleaseCall): Promise<string> {
  const { path, token, now, client } = call;
  const digest = createHash("sha256").update(token).digest("hex");
  const draft = parts.recorder.begin({ time: now, kind: "release", subject: formatResourcePath(path), digest, client, ...call.about });
  try {
    const grant = await openGrant(parts, token, now);
    call.onGrant(grant);
    draft.note(grantFacts(parts, grant));
    grant.requireFloor();
    await requirePolicy(parts, call, grant, draft);
    const answer = await sealResource(parts, path, grant);
    await draft.allow();
    return answer;
  } catch (error) {
    throw await draft.deny(error);
  }
}

/** What the token says of the attestation that it came from. A second address beside that of the release may mean that it was stolen (security.md I20). */
function grantFacts({ recorder }: ReleaseParts, { level, policyHash, binding, protocol, decision }: ReleaseGrant): DecisionFacts {
  const client = decision === undefined ? undefined : recorder.clientOf(decision);
  const attestation = decision === undefined ? {} : { attestation: { decision, ...(client !== undefined && { client }) } };
  return { attested: true, level, policyHash, detail: { binding, protocol, fresh: "nonce", ...attestation } };
}

async function openGrant({ store, keys, policy }: ReleaseParts, token: string, now: number): Promise<ReleaseGrant> {
  await checkClock(store, now);
  const { id, hash } = await policy.get();
  return ReleaseGrant.open(keys.tokens, token, { tid: keys.tid, world: store.world, policyId: id, policyHash: hash, now });
}

async function requirePolicy(
  { store }: ReleaseParts,
  { path, query, now }: ReleaseCall,
  grant: ReleaseGrant,
  draft: DecisionDraft,
): Promise<void> {
  const policyText = await store.policies.get(ROOT_REALM, "resource", POLICY_IN_FORCE);
  if (policyText === undefined) throw new CaiError("kbs.policy-denied", "there is no resource policy");
  const resource = { plugin: PLUGIN, path: [path.repository, path.type, path.tag], query };
  const request = { policyText, token: grant.claims, resource, now };
  const decision = decideRelease(request);
  // What took too long once would take as long again to be explained.
  if (decision.allowed || decision.id !== "policy.limit-exceeded") draft.note({ detail: releaseDetail(request, ROOT_REALM) });
  if (!decision.allowed) throw new CaiError("kbs.policy-denied", `the resource policy does not allow it: ${decision.reason}`);
}

async function sealResource({ store }: ReleaseParts, path: ResourcePath, grant: ReleaseGrant): Promise<string> {
  const name = formatResourcePath(path);
  const secret = await store.resources.get(name);
  if (secret === undefined) throw new CaiError("kbs.resource-missing", `there is no resource ${name}`);
  try {
    const caiUri = grant.binding === "tagged" ? { caiUri: formatResourceUri(path) } : {};
    return JSON.stringify(sealJwe(secret, grant.teeKey, caiUri));
  } finally {
    secret.fill(0);
  }
}
