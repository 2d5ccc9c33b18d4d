import { randomBytes } from "node:crypto";
import { formatResourcePath, formatResourceUri, parseResourceUri } from "../../../protocol/index.ts";
import { CaiError, defineVerb } from "../../../system/index.ts";
import { readInput } from "../input.ts";
import { storeResources } from "../resources.ts";
import { ADMIN_FLAGS, connectAdmin, warnOfWorld } from "../trustee-admin.ts";

const MAX_SECRET = 1024 * 1024;

export default defineVerb({
  path: "resource set",
  description: "Stores a secret on a trustee under a kbs:/// address. Environments get it only after attestation, as the policies decide.",
  positionals: [{ name: "URI", about: "kbs:///repository/type/tag" }],
  flags: {
    file: { kind: "text", value: "FILE", about: "the secret; `-` reads standard input", commandLineOnly: true },
    random: {
      kind: "number",
      value: "BYTES",
      min: 16,
      max: 65_536,
      about: "make a random secret of so many bytes, which nobody sees",
      commandLineOnly: true,
    },
    replace: { kind: "switch", about: "replace a secret that is there", commandLineOnly: true },
    ...ADMIN_FLAGS,
  },
  examples: [
    {
      about: "a token from a file",
      line: "cai resource set kbs:///default/token/registry --file token.txt --admin-key cai-trustee/admin.key",
    },
    {
      about: "a key that only attested environments will ever see",
      line: "cai resource set kbs:///default/key/session --random 32 --admin-key cai-trustee/admin.key",
    },
  ],
  async run({ positionals: [uri], flags, log, print, signal }) {
    const resource = parseResourceUri(uri);
    if ((flags.file === undefined) === (flags.random === undefined))
      throw new CaiError("cli.usage", "give either --file or --random", { hint: "cai resource set --help" });
    const value = flags.file !== undefined ? await readInput(flags.file, MAX_SECRET) : randomBytes(flags.random ?? 0);
    const admin = await connectAdmin(flags, signal, "secrets");
    warnOfWorld(admin, log);
    await storeResources(admin, [{ path: formatResourcePath(resource), value }], flags.replace);
    print({ uri: formatResourceUri(resource), bytes: value.length }, `stored ${formatResourceUri(resource)} (${value.length} bytes)`);
    value.fill(0);
  },
});
