import { encodeBase64 } from "../../../crypto/index.ts";
import { defineVerb, hardenProcess, readTextFile } from "../../../system/index.ts";
import { clientOf, TRUSTEE_FLAGS } from "./flags.ts";

export default defineVerb({
  path: "agent resource get",
  description: "Attests this machine and writes one secret to standard output, byte for byte (with --json: in base64).",
  positionals: [{ name: "URI", about: "kbs:///repository/type/tag" }],
  flags: {
    "token-file": {
      kind: "text",
      value: "FILE",
      about: "show the token of this file instead of attesting; only the process that attested it can open the answer",
      commandLineOnly: true,
    },
    ...TRUSTEE_FLAGS,
  },
  examples: [
    {
      about: "a secret into a variable",
      line: 'TOKEN="$(cai agent resource get kbs:///default/token/registry --trustee https://trustee.example:8443)"',
    },
    {
      about: "on a simulated machine",
      line: "cai agent resource get kbs:///default/token/registry --simulated-tdx sim/machine.json --json",
    },
  ],
  exits: { 3: "the trustee refused this machine, or does not release this secret to it" },
  async run({ positionals: [uri], flags, json, log, print, signal }) {
    hardenProcess();
    const client = await clientOf(flags, log);
    const tokenFile = flags["token-file"];
    const secret =
      tokenFile === undefined
        ? await client.resource(uri, signal)
        : await client.resourceWithToken(uri, readTextFile(tokenFile).trim(), undefined, signal);
    if (json) print({ uri, base64: encodeBase64(secret) }, "");
    else await Bun.write(Bun.stdout, secret);
    secret.fill(0);
  },
});
