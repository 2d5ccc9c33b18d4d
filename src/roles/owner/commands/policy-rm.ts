import { defineVerb } from "../../../system/index.ts";
import { removePolicy } from "../policies.ts";
import { ADMIN_FLAGS, connectAdmin, REALM_FLAG } from "../trustee-admin.ts";

export default defineVerb({
  path: "policy rm",
  description:
    "Removes an attestation policy from a trustee.\nThose that decide on secrets are never removed, only replaced: `cai policy set`.",
  positionals: [{ name: "ID", about: "its id, as `cai policy ls` shows it" }],
  flags: { ...REALM_FLAG, ...ADMIN_FLAGS },
  examples: [
    { about: "one that no client names any more", line: "cai policy rm strict --admin-key cai-trustee/admin.key" },
    { about: "one of a team", line: "cai policy rm strict --realm team-a --admin-key cai-trustee/admin.key" },
  ],
  async run({ positionals: [id], flags, print, signal }) {
    await removePolicy(await connectAdmin(flags, signal), id, flags.realm);
    print({ removed: id }, `removed the attestation policy ${id}`);
  },
});
