import { defineVerb } from "../../../system/index.ts";
import { removeRow } from "../administration.ts";
import { ADMIN_FLAGS, connectAdmin } from "../trustee-admin.ts";

export default defineVerb({
  path: "trustee admin rm",
  description: "Takes every right from an administrator or identity provider, at once.\nThe last one with every right stays.",
  positionals: [{ name: "NAME", about: "as `cai trustee admin ls` shows it" }],
  flags: ADMIN_FLAGS,
  examples: [
    { about: "somebody who left", line: "cai trustee admin rm alice --admin-key cai-trustee/admin.key" },
    { about: "the key that `init` made, after another one was added", line: "cai trustee admin rm admin --admin-key new.key" },
  ],
  async run({ positionals: [name], flags, print, signal }) {
    await removeRow(await connectAdmin(flags, signal), "administrators", name);
    print({ removed: name }, `removed the administrator ${name}`);
  },
});
