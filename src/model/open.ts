import { timingSafeEqual } from "node:crypto";
import { CaiError } from "../system/index.ts";
import type { Artefact } from "./artefact.ts";
import { openChunk } from "./chunk.ts";
import { type Header, readHeader } from "./header.ts";
import { parseIndex } from "./index-text.ts";
import { artefactRoot, commitment, extractPrk, indexKey } from "./keys.ts";
import { chunkCount, INDEX_SALT_SIZE, indexPlaintextSize, indexPosition, TAG_SIZE } from "./layout.ts";
import { parseRoot } from "./root.ts";
import { type SlotExpectation, unwrapDek } from "./slot.ts";
import type { BlockSource } from "./source.ts";

/** What the caller knows before it looks at the artefact, which names nothing itself (I28, I29). */
export interface OpenOptions {
  /** 32 bytes; the caller wipes it */
  readonly kek: Uint8Array;
  readonly slot: SlotExpectation;
  /** the roots that may be opened (`sha256:<hex>`), or the plain word that any artefact under this key will do */
  readonly roots: readonly string[] | "unpinned";
}

/**
 * Opens an artefact: unwraps its key, checks the commitment, reads the index and compares the root. The artefact owns the source.
 *
 * @throws CaiError the first check that failed: `model.root-unpinned`, `model.header-invalid`, `model.version-unsupported`,
 *   `model.truncated`, `model.slot-unsupported`, `model.slot-foreign`, `model.key-wrong`, `model.commit-mismatch`,
 *   `model.index-corrupt`, `model.root-mismatch`, `model.index-invalid`; the source is left open then
 */
export async function openArtefact(source: BlockSource, { kek, slot, roots }: OpenOptions): Promise<Artefact> {
  const pinned = pinnedRoots(roots);
  const header = await readHeader(source);
  const prk = unwrapPrk(header, kek, slot);
  try {
    checkCommitment(header, prk);
    const plaintext = await readIndex(source, header, prk);
    const root = artefactRoot(header.coreHash, plaintext);
    checkRoot(root, pinned);
    const entries = parseIndex(plaintext, header.core);
    return {
      source,
      header,
      entries,
      prk,
      root,
      async close() {
        prk.fill(0);
        await source.close();
      },
    };
  } catch (error) {
    prk.fill(0);
    throw error;
  }
}

function pinnedRoots(roots: OpenOptions["roots"]): readonly string[] | undefined {
  if (roots === "unpinned") return undefined;
  if (roots.length === 0) {
    throw new CaiError("model.root-unpinned", "nothing says which artefact is meant", {
      hint: "give its root, or accept any artefact that the key opens",
    });
  }
  return roots.map(parseRoot);
}

function unwrapPrk(header: Header, kek: Uint8Array, slot: SlotExpectation): Uint8Array {
  const dek = unwrapDek(header, kek, slot);
  const prk = extractPrk(dek, header.core.id);
  dek.fill(0);
  return prk;
}

/** GCM does not commit to its key, so the published commitment is compared before any other key is derived (model-format.md §3.2). */
function checkCommitment(header: Header, prk: Uint8Array): void {
  if (timingSafeEqual(commitment(prk, header.coreHash), header.commit)) return;
  throw new CaiError("model.commit-mismatch", "the key that the slot holds is not the one that the header commits to");
}

/** Reads and authenticates the index. @returns its plaintext with the padding */
async function readIndex(source: BlockSource, header: Header, prk: Uint8Array): Promise<Uint8Array> {
  const { core, coreHash } = header;
  const body = new Uint8Array(core.index);
  await source.read(indexPosition(core), body);
  const key = indexKey(prk, coreHash, body.subarray(0, INDEX_SALT_SIZE));
  const size = indexPlaintextSize(core, core.index)!;
  const plaintext = new Uint8Array(size);
  const count = chunkCount(core, size);
  for (let chunk = 0; chunk < count; chunk++) {
    const start = INDEX_SALT_SIZE + chunk * (core.chunk + TAG_SIZE);
    const plain = openChunk(key, chunk, chunk === count - 1, body.subarray(start, start + core.chunk + TAG_SIZE));
    if (plain === undefined) throw new CaiError("model.index-corrupt", `block ${chunk} of ${count} of the index is not authentic`);
    plaintext.set(plain, chunk * core.chunk);
  }
  key.fill(0);
  return plaintext;
}

function checkRoot(root: string, pinned: readonly string[] | undefined): void {
  if (pinned === undefined || pinned.includes(root)) return;
  throw new CaiError("model.root-mismatch", "the artefact is not the pinned one", { expected: pinned.join(" or "), got: root });
}
