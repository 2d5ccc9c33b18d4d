import { defineVerb, formatTable } from "../../../system/index.ts";
import { listRows } from "../administration.ts";
import { ADMIN_FLAGS, connectAdmin } from "../trustee-admin.ts";

export default defineVerb({
  path: "trustee role ls",
  description: "Lists the roles of a trustee's administrators, and what each may do.",
  positionals: [],
  flags: ADMIN_FLAGS,
  examples: [
    { about: "of the trustee on this machine", line: "cai trustee role ls --admin-key cai-trustee/admin.key" },
    { about: "for a program", line: "cai trustee role ls --admin-key cai-trustee/admin.key --json" },
  ],
  async run({ flags, print, signal }) {
    const roles = await listRows(await connectAdmin(flags, signal), "roles");
    const rows = roles.map(({ name, realm, rights, endpoints }) => [
      name,
      realm === undefined ? "every realm" : realm === "" ? "(root)" : realm,
      rights === "all" ? "all" : rights.join(", "),
      endpoints === undefined ? "any" : endpoints.join(", "),
    ]);
    print({ roles }, formatTable([["ROLE", "REALM", "RIGHTS", "PATHS"], ...rows]));
  },
});
