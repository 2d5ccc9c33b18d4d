import { defineVerb, formatTable } from "../../../system/index.ts";
import { listReferences } from "../references.ts";
import { ADMIN_FLAGS, connectAdmin } from "../trustee-admin.ts";

export default defineVerb({
  path: "reference ls",
  description: "Lists the reference values of a trustee, as policies see them.",
  positionals: [],
  flags: ADMIN_FLAGS,
  examples: [
    { about: "of the trustee on this machine", line: "cai reference ls --admin-key cai-trustee/admin.key" },
    { about: "in the form that `cai reference set --file` reads", line: "cai reference ls --admin-key cai-trustee/admin.key --json" },
  ],
  async run({ flags, print, signal }) {
    const references = await listReferences(await connectAdmin(flags, signal));
    const rows = Object.entries(references).map(([name, value]) => [name, Array.isArray(value) ? value.join(", ") : JSON.stringify(value)]);
    print(references, rows.length > 0 ? formatTable(rows) : "no reference values");
  },
});
