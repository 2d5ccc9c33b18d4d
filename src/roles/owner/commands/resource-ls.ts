import { defineVerb } from "../../../system/index.ts";
import { listResources } from "../resources.ts";
import { ADMIN_FLAGS, connectAdmin } from "../trustee-admin.ts";

export default defineVerb({
  path: "resource ls",
  description: "Lists the addresses of the secrets on a trustee. Their content is shown to no administrator.",
  positionals: [],
  flags: ADMIN_FLAGS,
  examples: [
    { about: "of the trustee on this machine", line: "cai resource ls --admin-key cai-trustee/admin.key" },
    { about: "for a program", line: "cai resource ls --admin-key cai-trustee/admin.key --json" },
  ],
  async run({ flags, print, signal }) {
    const uris = (await listResources(await connectAdmin(flags, signal))).map((path) => `kbs:///${path}`);
    print({ resources: uris }, uris.length > 0 ? uris.join("\n") : "no resources");
  },
});
