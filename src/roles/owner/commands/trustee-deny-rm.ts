import { defineVerb } from "../../../system/index.ts";
import { removeRow } from "../administration.ts";
import { ADMIN_FLAGS, connectAdmin, REALM_FLAG } from "../trustee-admin.ts";

export default defineVerb({
  path: "trustee deny rm",
  description: "Removes a deny row: policies decide on that machine or build again, after it attests anew.",
  positionals: [
    { name: "KIND", about: "as `cai trustee deny ls` shows it" },
    { name: "VALUE", about: "as `cai trustee deny ls` shows it" },
  ],
  flags: { ...REALM_FLAG, ...ADMIN_FLAGS },
  examples: [
    {
      about: "a row that was a mistake",
      line: "cai trustee deny rm ppid 81f83f5bc58e59f9c793690f6063a96b --admin-key cai-trustee/admin.key",
    },
    {
      about: "one of a team",
      line: "cai trustee deny rm ppid 81f83f5bc58e59f9c793690f6063a96b --realm team-a --admin-key cai-trustee/admin.key",
    },
  ],
  async run({ positionals: [kind, value], flags, print, signal }) {
    await removeRow(await connectAdmin(flags, signal), "denials", `${kind}/${value}`, flags.realm);
    print({ removed: { kind, value } }, `removed the deny row of ${kind} ${value}`);
  },
});
