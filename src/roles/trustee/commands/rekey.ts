import { defineVerb, hardenProcess } from "../../../system/index.ts";
import { rekeyTrustee } from "../rekey.ts";
import { PLACE_FLAGS, placeOf, SERVE_FLAGS, settingsFile } from "./flags.ts";

export default defineVerb({
  path: "trustee rekey",
  description:
    "Seals a trustee's store under a new master key, in one transaction, while the trustee and all its replicas are stopped.\nThe old key stays in force until that is done; backups that were made before still need it.",
  positionals: [],
  flags: {
    ...PLACE_FLAGS,
    "new-master-key": {
      kind: "text",
      value: "WHERE",
      commandLineOnly: true,
      about: "where the new key is or is to be, as with --master-key; default: a new one in the place of the old one",
    },
    "keep-old": { kind: "text", value: "FILE", commandLineOnly: true, about: "keep the old key's file here, for the backups that need it" },
  },
  settingsFile,
  settingsOf: SERVE_FLAGS,
  examples: [
    {
      about: "a new key file in the place of the old one, which is kept elsewhere",
      line: "cai trustee rekey --keep-old /media/safe/trustee-old.master",
    },
    { about: "from the file to a passphrase, which is asked for twice", line: "cai trustee rekey --new-master-key passphrase" },
    {
      about: "to a systemd credential",
      line: "systemd-run --pty -p LoadCredential=cai-master-key:/root/new.master cai trustee rekey --data /var/lib/cai/trustee --new-master-key credential:cai-master-key",
    },
  ],
  async run({ flags, print }) {
    hardenProcess();
    const { "new-master-key": next, "keep-old": keepOld } = flags;
    const { masterKey, removed } = await rekeyTrustee({ ...placeOf(flags), next, keepOld });
    const lines = [
      `the store is sealed under a new master key: ${masterKey}`,
      ...(removed === undefined ? [] : [`removed ${removed}`]),
      "Make a backup now: those from before need the old key.",
    ];
    print({ master_key: masterKey, ...(removed !== undefined && { removed }) }, lines.join("\n"));
  },
});
