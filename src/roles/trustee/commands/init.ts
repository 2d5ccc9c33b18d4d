import { defineVerb, hardenProcess } from "../../../system/index.ts";
import { initTrustee } from "../index.ts";
import { PLACE_FLAGS, placeOf, SERVE_FLAGS, settingsFile } from "./flags.ts";

export default defineVerb({
  path: "trustee init",
  description:
    "Makes the store, the identity and the administrator's key of a new trustee, and prints where the key lies.\nRunning it again changes nothing. A store is for production or for simulated platforms, for ever.",
  positionals: [],
  flags: {
    ...PLACE_FLAGS,
    simulated: { kind: "switch", about: "make a store for simulated platforms; it will never take real ones" },
  },
  settingsFile,
  settingsOf: SERVE_FLAGS,
  examples: [
    { about: "a trustee for real hardware, in ./cai-trustee", line: "cai trustee init" },
    { about: "under a passphrase, which is asked for", line: "cai trustee init --master-key passphrase" },
    {
      about: "one whose store is in a database; its replicas are given the master key that this makes",
      line: "CAI_STORE=postgres://cai:PASSWORD@db.example/cai cai trustee init --data ./replica",
    },
    { about: "one to try things with simulated platforms", line: "cai trustee init --simulated --data ./try-trustee" },
  ],
  exits: { 2: "wrong usage, or the store that is there belongs to the other world" },
  async run({ flags, print }) {
    hardenProcess();
    const { tid, world, adminKeyPath, masterKey, created } = await initTrustee({ ...placeOf(flags), simulated: flags.simulated });
    const lines = [
      `${created ? "made" : "kept"} the ${world} trustee in ${flags.data}`,
      `  identity:   tid:${tid}   (give it to agents as --trustee-pin)`,
      `  admin key:  ${adminKeyPath}   (move it off this machine; whoever has it administers the trustee)`,
      `  master key: ${masterKey}   (back it up apart from the data)`,
    ];
    print({ data: flags.data, world, tid, pin: `tid:${tid}`, admin_key: adminKeyPath, master_key: masterKey, created }, lines.join("\n"));
  },
});
