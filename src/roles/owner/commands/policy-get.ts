import { policyHash } from "../../../policy/index.ts";
import { defineVerb } from "../../../system/index.ts";
import { getPolicy, parsePolicyKind } from "../policies.ts";
import { ADMIN_FLAGS, connectAdmin } from "../trustee-admin.ts";

export default defineVerb({
  path: "policy get",
  description: "Prints the text of a policy that is in force on a trustee.",
  positionals: [{ name: "KIND", about: "resource or attestation" }],
  flags: ADMIN_FLAGS,
  examples: [
    { about: "what decides on secrets", line: "cai policy get resource --admin-key cai-trustee/admin.key" },
    { about: "keep a copy before a change", line: "cai policy get attestation --admin-key cai-trustee/admin.key > attestation.rego" },
  ],
  async run({ positionals: [kindText], flags, print, signal }) {
    const kind = parsePolicyKind(kindText);
    const text = await getPolicy(await connectAdmin(flags, signal), kind);
    print({ kind, sha384: policyHash(text), policy: text }, text.trimEnd());
  },
});
