import { defineVerb, formatTable } from "../../../system/index.ts";
import { rfc3339 } from "../../../tee/tdx/index.ts";
import { listRows } from "../administration.ts";
import { ADMIN_FLAGS, connectAdmin, REALM_FLAG } from "../trustee-admin.ts";

export default defineVerb({
  path: "trustee deny ls",
  description: "Lists the machines and builds that a realm releases nothing to. Those of the root realm hold in every realm.",
  positionals: [],
  flags: { ...REALM_FLAG, ...ADMIN_FLAGS },
  examples: [
    { about: "those that hold everywhere", line: "cai trustee deny ls --admin-key cai-trustee/admin.key" },
    { about: "those of one team", line: "cai trustee deny ls --realm team-a --admin-key cai-trustee/admin.key" },
  ],
  async run({ flags, print, signal }) {
    const denials = await listRows(await connectAdmin(flags, signal), "denials", flags.realm);
    const rows = denials.map(({ kind, value, reason, time }) => [kind, value, rfc3339(time), reason ?? ""]);
    print({ denials }, rows.length > 0 ? formatTable([["KIND", "VALUE", "SINCE", "REASON"], ...rows]) : "no deny rows");
  },
});
