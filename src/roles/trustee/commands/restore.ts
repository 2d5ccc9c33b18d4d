import { resolve } from "node:path";
import { defineVerb, hardenProcess } from "../../../system/index.ts";
import { contentsText } from "../backup/contents-text.ts";
import { checkBackup, restoreTrustee } from "../backup/restore.ts";
import { wallClock } from "../init.ts";
import { PLACE_FLAGS, placeOf, SERVE_FLAGS, settingsFile } from "./flags.ts";

export default defineVerb({
  path: "trustee restore",
  description:
    "Makes a trustee of a backup, in a new data directory or an empty database: all of it, or nothing.\nIt is the same trustee, with the same identity, so the one that was backed up must not go on. Guests that were in the middle of attesting begin anew.",
  positionals: [{ name: "FILE", about: "what `cai trustee backup` wrote" }],
  flags: {
    ...PLACE_FLAGS,
    simulated: { kind: "switch", about: "the backup is of a trustee of simulated platforms", commandLineOnly: true },
    check: { kind: "switch", about: "read all of the backup, say what it holds, and restore nothing", commandLineOnly: true },
  },
  settingsFile,
  settingsOf: SERVE_FLAGS,
  examples: [
    {
      about: "first the master key of the time of the backup, mode 0600, beside the new data; then the data",
      line: "cai trustee restore trustee-monday.backup --data ./restored",
    },
    { about: "is it whole, and does this key open it", line: "cai trustee restore trustee-monday.backup --check --master-key file:master" },
    {
      about: "into an empty PostgreSQL database",
      line: "cai trustee restore trustee.backup --store postgres://cai@db.example/cai --master-key file:/etc/cai/master",
    },
  ],
  exits: { 3: "the backup was changed or cut, and nothing was restored" },
  async run({ positionals: [file], flags, print }) {
    hardenProcess();
    const request = { ...placeOf(flags), file: resolve(file), simulated: flags.simulated, now: wallClock() };
    if (flags.check) {
      const contents = await checkBackup(request);
      print({ ...contents, restored: false }, `${file} is whole, and the key opens it\n${contentsText(contents)}`);
      return;
    }
    const { tid, ...contents } = await restoreTrustee(request);
    const lines = [`restored ${file}, identity tid:${tid}`, contentsText(contents), "The trustee that was backed up must not go on."];
    print({ ...contents, restored: true, tid, pin: `tid:${tid}` }, lines.join("\n"));
  },
});
