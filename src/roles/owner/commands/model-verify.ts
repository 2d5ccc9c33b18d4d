import { type VerifyCounts, type VerifyMode, verifyArtefact } from "../../../model/index.ts";
import { CaiError, defineVerb, formatBytes } from "../../../system/index.ts";
import { OPEN_FLAGS, openWithKeyFile } from "../opened-artefact.ts";

export default defineVerb({
  path: "model verify",
  description:
    "Checks an encrypted model with its key: header, index, root, and every block. Writes nothing.\nWith --deep each file's SHA-256 is compared too, which also finds what somebody with the key changed.",
  positionals: [{ name: "ENC", about: "the encrypted model" }],
  flags: {
    deep: { kind: "switch", about: "compare the digest of each file too", commandLineOnly: true },
    header: { kind: "switch", about: "check header, index and root only", commandLineOnly: true },
    ...OPEN_FLAGS,
  },
  examples: [
    { about: "every block", line: "cai model verify qwen.tar --key-file qwen.key" },
    { about: "before publishing", line: "cai model verify qwen.tar --key-file qwen.key --deep" },
  ],
  exits: { 3: "the artefact is damaged, tampered with, or not the intended one" },
  async run({ positionals: [path], flags, print, progress, signal }) {
    if (flags.deep && flags.header)
      throw new CaiError("cli.usage", "--deep and --header exclude each other", { hint: "cai model verify --help" });
    const mode = flags.deep ? "deep" : flags.header ? "header" : "chunks";
    const { artefact, rootPinned } = await openWithKeyFile(path, flags);
    const bar = progress("verifying");
    try {
      const counts = await verifyArtefact(artefact, mode, { progress: bar.update, signal });
      bar.end();
      print(
        {
          verdict: "accepted",
          mode,
          root: artefact.root,
          root_pinned: rootPinned,
          files: counts.files,
          chunks: counts.chunks,
          bytes: counts.bytes,
          digests: counts.digests,
        },
        [
          verdictText(path, mode, counts),
          `  root: ${artefact.root}${rootPinned ? "" : " (NOT pinned: any artefact under this key passes)"}`,
        ].join("\n"),
      );
    } finally {
      bar.end();
      await artefact.close();
    }
  },
});

/** Says no more than what was checked. */
function verdictText(path: string, mode: VerifyMode, { files, chunks, digests, bytes }: VerifyCounts): string {
  if (mode === "header") return `${path}: header, index and root are good; none of its ${files} files (${formatBytes(bytes)}) was read`;
  return `${path} is intact: ${files} files, ${chunks} blocks checked, ${digests} digests compared, ${formatBytes(bytes)}`;
}
