import { decodeHex, encodeBase64Url } from "../../../crypto/index.ts";
import { policyHash, templates } from "../../../policy/index.ts";
import { defineVerb, formatTable } from "../../../system/index.ts";
import { getPolicy, listAttestationPolicies, POLICY_KINDS, templateNames } from "../policies.ts";
import { ADMIN_FLAGS, connectAdmin, REALM_FLAG } from "../trustee-admin.ts";

export default defineVerb({
  path: "policy ls",
  description: "Lists the policies in force on a trustee with their digests, and the templates that cai brings.",
  positionals: [],
  flags: { ...REALM_FLAG, ...ADMIN_FLAGS },
  examples: [
    { about: "of the trustee on this machine", line: "cai policy ls --admin-key cai-trustee/admin.key" },
    { about: "of one team", line: "cai policy ls --realm team-a --admin-key cai-trustee/admin.key" },
    { about: "for a program", line: "cai policy ls --admin-key cai-trustee/admin.key --json" },
  ],
  async run({ flags, print, signal }) {
    const admin = await connectAdmin(flags, signal);
    const attestation = await listAttestationPolicies(admin, flags.realm);
    const inForce = [
      { kind: "resource", id: "", sha384: digest(await getPolicy(admin, { kind: "resource", realm: flags.realm })) },
      ...Object.entries(attestation).map(([id, sha384]) => ({ kind: "attestation", id, sha384 })),
    ];
    const brought = POLICY_KINDS.flatMap((kind) => templateNames(kind).map((name) => ({ kind, name, sha384: digest(templates[name]) })));
    const nameOf = (sha384: string) => brought.find((template) => template.sha384 === sha384)?.name;
    const rows = [
      ["POLICY", "WHAT", "DIGEST"],
      ...inForce.map(({ kind, id, sha384 }) => [
        `${kind} policy ${id}`.trim(),
        nameOf(sha384) ? `template ${nameOf(sha384)}` : "your own",
        shownDigest(sha384),
      ]),
      ...brought.map(({ kind, name, sha384 }) => [`template ${name}`, `for the ${kind} policy`, shownDigest(sha384)]),
    ];
    print(
      { policies: inForce.map((policy) => ({ ...policy, template: nameOf(policy.sha384) ?? null })), templates: brought },
      formatTable(rows),
    );
  },
});

/** As `cai policy set` and `cai policy explain` show it. */
function shownDigest(sha384: string): string {
  return `sha384 ${Buffer.from(sha384, "base64url").toString("hex").slice(0, 16)}…`;
}

/** The form in which trustees list digests (trustee.md §1.2). */
function digest(text: string): string {
  return encodeBase64Url(decodeHex(policyHash(text)));
}
