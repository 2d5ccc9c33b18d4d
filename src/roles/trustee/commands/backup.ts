import { resolve } from "node:path";
import { defineVerb, hardenProcess } from "../../../system/index.ts";
import { backUp } from "../backup/back-up.ts";
import { contentsText } from "../backup/contents-text.ts";
import { wallClock } from "../init.ts";
import { PLACE_FLAGS, placeOf, SERVE_FLAGS, settingsFile } from "./flags.ts";

export default defineVerb({
  path: "trustee backup",
  description:
    "Writes everything that a trustee remembers into one encrypted file, also while it serves: one state of it, never a part.\nThe master key is not in it and is needed to restore it: keep the two apart.",
  positionals: [],
  flags: {
    ...PLACE_FLAGS,
    output: {
      kind: "text",
      short: "o",
      value: "FILE",
      required: true,
      about: "the file to write; never overwritten",
      commandLineOnly: true,
    },
  },
  settingsFile,
  settingsOf: SERVE_FLAGS,
  examples: [
    { about: "of the trustee in ./cai-trustee", line: "cai trustee backup -o trustee-monday.backup" },
    {
      about: "of a trustee whose store is in PostgreSQL",
      line: "cai trustee backup --store postgres://cai@db.example/cai --master-key file:/etc/cai/master -o trustee.backup",
    },
  ],
  async run({ flags, print, signal }) {
    hardenProcess();
    const output = resolve(flags.output);
    const contents = await backUp(placeOf(flags), output, wallClock(), signal);
    print(
      { file: output, ...contents },
      `wrote ${output}\n${contentsText(contents)}\nIt is worth nothing without the master key: keep that elsewhere.`,
    );
  },
});
