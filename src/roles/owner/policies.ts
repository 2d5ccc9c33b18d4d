import { z } from "zod";
import { decodeBase64Url, encodeBase64Url } from "../../crypto/index.ts";
import { type TemplateName, templates } from "../../policy/index.ts";
import { CaiError } from "../../system/index.ts";
import { readInput } from "./input.ts";
import type { TrusteeAdmin } from "./trustee-admin.ts";

/** The two policies of a trustee: what opens secrets, and how evidence is graded. */
export const POLICY_KINDS = ["resource", "attestation"] as const;
export type PolicyKind = (typeof POLICY_KINDS)[number];

const MAX_POLICY = 1024 * 1024;
/** The id of the attestation policy that the key broker uses (trustee.md §1.6). */
const DEFAULT_ID = "default";

/** @throws CaiError `cli.usage` */
function parsePolicyKind(text: string): PolicyKind {
  const kind = POLICY_KINDS.find((name) => name === text);
  if (kind === undefined)
    throw new CaiError("cli.usage", `there is no ${JSON.stringify(text)} policy`, { expected: POLICY_KINDS.join(" or "), got: text });
  return kind;
}

/** @returns the text of a policy, from a file, standard input or a template. @throws CaiError `cli.usage`, `cli.input-unreadable` */
export async function readPolicy(kind: PolicyKind, file: string | undefined, template: string | undefined): Promise<string> {
  if ((file === undefined) === (template === undefined))
    throw new CaiError("cli.usage", "give either a file or --template", { hint: "cai policy ls shows the templates" });
  if (file !== undefined) return decodeText(await readInput(file, MAX_POLICY), file);
  const found = templateNames(kind).find((name) => name === template);
  if (found === undefined) {
    throw new CaiError("cli.usage", `there is no template ${JSON.stringify(template)} for the ${kind} policy`, {
      expected: templateNames(kind).join(", "),
      got: String(template),
    });
  }
  return templates[found];
}

/** @returns the templates that can be put in force as such a policy */
export function templateNames(kind: PolicyKind): TemplateName[] {
  const names = Object.keys(templates) as TemplateName[];
  return names.filter((name) => name.startsWith("attestation") === (kind === "attestation"));
}

/** Which of a trustee's policies is meant. */
export interface PolicyPlace {
  readonly kind: PolicyKind;
  /** of an attestation policy; default: the one that the key broker uses */
  readonly id?: string | undefined;
  readonly realm?: string | undefined;
}

/** @throws CaiError `cli.usage`: there is one resource policy in a realm, and it has no id */
export function policyPlace(kindText: string, { id, realm }: { id: string | undefined; realm: string | undefined }): PolicyPlace {
  const kind = parsePolicyKind(kindText);
  if (kind === "resource" && id !== undefined) {
    throw new CaiError("cli.usage", "a realm has one resource policy, which has no id", { expected: "attestation with --id" });
  }
  return { kind, id, realm };
}

/** Puts a policy in force; the trustee refuses one that does not compile. */
export async function setPolicy(admin: TrusteeAdmin, { kind, id = DEFAULT_ID, realm }: PolicyPlace, text: string): Promise<void> {
  const policy = encodeBase64Url(new TextEncoder().encode(text));
  const body = kind === "resource" ? { policy } : { type: "rego", policy_id: id, policy };
  await admin.call({ method: "POST", path: `${kind}-policy`, realm, body: JSON.stringify(body) });
}

/** @returns the text of the policy */
export async function getPolicy(admin: TrusteeAdmin, { kind, id = DEFAULT_ID, realm }: PolicyPlace): Promise<string> {
  const path = kind === "resource" ? "cai/resource-policy" : `attestation-policy/${encodeURIComponent(id)}`;
  return decodeText(decodeBase64Url(new TextDecoder().decode(await admin.call({ method: "GET", path, realm }))), "the trustee's answer");
}

/** Removes an attestation policy; those in force are only ever replaced. */
export async function removePolicy(admin: TrusteeAdmin, id: string, realm: string | undefined): Promise<void> {
  await admin.call({ method: "DELETE", path: `attestation-policy/${encodeURIComponent(id)}`, realm });
}

/** @returns the ids of the attestation policies, each with the SHA-384 of its text (base64url) */
export async function listAttestationPolicies(admin: TrusteeAdmin, realm: string | undefined): Promise<Record<string, string>> {
  const answer = await admin.call({ method: "GET", path: "attestation-policies", realm });
  return z.record(z.string(), z.string()).parse(JSON.parse(new TextDecoder().decode(answer)));
}

function decodeText(bytes: Uint8Array, name: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new CaiError("cli.input-unreadable", `${name} is not UTF-8 text`);
  }
}
