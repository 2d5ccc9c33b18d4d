import { z } from "zod";
import { certificatePem } from "../../../crypto/index.ts";
import { parseJsonText } from "../../../protocol/index.ts";
import type { Logger } from "../../../system/index.ts";
import { Gate } from "../gate.ts";
import { parseJsonBody } from "../json-body.ts";
import {
  attestationPolicyBody,
  attestationPolicyText,
  deleteAttestationPolicy,
  encodePolicy,
  listAttestationPolicies,
  putAttestationPolicy,
} from "../policy-documents.ts";
import { type Call, DEFAULT_BODY, NO_BODY, type Reply, type Route, restOf, SMALL_BODY } from "../route.ts";
import type { TokenAlgorithm } from "../signer-schedule.ts";
import { aboutOf } from "../unverified.ts";
import { type AppraisalParts, appraiseRequest } from "./appraisal.ts";
import { MAX_ATTESTATION } from "./attestation-request.ts";
import { readChallengeRequest } from "./challenge-request.ts";
import { problemAnswers } from "./problem.ts";
import { serviceStatus } from "./service-status.ts";

/** The service's own place, and those that it has behind gateways of the openanolis family (trustee.md §8.1). */
const MOUNTS = ["", "/as", "/api/as", "/api/attestation-service"] as const;

/** Requests under way at a time: each has one piece of evidence in verification at most, so guests of the key broker find threads (security.md I40). */
export const MAX_APPRAISALS = 32;
const MAX_CHALLENGES = 32;

const TEXT = "text/plain; charset=utf-8";

export type AttestationServiceParts = AppraisalParts & { readonly logger: Logger };

/** The routes of the attestation service (trustee.md §4.1): those that upstream leaves open to write are for administrators (security.md I23). */
export function attestationServiceRoutes(parts: AttestationServiceParts): Route[] {
  const common = { mounts: MOUNTS, signed: false, refuse: problemAnswers(parts.family, parts.logger) } as const;
  return [...publicRoutes(parts), ...policyRoutes(parts)].map((route) => ({ ...common, ...route }));
}

const keySetAnswer = z.object({ keys: z.array(z.looseObject({ kty: z.string(), alg: z.string(), kid: z.string().optional() })) });

type ServiceRoute = Omit<Route, "mounts" | "signed" | "refuse">;

function publicRoutes(parts: AttestationServiceParts): ServiceRoute[] {
  const { keys, store, tokenType } = parts;
  const appraisals = new Gate(MAX_APPRAISALS);
  const challenges = new Gate(MAX_CHALLENGES);
  const open = { right: "public", place: "resource" } as const;
  const read = { ...open, method: "GET", bodyLimit: NO_BODY } as const;
  const alg: TokenAlgorithm = tokenType === "simple" ? "RS384" : "ES256";
  return [
    {
      ...open,
      method: "POST",
      path: "/challenge",
      about: {
        summary: "Gives a nonce to hash into runtime data, in a token that proves when",
        request: "application/json",
        response: "application/json",
      },
      bodyLimit: SMALL_BODY,
      async handle({ body, now }) {
        const asked = readChallengeRequest(parseJsonText(body, "challenge request", SMALL_BODY), parts.verifiers, parts.family);
        if (asked === "nothing") return { type: TEXT };
        return { body: await challenges.run(() => parts.challenges.issue(now)) };
      },
    },
    {
      ...open,
      method: "POST",
      path: "/attestation",
      about: { summary: "Verifies evidence for a relying party and answers a token", request: "application/json", response: "text/plain" },
      bodyLimit: MAX_ATTESTATION,
      async handle(call) {
        const { body, client, now } = call;
        return { body: await appraisals.run(() => appraiseRequest(parts, { body, client, about: aboutOf(call), now })), type: TEXT };
      },
    },
    {
      ...read,
      path: "/certificate",
      about: { summary: "The certificates of the key that signs tokens, its own first", response: "application/x-pem-file" },
      async handle({ now }) {
        const { chain } = await keys.tokens.signing(alg, now);
        return { body: certificatePem(...chain), type: "application/x-pem-file" };
      },
    },
    {
      ...read,
      path: "/.well-known/jwks.json",
      about: { summary: "The keys that attestation tokens are signed by", response: keySetAnswer },
      handle: async ({ now }) => ({ body: JSON.stringify(await keys.tokens.jwks(now)) }),
    },
    {
      ...read,
      path: "/jwks",
      about: { summary: "The keys that simple tokens are signed by, where such are made", response: keySetAnswer },
      async handle({ now }) {
        // The openanolis family has it where tokens are signed with an RSA key.
        if (alg !== "RS384") return absent("No public key configured");
        await keys.tokens.signing(alg, now);
        return { body: JSON.stringify(await keys.tokens.jwks(now, [alg])) };
      },
    },
    // Tokens for OpenID Connect are not made here.
    {
      ...read,
      path: "/.well-known/openid-configuration",
      about: { summary: "Says that no tokens for OpenID Connect are made here" },
      handle: async () => absent("No OpenId config configured"),
    },
    {
      ...read,
      path: "/status",
      about: { summary: "How the attestation service and what it depends on are", response: "application/json" },
      handle: async ({ now }) => ({ body: JSON.stringify(await serviceStatus(store, now)) }),
    },
  ];
}

/** The family's words (trustee.md §4.1, §8.1). */
function absent(error: string): Reply {
  return { status: 404, body: JSON.stringify({ error }) };
}

function policyRoutes({ store, family }: AttestationServiceParts): ServiceRoute[] {
  const one = "/policy/*";
  const read = { method: "GET", right: "policy.read", place: "admin", bodyLimit: NO_BODY, legacyOpen: true } as const;
  const write = { right: "policy.write", place: "admin" } as const;
  const list = async ({ realm }: Call): Promise<Reply> => {
    const policies = await listAttestationPolicies(store, realm);
    return {
      body: JSON.stringify(policies.map(({ id, hash }) => ({ "policy-id": id, ...(family === "openanolis" && { "policy-hash": hash }) }))),
    };
  };
  return [
    {
      ...write,
      method: "POST",
      path: "/policy",
      about: { summary: "Puts an attestation policy", request: attestationPolicyBody },
      bodyLimit: DEFAULT_BODY,
      async handle({ body, realm }) {
        return { change: await putAttestationPolicy(store, realm, parseJsonBody(attestationPolicyBody, body)) };
      },
    },
    { ...read, path: "/policy", about: { summary: "Lists attestation policies", response: "application/json" }, handle: list },
    // What gateways of the openanolis family ask for, though that family's service does not have it (trustee.md §8.1).
    {
      ...read,
      path: "/policies",
      about: { summary: "Lists attestation policies, for gateways", response: "application/json" },
      handle: list,
    },
    {
      ...read,
      path: one,
      about: { summary: "An attestation policy, in the form of the family", response: "text/plain", rest: "the policy's id" },
      async handle({ path, realm }) {
        const text = await attestationPolicyText(store, realm, restOf(path, one));
        return { body: family === "openanolis" ? encodePolicy(text) : text, type: TEXT };
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
  ];
}
