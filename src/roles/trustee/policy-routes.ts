import { z } from "zod";
import { KBS_PREFIX, type PeerFamily } from "../../protocol/index.ts";
import { parseJsonBody } from "./json-body.ts";
import {
  attestationPolicyBody,
  attestationPolicyText,
  deleteAttestationPolicy,
  encodePolicy,
  listAttestationPolicies,
  policyChange,
  policyTextOf,
  putAttestationPolicy,
  readPolicyText,
} from "./policy-documents.ts";
import { POLICY_IN_FORCE } from "./policy-ids.ts";
import { DEFAULT_BODY, NO_BODY, type Route, restOf } from "./route.ts";
import type { Store } from "./store/index.ts";

const resourcePolicyBody = z.object({ policy: z.string() });

/** What the CoCo family answers instead of the resource policy: the ids of what it keeps (trustee.md §1.2). */
const COCO_POLICY_IDS = JSON.stringify(["resource-policy"]);

const digests = z.record(z.string(), z.string().describe("SHA-384 in base64url"));

/** Policies: resource policy and attestation policies (trustee.md §2.3). Texts travel as base64url; reading is for admins, too. */
export function policyRoutes(store: Store, family: PeerFamily): Route[] {
  const one = `${KBS_PREFIX}/attestation-policy/*`;
  const admin = { place: "admin", signed: true } as const;
  const read = { ...admin, method: "GET", right: "policy.read" } as const;
  const write = { ...admin, right: "policy.write" } as const;
  return [
    {
      ...write,
      method: "POST",
      path: `${KBS_PREFIX}/resource-policy`,
      about: { summary: "Puts a resource policy in force", request: resourcePolicyBody },
      bodyLimit: DEFAULT_BODY,
      async handle({ body, realm }) {
        const text = readPolicyText(parseJsonBody(resourcePolicyBody, body).policy);
        const before = await store.policies.get(realm, "resource", POLICY_IN_FORCE);
        await store.policies.put(realm, "resource", POLICY_IN_FORCE, text);
        return { change: policyChange("resource", POLICY_IN_FORCE, before, text) };
      },
    },
    {
      ...read,
      path: `${KBS_PREFIX}/resource-policy`,
      about: { summary: "The resource policy in force, in base64url", response: "text/xml" },
      bodyLimit: NO_BODY,
      async handle({ realm }) {
        if (family === "coco") return { body: COCO_POLICY_IDS };
        return { body: encodePolicy(await policyTextOf(store, realm, "resource", POLICY_IN_FORCE)), type: "text/xml" };
      },
    },
    {
      ...read,
      // For administrators who want the text, whichever family the trustee answers as.
      path: `${KBS_PREFIX}/cai/resource-policy`,
      about: { summary: "The resource policy in force, in base64url, whichever family is answered", response: "text/plain" },
      bodyLimit: NO_BODY,
      async handle({ realm }) {
        return { body: encodePolicy(await policyTextOf(store, realm, "resource", POLICY_IN_FORCE)), type: "text/plain" };
      },
    },
    {
      ...write,
      method: "POST",
      path: `${KBS_PREFIX}/attestation-policy`,
      place: "attestation-policy",
      about: { summary: "Puts an attestation policy", request: attestationPolicyBody },
      bodyLimit: DEFAULT_BODY,
      async handle({ body, realm }) {
        return { change: await putAttestationPolicy(store, realm, parseJsonBody(attestationPolicyBody, body)) };
      },
    },
    {
      ...read,
      legacyOpen: true,
      path: one,
      about: { summary: "An attestation policy, in base64url", response: "application/json", rest: "the policy's id" },
      bodyLimit: NO_BODY,
      async handle({ path, realm }) {
        return { body: encodePolicy(await attestationPolicyText(store, realm, restOf(path, one))) };
      },
    },
    {
      ...write,
      method: "DELETE",
      path: one,
      about: { summary: "Removes an attestation policy", rest: "the policy's id" },
      bodyLimit: NO_BODY,
      async handle({ path, realm }) {
        return { change: await deleteAttestationPolicy(store, realm, restOf(path, one)) };
      },
    },
    {
      ...read,
      legacyOpen: true,
      path: `${KBS_PREFIX}/attestation-policies`,
      about: { summary: "The digests of attestation policies, by id", response: digests },
      bodyLimit: NO_BODY,
      async handle({ realm }) {
        const policies = await listAttestationPolicies(store, realm);
        return { body: JSON.stringify(Object.fromEntries(policies.map(({ id, hash }) => [id, hash]))) };
      },
    },
  ];
}
