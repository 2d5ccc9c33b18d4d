import { createHash } from "node:crypto";
import { z } from "zod";
import { decodeBase64Tolerant } from "../../crypto/index.ts";
import { compilePolicy, policyHash } from "../../policy/index.ts";
import { CaiError, type JsonObject } from "../../system/index.ts";
import { POLICY_IN_FORCE } from "./policy-ids.ts";
import type { Store } from "./store/index.ts";

/** Policies are kept in memory while they are in force, so there are only so many. */
export const MAX_POLICIES = 256;
const ID = /^[A-Za-z0-9_-]{1,128}$/;

/** What puts an attestation policy, at the key broker and at the attestation service: base64url of its text (trustee.md §2.3, §4.1). */
export const attestationPolicyBody = z.object({ policy_id: z.string(), policy: z.string() });

/**
 * Puts an attestation policy, also the one in force.
 *
 * @returns what a record says of it
 * @throws CaiError `kbs.policy-id-invalid`, `kbs.message-malformed`, `policy.…`
 */
export async function putAttestationPolicy(store: Store, realm: string, body: z.output<typeof attestationPolicyBody>): Promise<JsonObject> {
  const id = policyId(body.policy_id);
  const text = readPolicyText(body.policy);
  const policies = await store.policies.list(realm, "attestation");
  const before = policies.find((each) => each.id === id)?.text;
  if (policies.length >= MAX_POLICIES && before === undefined) {
    throw new CaiError("kbs.request-too-large", `there are ${MAX_POLICIES} attestation policies already`);
  }
  await store.policies.put(realm, "attestation", id, text);
  return policyChange("attestation", id, before, text);
}

/**
 * @returns what a record says of it
 * @throws CaiError `kbs.policy-protected` for the one in force, `kbs.policy-missing`, `kbs.policy-id-invalid`
 */
export async function deleteAttestationPolicy(store: Store, realm: string, idText: string): Promise<JsonObject> {
  const id = policyId(idText);
  if (id === POLICY_IN_FORCE) throw new CaiError("kbs.policy-protected", `policy ${id} is the one in force`);
  const before = await store.policies.get(realm, "attestation", id);
  if (!(await store.policies.delete(realm, "attestation", id))) throw missing(id);
  return policyChange("attestation", id, before, undefined);
}

/** What a record says of a change: the digests of the texts before and after, in hex as tokens have them. */
export function policyChange(kind: string, id: string, before: string | undefined, after: string | undefined): JsonObject {
  const hash = (text: string | undefined) => (text === undefined ? null : policyHash(text));
  return { policy: kind, id, before: hash(before), after: hash(after) };
}

/** @returns ids with base64url of the SHA-384 of the texts, which is how lists give digests; tokens have them in hex (trustee.md §5.7) */
export async function listAttestationPolicies(store: Store, realm: string): Promise<{ readonly id: string; readonly hash: string }[]> {
  const policies = await store.policies.list(realm, "attestation");
  return policies.map(({ id, text }) => ({ id, hash: createHash("sha384").update(text).digest("base64url") }));
}

/** @throws CaiError `kbs.policy-id-invalid`, `kbs.policy-missing` */
export async function attestationPolicyText(store: Store, realm: string, idText: string): Promise<string> {
  return policyTextOf(store, realm, "attestation", policyId(idText));
}

/** @throws CaiError `kbs.policy-missing` */
export async function policyTextOf(store: Store, realm: string, kind: "attestation" | "resource", id: string): Promise<string> {
  const text = await store.policies.get(realm, kind, id);
  if (text === undefined) throw missing(id);
  return text;
}

/** Decodes and compiles; nothing is written that would fail at the next decision. @throws CaiError `kbs.message-malformed`, `policy.…` */
export function readPolicyText(encoded: string): string {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(decodeBase64Tolerant(encoded));
  } catch {
    throw new CaiError("kbs.message-malformed", "/policy: expected base64url of Rego text in UTF-8");
  }
  compilePolicy(text);
  return text;
}

/** @returns base64url of a policy's text, as both upstream families send it */
export function encodePolicy(text: string): string {
  return Buffer.from(text).toString("base64url");
}

/** Ids never reach a file system here, but they stand in tokens and lists. */
function policyId(text: string): string {
  if (ID.test(text)) return text;
  throw new CaiError("kbs.policy-id-invalid", "the policy id cannot be used", { expected: "letters, digits, `_` and `-`" });
}

function missing(id: string): CaiError {
  return new CaiError("kbs.policy-missing", `there is no policy ${JSON.stringify(id)}`);
}
