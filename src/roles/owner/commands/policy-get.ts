import { policyHash } from "../../../policy/index.ts";
import { defineVerb } from "../../../system/index.ts";
import { getPolicy, policyPlace } from "../policies.ts";
import { ADMIN_FLAGS, connectAdmin, REALM_FLAG } from "../trustee-admin.ts";

export default defineVerb({
  path: "policy get",
  description: "Prints the text of a policy that is in force on a trustee.",
  positionals: [{ name: "KIND", about: "resource or attestation" }],
  flags: {
    id: { kind: "text", value: "ID", about: "which attestation policy; default `default`", commandLineOnly: true },
    ...REALM_FLAG,
    ...ADMIN_FLAGS,
  },
  examples: [
    { about: "what decides on secrets", line: "cai policy get resource --admin-key cai-trustee/admin.key" },
    { about: "keep a copy before a change", line: "cai policy get attestation --admin-key cai-trustee/admin.key > attestation.rego" },
    { about: "of one team", line: "cai policy get resource --realm team-a --admin-key cai-trustee/admin.key" },
  ],
  async run({ positionals: [kindText], flags, print, signal }) {
    const place = policyPlace(kindText, flags);
    const text = await getPolicy(await connectAdmin(flags, signal), place);
    print({ kind: place.kind, sha384: policyHash(text), policy: text }, text.trimEnd());
  },
});
