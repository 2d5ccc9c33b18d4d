import { openFileSource } from "../../../model/index.ts";
import { defineVerb, formatTable } from "../../../system/index.ts";
import { explainModel } from "../inspect/model.ts";

export default defineVerb({
  path: "model inspect",
  description:
    "Shows the clear header of an encrypted model: cipher, sizes, and which keys open it. Needs no key.\nNothing shown is authenticated: whoever stores the file can change it, and `cai model verify` would refuse it then.",
  positionals: [{ name: "ENC", about: "the encrypted model" }],
  flags: {},
  examples: [
    { about: "a file on this machine", line: "cai model inspect enc.tar" },
    { about: "for a program", line: "cai model inspect enc.tar --json" },
  ],
  async run({ positionals: [path], print }) {
    const source = await openFileSource(path);
    try {
      const { json, sections } = await explainModel(source);
      print(json, formatTable(sections[0]!.rows));
    } finally {
      await source.close();
    }
  },
});
