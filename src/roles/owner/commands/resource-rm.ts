import { formatResourcePath, formatResourceUri, parseResourceUri } from "../../../protocol/index.ts";
import { defineVerb } from "../../../system/index.ts";
import { ADMIN_FLAGS, connectAdmin } from "../trustee-admin.ts";

export default defineVerb({
  path: "resource rm",
  description: "Removes a secret from a trustee. What was released before cannot be called back.",
  positionals: [{ name: "URI", about: "kbs:///repository/type/tag" }],
  flags: ADMIN_FLAGS,
  examples: [
    { about: "one secret", line: "cai resource rm kbs:///default/token/registry --admin-key cai-trustee/admin.key" },
    {
      about: "the key of a model, after which no new mount opens it",
      line: "cai resource rm kbs:///default/model/qwen --admin-key cai-trustee/admin.key",
    },
  ],
  async run({ positionals: [uri], flags, print, signal }) {
    const resource = parseResourceUri(uri);
    const admin = await connectAdmin(flags, signal);
    await admin.call({ method: "DELETE", path: `resource/${formatResourcePath(resource)}` });
    print({ removed: formatResourceUri(resource) }, `removed ${formatResourceUri(resource)}`);
  },
});
