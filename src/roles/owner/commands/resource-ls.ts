import { defineVerb, formatBytes, formatTable } from "../../../system/index.ts";
import { listResources } from "../resources.ts";
import { ADMIN_FLAGS, connectAdmin, REALM_FLAG } from "../trustee-admin.ts";

export default defineVerb({
  path: "resource ls",
  description:
    "Lists the addresses of the secrets on a trustee, their sizes, and the realms whose policies decide on them.\nTheir content is shown to no administrator.",
  positionals: [],
  flags: { ...REALM_FLAG, ...ADMIN_FLAGS },
  examples: [
    { about: "of the trustee on this machine", line: "cai resource ls --admin-key cai-trustee/admin.key" },
    { about: "of one team", line: "cai resource ls --realm team-a --admin-key cai-trustee/admin.key" },
    { about: "for a program", line: "cai resource ls --admin-key cai-trustee/admin.key --json" },
  ],
  async run({ flags, print, signal }) {
    const listed = (await listResources(await connectAdmin(flags, signal), flags.realm)).map(({ path, size, realm }) => ({
      uri: `kbs:///${path}`,
      bytes: size,
      realm,
    }));
    const rows = listed.map(({ uri, bytes, realm }) => [uri, formatBytes(bytes), realm === "" ? "(root)" : realm]);
    print(
      { resources: listed.map(({ uri }) => uri), details: listed },
      listed.length > 0 ? formatTable([["ADDRESS", "SIZE", "REALM"], ...rows]) : "no resources",
    );
  },
});
