import { CaiError } from "../system/index.ts";
import type { Artefact } from "./artefact.ts";
import { openChunk } from "./chunk.ts";
import type { Core } from "./core.ts";
import type { FileEntry } from "./entry.ts";
import { EpochKeys } from "./keys.ts";
import { chunkCount, chunkLength, chunkOffset, streamSegments, TAG_SIZE } from "./layout.ts";
import type { BlockSource } from "./source.ts";

/** What reading a file's chunks takes. */
export interface ChunkReader {
  readonly source: BlockSource;
  readonly core: Core;
  readonly prk: Uint8Array;
}

/** Bytes of ciphertext that are fetched at once. */
const SPAN = 1024 * 1024;

/**
 * Opens the chunks `first` to `end - 1` of a file, in order.
 *
 * @yields the plaintext of each, authenticated
 * @throws CaiError `model.block-corrupt` naming file and chunk; `model.truncated` or what else the source throws
 */
export async function* openChunks(reader: ChunkReader, file: FileEntry, first: number, end: number): AsyncGenerator<Uint8Array> {
  const { core } = reader;
  const count = chunkCount(core, file.size);
  const step = Math.max(1, Math.floor(SPAN / core.chunk));
  const sealed = new Uint8Array(Math.min(step, end - first) * (core.chunk + TAG_SIZE));
  const keys = new EpochKeys(reader.prk, core, file);
  try {
    for (let chunk = first; chunk < end; ) {
      const stop = Math.min(chunk + step, end);
      await readChunks(reader, file, chunk, stop, sealed);
      for (let at = 0; chunk < stop; chunk++) {
        const length = chunkLength(core, file.size, chunk) + TAG_SIZE;
        const plain = openChunk(keys.of(chunk), chunk, chunk === count - 1, sealed.subarray(at, at + length));
        if (plain === undefined) throw corrupt(file, chunk, count);
        yield plain;
        at += length;
      }
    }
  } finally {
    keys.wipe();
  }
}

/**
 * Reads a part of a file; every byte was authenticated.
 *
 * @returns `length` bytes from `offset` on, or fewer where the file ends before
 * @throws CaiError `model.block-corrupt` naming file and chunk, or what the source throws
 */
export async function readRange(artefact: Artefact, file: FileEntry, offset: number, length: number): Promise<Uint8Array> {
  const { core } = artefact.header;
  const end = Math.min(file.size, offset + length);
  const range = new Uint8Array(Math.max(0, end - offset));
  const first = Math.floor(offset / core.chunk);
  let start = first * core.chunk;
  const reader = { source: artefact.source, core, prk: artefact.prk };
  for await (const plain of openChunks(reader, file, first, range.length === 0 ? first : chunkCount(core, end))) {
    const from = Math.max(0, offset - start);
    range.set(plain.subarray(from, Math.min(plain.length, end - start)), start + from - offset);
    start += plain.length;
  }
  return range;
}

async function readChunks({ source, core }: ChunkReader, file: FileEntry, first: number, end: number, into: Uint8Array): Promise<void> {
  const start = chunkOffset(core, file.offset, first);
  const length = chunkOffset(core, file.offset, end - 1) + chunkLength(core, file.size, end - 1) + TAG_SIZE - start;
  let at = 0;
  for (const segment of streamSegments(core, start, length)) {
    await source.read(segment.position, into.subarray(at, at + segment.length));
    at += segment.length;
  }
}

function corrupt(file: FileEntry, chunk: number, count: number): CaiError {
  return new CaiError("model.block-corrupt", `${file.path}: block ${chunk} of ${count} is not authentic`, {
    hint: "blocks count from 0",
  });
}
