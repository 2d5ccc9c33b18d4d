import { defineVerb, formatTable } from "../../../system/index.ts";
import { listRows } from "../administration.ts";
import { ADMIN_FLAGS, connectAdmin } from "../trustee-admin.ts";

export default defineVerb({
  path: "trustee realm ls",
  description:
    "Lists the realms of a trustee, how many secrets each decides on, and what it says of itself.\nThe root realm decides on everything else.",
  positionals: [],
  flags: ADMIN_FLAGS,
  examples: [
    { about: "of the trustee on this machine", line: "cai trustee realm ls --admin-key cai-trustee/admin.key" },
    { about: "for a program", line: "cai trustee realm ls --admin-key cai-trustee/admin.key --json" },
  ],
  async run({ flags, print, signal }) {
    const realms = await listRows(await connectAdmin(flags, signal), "realms");
    const rows = realms.map(({ realm, resources, description, accept_as_tokens: accepted }) => [
      realm === "" ? "(root)" : realm,
      String(resources),
      accepted === undefined ? "" : accepted.policy_ids.join(", "),
      description ?? "",
    ]);
    print({ realms }, formatTable([["REALM", "SECRETS", "SERVICE TOKENS UNDER", "DESCRIPTION"], ...rows]));
  },
});
