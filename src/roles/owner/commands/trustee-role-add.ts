import { CaiError, defineVerb } from "../../../system/index.ts";
import { putRow } from "../administration.ts";
import { ADMIN_FLAGS, connectAdmin } from "../trustee-admin.ts";

export default defineVerb({
  path: "trustee role add",
  description:
    "Says what administrators of a role may do: which rights, in which realm, at which paths. A role of the same name is replaced.\nOnly administrators whom nothing limits may give roles.",
  positionals: [{ name: "NAME", about: "the name that tokens give in their claim `role`" }],
  flags: {
    right: {
      kind: "list",
      value: "RIGHT",
      about: "such as resource.write, policy.read; `cai trustee role add x --right x` names them all",
      commandLineOnly: true,
    },
    all: { kind: "switch", about: "every right", commandLineOnly: true },
    realm: { kind: "text", value: "REALM", about: "the only realm that it acts on; default: the whole trustee", commandLineOnly: true },
    endpoint: {
      kind: "list",
      value: "REGEX",
      about: "a regular expression (RE2) for the whole path of a request, such as /kbs/v0/resource/team-a/.+",
      commandLineOnly: true,
    },
    ...ADMIN_FLAGS,
  },
  examples: [
    { about: "everything, of one team", line: "cai trustee role add team-a-admin --all --realm team-a --admin-key cai-trustee/admin.key" },
    {
      about: "a pipeline that stores secrets and reference values, and reads nothing",
      line: "cai trustee role add pipeline --right resource.write --right reference.write --admin-key cai-trustee/admin.key",
    },
  ],
  async run({ positionals: [name], flags, print, signal }) {
    if (flags.all === flags.right.length > 0) {
      throw new CaiError("cli.usage", "give either --right or --all", { hint: "cai trustee role add --help" });
    }
    const role = {
      rights: flags.all ? "all" : flags.right,
      ...(flags.realm !== undefined && { realm: flags.realm }),
      ...(flags.endpoint.length > 0 && { endpoints: flags.endpoint }),
    };
    await putRow(await connectAdmin(flags, signal), "roles", { name, role });
    print({ name, ...role }, `the role ${name} is in force`);
  },
});
