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
      bodyLimit: MAX_ATTESTATION,
      async handle({ body, client, now }) {
        return { body: await appraisals.run(() => appraiseRequest(parts, { body, client, now })), type: TEXT };
      },
    },
    {
      ...read,
      path: "/certificate",
      async handle({ now }) {
        const { chain } = await keys.tokens.signing(alg, now);
        return { body: certificatePem(...chain), type: "application/x-pem-file" };
      },
    },
    { ...read, path: "/.well-known/jwks.json", handle: async ({ now }) => ({ body: JSON.stringify(await keys.tokens.jwks(now)) }) },
    {
      ...read,
      path: "/jwks",
      async handle({ now }) {
        // The openanolis family has it where tokens are signed with an RSA key.
        if (alg !== "RS384") return absent("No public key configured");
        await keys.tokens.signing(alg, now);
        return { body: JSON.stringify(await keys.tokens.jwks(now, [alg])) };
      },
    },
    // Tokens for OpenID Connect are not made here.
    { ...read, path: "/.well-known/openid-configuration", handle: async () => absent("No OpenId config configured") },
    { ...read, path: "/status", handle: async ({ now }) => ({ body: JSON.stringify(await serviceStatus(store, now)) }) },
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
      bodyLimit: DEFAULT_BODY,
      async handle({ body, realm }) {
        await putAttestationPolicy(store, realm, parseJsonBody(attestationPolicyBody, body));
        return {};
      },
    },
    { ...read, path: "/policy", handle: list },
    // What gateways of the openanolis family ask for, though that family's service does not have it (trustee.md §8.1).
    { ...read, path: "/policies", handle: list },
    {
      ...read,
      path: one,
      async handle({ path, realm }) {
        const text = await attestationPolicyText(store, realm, restOf(path, one));
        return { body: family === "openanolis" ? encodePolicy(text) : text, type: TEXT };
      },
    },
    {
      ...write,
      method: "DELETE",
      path: one,
      bodyLimit: NO_BODY,
      async handle({ path, realm }) {
        await deleteAttestationPolicy(store, realm, restOf(path, one));
        return {};
      },
    },
  ];
}
