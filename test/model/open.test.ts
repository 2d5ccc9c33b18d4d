import { expect, test } from "bun:test";
import { copyFileSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { encodeHeader, type Header, parseHeader, type WrappedSlot } from "../../src/model/header.ts";
import { decryptArtefact, verifyArtefact } from "../../src/model/index.ts";
import { commitment, extractPrk } from "../../src/model/keys.ts";
import {
  archiveSize,
  HEADER_POSITION,
  HEADER_SIZE,
  indexPosition,
  partCount,
  partHeaderPosition,
  TAR_BLOCK,
} from "../../src/model/layout.ts";
import { wrapDek } from "../../src/model/slot.ts";
import { CaiError } from "../../src/system/index.ts";
import { encryptSmall, KEK, makeTree, noise, openSmall, refusal, scratch, snapshot } from "./fixture.ts";

const OTHER_KEK = new Uint8Array(32).fill(1);
const URI = "kbs:///default/model/qwen";

/** Writes a copy of an archive whose header was changed. */
function withHeader(from: string, to: string, change: (header: Header & { slots: readonly WrappedSlot[] }) => Partial<Header>): string {
  const bytes = readFileSync(from);
  const header = parseHeader(bytes.subarray(HEADER_POSITION, HEADER_POSITION + HEADER_SIZE)) as Header & { slots: readonly WrappedSlot[] };
  bytes.set(encodeHeader({ ...header, ...(change(header) as object) }), HEADER_POSITION);
  writeFileSync(to, bytes);
  return to;
}

test("an artefact opens with its key and its root", async () => {
  using folder = scratch();
  const path = join(folder.path, "enc.tar");
  const { root } = await encryptSmall(makeTree(folder.path), path);
  const artefact = await openSmall(path, { roots: [`sha256:${"0".repeat(64)}`, root] });
  expect(artefact.root).toBe(root);
  await artefact.close();
  expect(artefact.prk.every((byte) => byte === 0)).toBe(true);
});

test("without a root an artefact is refused, unless its caller said that any will do (I28)", async () => {
  using folder = scratch();
  const path = join(folder.path, "enc.tar");
  await encryptSmall(makeTree(folder.path), path);
  await refusal("model.root-unpinned", () => openSmall(path, { roots: [] }));
  await refusal("model.root-invalid", () => openSmall(path, { roots: ["sha256:12"] }));
  await (await openSmall(path, { roots: "unpinned" })).close();
});

test("another artefact, and an older one, under the same key are not the pinned one (I28)", async () => {
  using folder = scratch();
  const input = makeTree(folder.path);
  const older = join(folder.path, "older.tar");
  const newer = join(folder.path, "newer.tar");
  const { root: oldRoot } = await encryptSmall(input, older);
  const { root: newRoot } = await encryptSmall(input, newer);
  const error = await refusal("model.root-mismatch", () => openSmall(older, { roots: [newRoot] }));
  expect(error).toMatchObject({ expected: newRoot, got: oldRoot });
});

test("a wrong key is refused before any data key is used", async () => {
  using folder = scratch();
  const path = join(folder.path, "enc.tar");
  await encryptSmall(makeTree(folder.path), path);
  const error = await refusal("model.key-wrong", () => openSmall(path, { kek: OTHER_KEK }));
  expect(JSON.stringify(error)).not.toContain(Buffer.from(OTHER_KEK).toString("hex"));
  await refusal("model.key-wrong", () => openSmall(path, { kek: new Uint8Array(16) }));
});

test("a slot for another resource is foreign, whatever host it names (I29)", async () => {
  using folder = scratch();
  const path = join(folder.path, "enc.tar");
  const input = makeTree(folder.path);
  await encryptSmall(input, path, { recipients: [{ kek: KEK, uri: "kbs://evil.example/default/model/qwen" }] });
  await (await openSmall(path, { slot: { resourcePath: "default/model/qwen" } })).close();
  for (const resourcePath of ["default/model/qwen2", "other/model/qwen", "evil.example/default/model"]) {
    await refusal("model.slot-foreign", () => openSmall(path, { slot: { resourcePath } }));
  }
  await refusal("model.slot-foreign", () => openSmall(path, { slot: {} }));
  const keyFile = join(folder.path, "file.tar");
  await encryptSmall(input, keyFile);
  await refusal("model.slot-foreign", () => openSmall(keyFile, { slot: { resourcePath: "default/model/qwen" } }));
});

test("each of several recipients opens the artefact", async () => {
  using folder = scratch();
  const path = join(folder.path, "enc.tar");
  await encryptSmall(makeTree(folder.path), path, {
    recipients: [{ kek: KEK, uri: URI }, { kek: OTHER_KEK }, { kek: OTHER_KEK, uri: URI }],
  });
  const slot = { resourcePath: "default/model/qwen" };
  for (const options of [{ kek: KEK, slot }, { kek: OTHER_KEK, slot }, { kek: OTHER_KEK }]) await (await openSmall(path, options)).close();
  await refusal("model.key-wrong", () => openSmall(path, { kek: KEK }));
});

test("a slot moved to another resource does not open, as its address is authenticated", async () => {
  using folder = scratch();
  const path = join(folder.path, "enc.tar");
  await encryptSmall(makeTree(folder.path), path, { recipients: [{ kek: KEK, uri: URI }] });
  const moved = withHeader(path, join(folder.path, "moved.tar"), ({ slots }) => ({
    slots: slots.map((slot) => ({ ...slot, uri: "kbs:///default/model/other" })),
  }));
  await refusal("model.key-wrong", () => openSmall(moved, { slot: { resourcePath: "default/model/other" } }));
});

test("a key that a slot holds but the header does not commit to is refused", async () => {
  using folder = scratch();
  const path = join(folder.path, "enc.tar");
  await encryptSmall(makeTree(folder.path), path);
  const other = new Uint8Array(32).fill(9);
  const swapped = withHeader(path, join(folder.path, "swapped.tar"), ({ core, coreHash }) => ({
    slots: [wrapDek(other, core.id, coreHash, { kek: KEK }, new Uint8Array(12))],
  }));
  await refusal("model.commit-mismatch", () => openSmall(swapped));
  // With the commitment replaced as well, the index is what the foreign key does not open.
  const both = withHeader(swapped, join(folder.path, "both.tar"), ({ core, coreHash }) => ({
    commit: commitment(extractPrk(other, core.id), coreHash),
  }));
  await refusal("model.index-corrupt", () => openSmall(both));
});

test("slots of unknown kinds are passed over, and refused where there is nothing else", async () => {
  using folder = scratch();
  const path = join(folder.path, "enc.tar");
  await encryptSmall(makeTree(folder.path), path);
  const rewrite = (slots: (known: object) => object[]) => {
    const bytes = readFileSync(path);
    const text = new TextDecoder().decode(bytes.subarray(HEADER_POSITION, HEADER_POSITION + HEADER_SIZE));
    const header = JSON.parse(text);
    header.slots = slots(header.slots[0]);
    bytes.write(JSON.stringify(header).padEnd(HEADER_SIZE - 1), HEADER_POSITION);
    writeFileSync(join(folder.path, "changed.tar"), bytes);
    return join(folder.path, "changed.tar");
  };
  await (await openSmall(rewrite((known) => [{ alg: "HPKE-X25519", pk: "x" }, known]))).close();
  await refusal("model.slot-unsupported", () => openSmall(rewrite(() => [{ alg: "dir", uri: URI }])));
});

test("cut off anywhere, an artefact is refused as truncated", async () => {
  using folder = scratch();
  const path = join(folder.path, "enc.tar");
  const { bytes } = await encryptSmall(makeTree(folder.path), path);
  const cut = join(folder.path, "cut.tar");
  for (const size of [0, 1, 511, 16895, 16896, 20000, bytes >> 1, bytes - 5000, bytes - 1024, bytes - 1]) {
    copyFileSync(path, cut);
    truncateSync(cut, size);
    await refusal("model.truncated", () => openSmall(cut));
  }
});

test("of 400 flipped bits each is refused by name, but for those in bytes that carry no meaning", async () => {
  using folder = scratch();
  const input = makeTree(folder.path);
  const path = join(folder.path, "enc.tar");
  const { root } = await encryptSmall(input, path, { pad: "none" });
  const clean = readFileSync(path);
  const { core } = parseHeader(clean.subarray(HEADER_POSITION, HEADER_POSITION + HEADER_SIZE));
  const expected = snapshot(input);
  const flipped = join(folder.path, "flipped.tar");
  const places = noise(400 * 4, 7);
  const view = new DataView(places.buffer);
  let refused = 0;
  for (let i = 0; i < 400; i++) {
    const bit = view.getUint32(i * 4) % (clean.length * 8);
    const bytes = Buffer.from(clean);
    bytes[bit >> 3]! ^= 1 << (bit & 7);
    writeFileSync(flipped, bytes);
    try {
      const artefact = await openSmall(flipped, { roots: [root] });
      try {
        await verifyArtefact(artefact, "deep");
        // Nothing noticed: then it must be a byte without meaning, and what comes out must be the model.
        expect(isMeaningless(bit >> 3, core, clean)).toBe(true);
        const into = join(folder.path, `out ${i}`);
        await decryptArtefact(artefact, into);
        expect(snapshot(into)).toEqual(expected);
      } finally {
        await artefact.close();
      }
    } catch (error) {
      if (!(error instanceof CaiError)) throw error;
      expect(error.id).toMatch(
        /^model\.(header-invalid|version-unsupported|slot-unsupported|slot-foreign|key-wrong|commit-mismatch|truncated|index-corrupt|block-corrupt)$/,
      );
      refused++;
    }
  }
  expect(refused).toBeGreaterThan(250);
}, 20_000);

/** Tar headers, the zeros between and behind members, the blanks of the clear header and its label of the key's generation. */
function isMeaningless(at: number, core: Header["core"], clean: Uint8Array): boolean {
  if (at < HEADER_POSITION) return true;
  if (at < HEADER_POSITION + HEADER_SIZE) {
    const text = new TextDecoder().decode(clean.subarray(HEADER_POSITION, HEADER_POSITION + HEADER_SIZE));
    const kid = text.indexOf('"kid":"');
    const place = at - HEADER_POSITION;
    return place > text.lastIndexOf("}") || (place >= kid + 7 && place < kid + 23);
  }
  for (let part = 0; part < partCount(core); part++) {
    const start = partHeaderPosition(core, part);
    if (at >= start && at < start + TAR_BLOCK) return true;
  }
  const index = indexPosition(core);
  const streamEnd = partHeaderPosition(core, partCount(core) - 1) + TAR_BLOCK + (core.stream % core.part || core.part);
  return (at >= streamEnd && at < index) || (at >= index + core.index && at < archiveSize(core));
}
