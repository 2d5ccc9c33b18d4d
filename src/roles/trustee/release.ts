import { createHash } from "node:crypto";
import { sealFirstJwe, sealJwe } from "../../crypto/index.ts";
import { decideRelease } from "../../policy/index.ts";
import type { PeerFamily, ProtocolVersion } from "../../protocol/index.ts";
import { CaiError, type JsonObject } from "../../system/index.ts";
import type { AttestationPolicyInForce } from "./attestation-policy.ts";
import { checkClock } from "./clock.ts";
import { ReleaseGrant } from "./grant.ts";
import type { TrusteeKeys } from "./identity.ts";
import { POLICY_IN_FORCE } from "./policy-ids.ts";
import type { Recorder } from "./recorder.ts";
import { ROOT_REALM, type Store } from "./store/index.ts";

/** The plugin that `kbs:///` names; another one is named in the scheme (trustee.md §3.1). */
const RESOURCE = "resource";

/** What release works with. */
export interface ReleaseParts {
  readonly store: Store;
  readonly keys: TrusteeKeys;
  readonly policy: AttestationPolicyInForce;
  readonly recorder: Recorder;
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
  /** told as soon as it is known for whom the answer is, also where it will be a refusal */
  readonly onGrant: (grant: ReleaseGrant) => void;
  /** gets what is to be released, once that is allowed */
  readonly content: () => Promise<Uint8Array>;
}

/**
 * Answers a GET of an attested guest (trustee.md §1.10): a JWE to the key in the token, which makes a stolen token worthless (security.md I20).
 * Policy decides before existence is looked up.
 *
 * @returns the JSON text of the answer
 * @throws CaiError `kbs.token-…`, `kbs.policy-denied`, `policy.…` of the floor, `trustee.clock-behind`, and what the plugin throws
 */
export async function release(parts: ReleaseParts, call: ReleaseCall): Promise<string> {
  const { plugin, segments, token, now, client } = call;
  const digest = createHash("sha256").update(token).digest("hex");
  const record = {
    time: now,
    kind: "release" as const,
    subject: (plugin === RESOURCE ? segments : [plugin, ...segments]).join("/"),
    digest,
    client,
  };
  let judged: { level: string; policyHash: string } | undefined;
  try {
    const grant = await openGrant(parts, token, now);
    call.onGrant(grant);
    judged = { level: grant.level, policyHash: grant.policyHash };
    grant.requireFloor();
    await requirePolicy(parts, call, grant);
    const answer = await sealContent(call, grant);
    await parts.recorder.record({ ...record, ...judged, outcome: "allowed" });
    return answer;
  } catch (error) {
    throw await parts.recorder.deny(error, { ...record, ...judged });
  }
}

async function openGrant({ store, keys, policy, versions }: ReleaseParts, token: string, now: number): Promise<ReleaseGrant> {
  await checkClock(store, now);
  const { id, hash } = await policy.get();
  return ReleaseGrant.open(await keys.tokens.accepted("ES256", now), token, {
    tid: keys.tid,
    world: store.world,
    policyId: id,
    policyHash: hash,
    versions,
    now,
  });
}

async function requirePolicy(
  { store, family }: ReleaseParts,
  { plugin, segments, query, now }: ReleaseCall,
  grant: ReleaseGrant,
): Promise<void> {
  const policyText = await store.policies.get(ROOT_REALM, "resource", POLICY_IN_FORCE);
  if (policyText === undefined) throw new CaiError("kbs.policy-denied", "there is no resource policy");
  const resource = { plugin, path: segments, query, pathAs: family === "coco" ? "segments" : "text" } as const;
  const decision = decideRelease({ policyText, token: grant.claims, resource, now });
  if (!decision.allowed) throw new CaiError("kbs.policy-denied", `the resource policy does not allow it: ${decision.reason}`);
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
