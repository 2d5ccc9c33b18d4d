import { defineVerb } from "../../../system/index.ts";
import { ADMIN_FLAGS, connectAdmin, REALM_FLAG } from "../trustee-admin.ts";

export default defineVerb({
  path: "reference rm",
  description: "Removes a reference value from a trustee: whatever was graded by it is affirmed no more, from the next release on.",
  positionals: [{ name: "NAME", about: "for example tdx.rtmr_1" }],
  flags: { ...REALM_FLAG, ...ADMIN_FLAGS },
  examples: [
    { about: "one register", line: "cai reference rm tdx.rtmr_1 --admin-key cai-trustee/admin.key" },
    { about: "on another trustee", line: "cai reference rm tdx.mr_td --trustee https://trustee.example:8443 --admin-key admin.key" },
  ],
  async run({ positionals: [name], flags, print, signal }) {
    const admin = await connectAdmin(flags, signal);
    await admin.call({ method: "DELETE", path: `cai/references/${encodeURIComponent(name)}`, realm: flags.realm });
    print({ removed: name }, `removed the reference value ${name}`);
  },
});
