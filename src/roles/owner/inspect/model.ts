import { encodeBase64Url, encodeHex } from "../../../crypto/index.ts";
import { type FileSource, readHeader } from "../../../model/index.ts";
import { formatBytes, type JsonObject } from "../../../system/index.ts";
import type { Explanation } from "./artefact.ts";

/** The name of the first member of the archive that an encrypted model is. */
const FIRST_MEMBER = new TextEncoder().encode("cai-model.json");

/** True where a file begins as an encrypted model does. @param start  at least the first 14 bytes */
export const looksLikeModel = (start: Uint8Array): boolean => Buffer.compare(start.subarray(0, FIRST_MEMBER.length), FIRST_MEMBER) === 0;

/**
 * Explains the clear header of an encrypted model; needs no key.
 *
 * @throws CaiError what `readHeader` throws
 */
export async function explainModel(source: FileSource): Promise<Explanation> {
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
  const json = {
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
  };
  return { kind: "encrypted model", json, sections: [{ title: "Encrypted model", rows }] };
}
