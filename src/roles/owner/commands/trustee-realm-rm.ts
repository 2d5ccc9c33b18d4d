import { defineVerb } from "../../../system/index.ts";
import { removeRow } from "../administration.ts";
import { ADMIN_FLAGS, connectAdmin } from "../trustee-admin.ts";

export default defineVerb({
  path: "trustee realm rm",
  description:
    "Removes an empty realm with its policies: one without secrets, reference values, deny rows and roles.\nIts prefix falls to the realm around it.",
  positionals: [{ name: "REALM", about: "as `cai trustee realm ls` shows it" }],
  flags: ADMIN_FLAGS,
  examples: [
    { about: "one that is no longer used", line: "cai trustee realm rm team-a --admin-key cai-trustee/admin.key" },
    { about: "what is still in it", line: "cai resource ls --realm team-a --admin-key cai-trustee/admin.key" },
  ],
  async run({ positionals: [realm], flags, print, signal }) {
    await removeRow(await connectAdmin(flags, signal), "realms", realm);
    print({ removed: realm }, `removed the realm ${realm}`);
  },
});
