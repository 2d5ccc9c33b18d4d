import { encodeBase64Url, encodeHex } from "../../../crypto/index.ts";
import { openFileSource, readHeader } from "../../../model/index.ts";
import { defineVerb, formatBytes, formatTable, type JsonObject } from "../../../system/index.ts";

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
      const { core, coreHash, slots } = await readHeader(source);
      const keys: JsonObject[] = slots.map((slot) =>
        "unknown" in slot ? { alg: slot.alg, supported: false } : { alg: slot.alg, uri: slot.uri ?? null, kid: slot.kid ?? null },
      );
      const rows = [
        ["format", `cai model v${core.v}`],
        ["id", encodeBase64Url(core.id)],
        ["cipher", `${core.cipher}, ${formatBytes(core.chunk)} a block, ${core.epoch} blocks a key`],
        ["ciphertext", `${core.stream} bytes (${formatBytes(core.stream)}) in parts of ${formatBytes(core.part)}`],
        ["file", `${source.size} bytes`],
        ["core hash", encodeHex(coreHash)],
        ...keys.map((key) => [
          "key",
          key["supported"] === false
            ? `${key["alg"]} (not supported by this release)`
            : `${key["uri"] ?? "key file"} (generation ${key["kid"] ?? "not told"})`,
        ]),
      ];
      print(
        {
          id: encodeBase64Url(core.id),
          version: core.v,
          cipher: core.cipher,
          chunk: core.chunk,
          epoch: core.epoch,
          part: core.part,
          stream: core.stream,
          index: core.index,
          size: source.size,
          core_hash: encodeHex(coreHash),
          slots: keys,
          authenticated: false,
        },
        formatTable(rows),
      );
    } finally {
      await source.close();
    }
  },
});
