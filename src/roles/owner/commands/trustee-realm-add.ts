import { defineVerb } from "../../../system/index.ts";
import { declareRealm } from "../administration.ts";
import { ADMIN_FLAGS, connectAdmin } from "../trustee-admin.ts";

export default defineVerb({
  path: "trustee realm add",
  description:
    "Declares a realm: a prefix of resource paths with policies, reference values and deny rows of its own. What another realm loosens never counts there.\nA new realm takes nothing over and releases nothing until its own policies say so, also not what lies under the prefix already.",
  positionals: [{ name: "REALM", about: "repository, repository/type or repository/type/tag" }],
  flags: {
    description: { kind: "text", value: "TEXT", about: "whose it is, for people", commandLineOnly: true },
    "accept-as-token": {
      kind: "list",
      value: "POLICY",
      about:
        "an attestation policy of the root realm: a token of the attestation service over its challenge, appraised under that one, opens secrets here, too",
      commandLineOnly: true,
    },
    ...ADMIN_FLAGS,
  },
  examples: [
    {
      about: "everything under kbs:///team-a/",
      line: 'cai trustee realm add team-a --description "Team A" --admin-key cai-trustee/admin.key',
    },
    {
      about: "then let it release to what its own reference values affirm",
      line: "cai policy set resource --template affirming --realm team-a --admin-key cai-trustee/admin.key",
    },
  ],
  async run({ positionals: [realm], flags, print, signal }) {
    const policies = flags["accept-as-token"];
    const row = {
      realm,
      ...(flags.description !== undefined && { description: flags.description }),
      ...(policies.length > 0 && { accept_as_tokens: { policy_ids: policies } }),
    };
    const { created, resources } = await declareRealm(await connectAdmin(flags, signal), row);
    const secrets = `${resources} secret${resources === 1 ? "" : "s"}`;
    const text = created
      ? `declared the realm ${realm}: it decides on ${secrets} now, and releases nothing until its policies say so`
      : `changed what is said of the realm ${realm}, which decides on ${secrets}`;
    print({ realm, created, resources }, text);
  },
});
