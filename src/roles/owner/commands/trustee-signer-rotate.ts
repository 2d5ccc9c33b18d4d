import { defineVerb } from "../../../system/index.ts";
import { rfc3339 } from "../../../tee/tdx/index.ts";
import { rotateSigner } from "../signers.ts";
import { ADMIN_FLAGS, connectAdmin } from "../trustee-admin.ts";
import { parseTime } from "../verify/time.ts";

/** The algorithms of the two forms of tokens. */
const ALGORITHMS = { ear: "ES256", simple: "RS384" } as const;

export default defineVerb({
  path: "trustee signer rotate",
  description:
    "Makes a new key that a trustee signs tokens with, under the CA that relying parties know. Tokens of the former key stay good until the last has expired.\nThe former key is destroyed as soon as it signs no more.",
  positionals: [],
  flags: {
    token: {
      kind: "text",
      value: "TYPE",
      oneOf: ["ear", "simple"],
      default: "ear",
      commandLineOnly: true,
      about: "the tokens that it signs: ear (those of the key broker, too) or simple",
    },
    at: {
      kind: "text",
      value: "TIME",
      commandLineOnly: true,
      about: "when it begins, RFC 3339 or seconds since 1970, at most 30 days ahead; it is published at once; default: now",
    },
    "distrust-former": {
      kind: "switch",
      commandLineOnly: true,
      about: "take no tokens of earlier keys from then on: for a key that others may have",
    },
    ...ADMIN_FLAGS,
  },
  examples: [
    { about: "now", line: "cai trustee signer rotate --admin-key cai-trustee/admin.key" },
    {
      about: "in an hour: announced, so that relying parties can fetch the key set before",
      line: "cai trustee signer rotate --at $(($(date +%s) + 3600)) --admin-key cai-trustee/admin.key",
    },
    {
      about: "because the key may be known to others",
      line: "cai trustee signer rotate --distrust-former --admin-key cai-trustee/admin.key",
    },
  ],
  async run({ flags, print, signal }) {
    const from = flags.at === undefined ? undefined : parseTime(flags.at);
    const alg = flags.token === "simple" ? ALGORITHMS.simple : ALGORITHMS.ear;
    const kid = await rotateSigner(await connectAdmin(flags, signal), {
      alg,
      ...(from !== undefined && { from }),
      alone: flags["distrust-former"],
    });
    print(
      { kid, alg, from: from ?? null },
      `key ${kid} signs ${flags.token} tokens ${from === undefined ? "from now on" : `from ${rfc3339(from)}`}`,
    );
  },
});
