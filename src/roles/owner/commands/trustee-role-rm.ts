import { defineVerb } from "../../../system/index.ts";
import { removeRow } from "../administration.ts";
import { ADMIN_FLAGS, connectAdmin } from "../trustee-admin.ts";

export default defineVerb({
  path: "trustee role rm",
  description: "Removes a role that no administrator has any more.",
  positionals: [{ name: "NAME", about: "as `cai trustee role ls` shows it" }],
  flags: ADMIN_FLAGS,
  examples: [
    { about: "one role", line: "cai trustee role rm pipeline --admin-key cai-trustee/admin.key" },
    { about: "who still has it", line: "cai trustee admin ls --admin-key cai-trustee/admin.key" },
  ],
  async run({ positionals: [name], flags, print, signal }) {
    await removeRow(await connectAdmin(flags, signal), "roles", name);
    print({ removed: name }, `removed the role ${name}`);
  },
});
