import { createHash } from "node:crypto";
import { sealJwe } from "../../crypto/index.ts";
import { decideRelease } from "../../policy/index.ts";
import { formatResourcePath, formatResourceUri, type ResourcePath } from "../../protocol/index.ts";
import { CaiError, type JsonObject } from "../../system/index.ts";
import type { AttestationPolicyInForce } from "./attestation-policy.ts";
import { checkClock } from "./clock.ts";
import { ReleaseGrant } from "./grant.ts";
import type { TrusteeKeys } from "./identity.ts";
import { POLICY_IN_FORCE } from "./policy-ids.ts";
import type { Recorder } from "./recorder.ts";
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
  const record = { time: now, kind: "release" as const, subject: formatResourcePath(path), digest, client };
  let judged: { level: string; policyHash: string } | undefined;
  try {
    const grant = await openGrant(parts, token, now);
    call.onGrant(grant);
    judged = { level: grant.level, policyHash: grant.policyHash };
    grant.requireFloor();
    await requirePolicy(parts, call, grant);
    const answer = await sealResource(parts, path, grant);
    await parts.recorder.record({ ...record, ...judged, outcome: "allowed" });
    return answer;
  } catch (error) {
    throw await parts.recorder.deny(error, { ...record, ...judged });
  }
}

async function openGrant({ store, keys, policy }: ReleaseParts, token: string, now: number): Promise<ReleaseGrant> {
  await checkClock(store, now);
  const { id, hash } = await policy.get();
  return ReleaseGrant.open(await keys.tokens.accepted("ES256", now), token, {
    tid: keys.tid,
    world: store.world,
    policyId: id,
    policyHash: hash,
    now,
  });
}

async function requirePolicy({ store }: ReleaseParts, { path, query, now }: ReleaseCall, grant: ReleaseGrant): Promise<void> {
  const policyText = await store.policies.get(ROOT_REALM, "resource", POLICY_IN_FORCE);
  if (policyText === undefined) throw new CaiError("kbs.policy-denied", "there is no resource policy");
  const resource = { plugin: PLUGIN, path: [path.repository, path.type, path.tag], query };
  const decision = decideRelease({ policyText, token: grant.claims, resource, now });
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
