import { decryptArtefact } from "../../../model/index.ts";
import { defineVerb } from "../../../system/index.ts";
import { OPEN_FLAGS, openWithKeyFile } from "../opened-artefact.ts";

export default defineVerb({
  path: "model decrypt",
  description:
    "Writes the plain files of an encrypted model into a new folder. Each block is checked before it is written; on a bad one nothing is kept.",
  positionals: [{ name: "ENC", about: "the encrypted model" }],
  flags: {
    output: {
      kind: "text",
      value: "DIR",
      short: "o",
      required: true,
      about: "the folder to write; absent or empty",
      commandLineOnly: true,
    },
    ...OPEN_FLAGS,
  },
  examples: [
    { about: "with its key file", line: "cai model decrypt qwen.tar --key-file qwen.key -o qwen" },
    {
      about: "an artefact of a resource whose key you saved",
      line: "cai model decrypt qwen.tar --key-file saved.key --resource kbs:///default/model/qwen --accept-unpinned-root -o qwen",
    },
  ],
  exits: { 3: "the artefact is damaged, tampered with, or not the intended one" },
  async run({ positionals: [path], flags, print, progress, signal }) {
    const { artefact, rootPinned } = await openWithKeyFile(path, flags);
    const bar = progress("decrypting");
    try {
      await decryptArtefact(artefact, flags.output, { progress: bar.update, signal });
      bar.end();
      const files = artefact.entries.filter((entry) => entry.kind === "file").length;
      const { root } = artefact;
      const pinned = rootPinned ? "" : `, of root ${root}, which is NOT pinned`;
      print({ output: flags.output, root, root_pinned: rootPinned, files }, `decrypted ${files} files into ${flags.output}${pinned}`);
    } finally {
      bar.end();
      await artefact.close();
    }
  },
});
