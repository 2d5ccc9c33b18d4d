import { policyHash } from "../../../policy/index.ts";
import { defineVerb } from "../../../system/index.ts";
import { policyPlace, readPolicy, setPolicy } from "../policies.ts";
import { ADMIN_FLAGS, connectAdmin, REALM_FLAG } from "../trustee-admin.ts";

export default defineVerb({
  path: "policy set",
  description:
    "Puts a Rego policy in force: `attestation` grades evidence, `resource` decides which secrets a grade opens.\nThe trustee refuses a policy that does not compile; tokens of the root realm's former attestation policy end at once.",
  positionals: [
    { name: "KIND", about: "resource or attestation" },
    { name: "FILE", about: "the policy; `-` reads standard input", optional: true },
  ],
  flags: {
    template: {
      kind: "text",
      value: "NAME",
      about: "a policy that cai brings, instead of a file (`cai policy ls` shows them)",
      commandLineOnly: true,
    },
    id: {
      kind: "text",
      value: "ID",
      about: "which attestation policy; by default the one that decides on secrets, `default`",
      commandLineOnly: true,
    },
    ...REALM_FLAG,
    ...ADMIN_FLAGS,
  },
  examples: [
    {
      about: "release to environments that the attestation policy affirms",
      line: "cai policy set resource --template affirming --admin-key cai-trustee/admin.key",
    },
    { about: "your own", line: "cai policy set attestation attestation.rego --admin-key cai-trustee/admin.key" },
    { about: "of one team only", line: "cai policy set resource --template affirming --realm team-a --admin-key cai-trustee/admin.key" },
    {
      about: "another one, which clients of the attestation service name",
      line: "cai policy set attestation --template attestation --id strict --admin-key cai-trustee/admin.key",
    },
  ],
  async run({ positionals: [kindText, file], flags, print, signal }) {
    const place = policyPlace(kindText, flags);
    const text = await readPolicy(place.kind, file, flags.template);
    await setPolicy(await connectAdmin(flags, signal), place, text);
    const hash = policyHash(text);
    const { kind, id, realm } = place;
    const named = `the ${kind} policy${id === undefined ? "" : ` ${id}`}${realm === undefined ? "" : ` of ${realm}`}`;
    print({ kind, id: id ?? null, realm: realm ?? null, sha384: hash }, `${named} is in force, SHA-384 ${hash}`);
  },
});
