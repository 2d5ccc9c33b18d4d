import { createHash } from "node:crypto";
import { z } from "zod";
import { decodeBase64Tolerant } from "../../crypto/index.ts";
import { compilePolicy, policyHash } from "../../policy/index.ts";
import { KBS_PREFIX } from "../../protocol/index.ts";
import { CaiError, type JsonObject } from "../../system/index.ts";
import { parseJsonBody } from "./json-body.ts";
import { POLICY_IN_FORCE } from "./policy-ids.ts";
import { DEFAULT_BODY, NO_BODY, type Route, restOf } from "./route.ts";
import type { Store } from "./store/index.ts";

/** Policies are kept in memory while they are in force, so there are only so many. */
const MAX_POLICIES = 256;
const ID = /^[A-Za-z0-9_-]{1,128}$/;

const resourcePolicyBody = z.object({ policy: z.string() });
const attestationPolicyBody = z.object({ policy_id: z.string(), policy: z.string() });

/** Policies: resource policy and attestation policies (trustee.md §2.3). Texts travel as base64url; reading is for admins, too. */
export function policyRoutes(store: Store): Route[] {
  const one = `${KBS_PREFIX}/attestation-policy/*`;
  const admin = { place: "admin", signed: true } as const;
  const read = { ...admin, method: "GET", right: "policy.read" } as const;
  const write = { ...admin, right: "policy.write" } as const;
  return [
    {
      ...write,
      method: "POST",
      path: `${KBS_PREFIX}/resource-policy`,
      bodyLimit: DEFAULT_BODY,
      async handle({ body, realm }) {
        const text = policyText(parseJsonBody(resourcePolicyBody, body).policy);
        const before = await store.policies.get(realm, "resource", POLICY_IN_FORCE);
        await store.policies.put(realm, "resource", POLICY_IN_FORCE, text);
        return { change: policyChange("resource", POLICY_IN_FORCE, before, text) };
      },
    },
    {
      ...read,
      path: `${KBS_PREFIX}/resource-policy`,
      bodyLimit: NO_BODY,
      async handle({ realm }) {
        return { body: encode(await textOf(store, realm, "resource", POLICY_IN_FORCE)), type: "text/xml" };
      },
    },
    {
      ...write,
      method: "POST",
      path: `${KBS_PREFIX}/attestation-policy`,
      bodyLimit: DEFAULT_BODY,
      async handle({ body, realm }) {
        const { policy_id, policy } = parseJsonBody(attestationPolicyBody, body);
        const id = policyId(policy_id);
        const text = policyText(policy);
        const policies = await store.policies.list(realm, "attestation");
        const before = policies.find((each) => each.id === id)?.text;
        if (policies.length >= MAX_POLICIES && before === undefined) {
          throw new CaiError("kbs.request-too-large", `there are ${MAX_POLICIES} attestation policies already`);
        }
        await store.policies.put(realm, "attestation", id, text);
        return { change: policyChange("attestation", id, before, text) };
      },
    },
    {
      ...read,
      path: one,
      bodyLimit: NO_BODY,
      async handle({ path, realm }) {
        return { body: encode(await textOf(store, realm, "attestation", policyId(restOf(path, one)))) };
      },
    },
    {
      ...write,
      method: "DELETE",
      path: one,
      bodyLimit: NO_BODY,
      async handle({ path, realm }) {
        const id = policyId(restOf(path, one));
        if (id === POLICY_IN_FORCE) throw new CaiError("kbs.policy-protected", `policy ${id} is the one in force`);
        const before = await store.policies.get(realm, "attestation", id);
        if (!(await store.policies.delete(realm, "attestation", id))) throw missing(id);
        return { change: policyChange("attestation", id, before, undefined) };
      },
    },
    {
      ...read,
      path: `${KBS_PREFIX}/attestation-policies`,
      bodyLimit: NO_BODY,
      async handle({ realm }) {
        const policies = await store.policies.list(realm, "attestation");
        // The list gives digests in base64url, tokens in hex (trustee.md §5.7).
        const hashes = policies.map(({ id, text }) => [id, createHash("sha384").update(text).digest("base64url")]);
        return { body: JSON.stringify(Object.fromEntries(hashes)) };
      },
    },
  ];
}

/** What a record says of a change: the digests of the texts before and after, in hex as tokens have them. */
function policyChange(kind: string, id: string, before: string | undefined, after: string | undefined): JsonObject {
  const hash = (text: string | undefined) => (text === undefined ? null : policyHash(text));
  return { policy: kind, id, before: hash(before), after: hash(after) };
}

/** Ids never reach a file system here, but they stand in tokens and lists. */
function policyId(text: string): string {
  if (ID.test(text)) return text;
  throw new CaiError("kbs.policy-id-invalid", "the policy id cannot be used", { expected: "letters, digits, `_` and `-`" });
}

async function textOf(store: Store, realm: string, kind: "attestation" | "resource", id: string): Promise<string> {
  const text = await store.policies.get(realm, kind, id);
  if (text === undefined) throw missing(id);
  return text;
}

/** Decodes and compiles; nothing is written that would fail at the next decision. */
function policyText(encoded: string): string {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(decodeBase64Tolerant(encoded));
  } catch {
    throw new CaiError("kbs.message-malformed", "/policy: expected base64url of Rego text in UTF-8");
  }
  compilePolicy(text);
  return text;
}

function encode(text: string): string {
  return Buffer.from(text).toString("base64url");
}

function missing(id: string): CaiError {
  return new CaiError("kbs.policy-missing", `there is no policy ${JSON.stringify(id)}`);
}
