import { policyHash } from "../../../policy/index.ts";
import { defineVerb } from "../../../system/index.ts";
import { parsePolicyKind, readPolicy, setPolicy } from "../policies.ts";
import { ADMIN_FLAGS, connectAdmin } from "../trustee-admin.ts";

export default defineVerb({
  path: "policy set",
  description:
    "Puts a Rego policy in force: `attestation` grades evidence, `resource` decides which secrets a grade opens.\nThe trustee refuses a policy that does not compile; tokens of the former policy end at once.",
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
    ...ADMIN_FLAGS,
  },
  examples: [
    {
      about: "release to environments that the attestation policy affirms",
      line: "cai policy set resource --template affirming --admin-key cai-trustee/admin.key",
    },
    { about: "your own", line: "cai policy set attestation attestation.rego --admin-key cai-trustee/admin.key" },
  ],
  async run({ positionals: [kindText, file], flags, print, signal }) {
    const kind = parsePolicyKind(kindText);
    const text = await readPolicy(kind, file, flags.template);
    await setPolicy(await connectAdmin(flags, signal), kind, text);
    const hash = policyHash(text);
    print({ kind, sha384: hash }, `the ${kind} policy is in force, SHA-384 ${hash}`);
  },
});
