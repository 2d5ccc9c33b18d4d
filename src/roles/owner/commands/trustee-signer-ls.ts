import { defineVerb, formatTable } from "../../../system/index.ts";
import { rfc3339 } from "../../../tee/tdx/index.ts";
import { listSigners } from "../signers.ts";
import { ADMIN_FLAGS, connectAdmin } from "../trustee-admin.ts";

export default defineVerb({
  path: "trustee signer ls",
  description:
    "Lists the keys that a trustee signs tokens with: those that sign now, those to come, and those whose tokens are still taken.\nKey ids are those of the key set at /.well-known/jwks.json.",
  positionals: [],
  flags: ADMIN_FLAGS,
  examples: [
    { about: "of the trustee on this machine", line: "cai trustee signer ls --admin-key cai-trustee/admin.key" },
    { about: "for a program", line: "cai trustee signer ls --admin-key cai-trustee/admin.key --json" },
  ],
  async run({ flags, print, signal }) {
    const signers = await listSigners(await connectAdmin(flags, signal));
    const time = (seconds: number | null) => (seconds === null ? "open" : rfc3339(seconds));
    const rows = signers.map(({ kid, alg, state, from, until, accepted_until: accepted }) => [
      kid,
      alg,
      state,
      from === 0 ? "the beginning" : rfc3339(from),
      time(until),
      time(accepted),
    ]);
    print({ signers }, formatTable([["KEY ID", "ALGORITHM", "STATE", "SIGNS FROM", "UNTIL", "TOKENS TAKEN UNTIL"], ...rows]));
  },
});
