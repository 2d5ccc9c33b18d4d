import { defineVerb } from "../../../system/index.ts";
import { putRow } from "../administration.ts";
import { ADMIN_FLAGS, connectAdmin, REALM_FLAG } from "../trustee-admin.ts";

export default defineVerb({
  path: "trustee deny add",
  description:
    "Ends trust in one machine or build at once: no policy releases anything to it any more, also where it has a session or a token.\nA row of the root realm holds in every realm.",
  positionals: [
    {
      name: "KIND",
      about: "ppid, platform-instance, pck-serial, chip-id, csv-cek, csv-pek, measurement, init-data or trustee",
    },
    { name: "VALUE", about: "hexadecimal, as `cai verify --json` shows it; tid:… for a trustee" },
  ],
  flags: {
    reason: { kind: "text", value: "TEXT", about: "why, for those who find the row later", commandLineOnly: true },
    ...REALM_FLAG,
    ...ADMIN_FLAGS,
  },
  examples: [
    {
      about: "a machine whose key was extracted",
      line: 'cai trustee deny add ppid 81f83f5bc58e59f9c793690f6063a96b --reason "incident 12" --admin-key cai-trustee/admin.key',
    },
    {
      about: "a kernel with a hole, for one team",
      line: `cai trustee deny add measurement ${"5a".repeat(48)} --realm team-a --admin-key cai-trustee/admin.key`,
    },
  ],
  async run({ positionals: [kind, value], flags, print, signal }) {
    const { reason, realm } = flags;
    const row = { kind, value, ...(reason !== undefined && { reason }) };
    await putRow(await connectAdmin(flags, signal), "denials", row, realm);
    print(
      { ...row, realm: realm ?? null },
      `nothing is released any more to ${kind} ${value}${realm === undefined ? "" : ` from ${realm}`}`,
    );
  },
});
