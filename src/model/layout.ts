import type { Core } from "./core.ts";

/** Bytes of a tar header block, and the unit that tar members are padded to (POSIX ustar). */
export const TAR_BLOCK = 512;
/** Where the body of `cai-model.json` starts, and its exact length (model-format.md §3.1). */
export const HEADER_POSITION = 512;
export const HEADER_SIZE = 16384;
/** Zero bytes that end the archive. */
const TAR_END = 2 * TAR_BLOCK;
/** Bytes of the GCM tag behind every chunk. */
export const TAG_SIZE = 16;
/** Bytes of the clear salt at the start of the index member, and the unit that the index plaintext is padded to (§3.6). */
export const INDEX_SALT_SIZE = 32;
export const INDEX_BLOCK = 4096;

const BASE = HEADER_POSITION + HEADER_SIZE;

/** A run of bytes in the archive: `position` counts from the start of the tar. */
export interface Segment {
  readonly position: number;
  readonly length: number;
}

/** The sizes that the positions of §3.1 follow from. */
export type Layout = Pick<Core, "part" | "stream" | "index">;

/** How many `data/…` members the stream is cut into. */
export function partCount(layout: Pick<Core, "part" | "stream">): number {
  return Math.ceil(layout.stream / layout.part);
}

/** Where the tar header of member `data/<part>` starts. */
export function partHeaderPosition(layout: Pick<Core, "part">, part: number): number {
  return BASE + part * (layout.part + TAR_BLOCK);
}

/** Where byte `offset` of the ciphertext stream lies in the archive: pos(p) of model-format.md §3.1. */
export function streamPosition(layout: Pick<Core, "part">, offset: number): number {
  const part = Math.floor(offset / layout.part);
  return partHeaderPosition(layout, part) + TAR_BLOCK + (offset - part * layout.part);
}

/** Where the body of the `index` member starts. */
export function indexPosition(layout: Pick<Core, "part" | "stream">): number {
  return BASE + partCount(layout) * TAR_BLOCK + roundUp(layout.stream, TAR_BLOCK) + TAR_BLOCK;
}

/** The size of the whole archive with its end blocks. */
export function archiveSize(layout: Layout): number {
  return indexPosition(layout) + roundUp(layout.index, TAR_BLOCK) + TAR_END;
}

/** The runs of the archive that hold `length` bytes of the stream from `offset` on: one, or one more for each part border between. */
export function streamSegments(layout: Pick<Core, "part">, offset: number, length: number): Segment[] {
  const segments: Segment[] = [];
  for (let at = offset; at < offset + length; ) {
    const run = Math.min(offset + length - at, layout.part - (at % layout.part));
    segments.push({ position: streamPosition(layout, at), length: run });
    at += run;
  }
  return segments;
}

/** How many chunks a plaintext of `size` bytes is sealed in; none where it is empty. */
export function chunkCount(core: Pick<Core, "chunk">, size: number): number {
  return Math.ceil(size / core.chunk);
}

/** How many epochs, each with a key of its own, a plaintext of `size` bytes takes. */
export function epochCount(core: Pick<Core, "chunk" | "epoch">, size: number): number {
  return Math.ceil(chunkCount(core, size) / core.epoch);
}

/** Bytes of plaintext in chunk `chunk` of a file of `size` bytes: all but the last are full. */
export function chunkLength(core: Pick<Core, "chunk">, size: number, chunk: number): number {
  return Math.min(core.chunk, size - chunk * core.chunk);
}

/** Where chunk `chunk` of a file that starts at stream offset `offset` starts in the stream. */
export function chunkOffset(core: Pick<Core, "chunk">, offset: number, chunk: number): number {
  return offset + chunk * (core.chunk + TAG_SIZE);
}

/** Bytes that a plaintext of `size` bytes takes in the stream: itself and one tag a chunk. */
export function sealedSize(core: Pick<Core, "chunk">, size: number): number {
  return size + chunkCount(core, size) * TAG_SIZE;
}

/** Bytes of the index member's body for an index plaintext of `padded` bytes (a multiple of 4096). */
export function indexMemberSize(core: Pick<Core, "chunk">, padded: number): number {
  return INDEX_SALT_SIZE + sealedSize(core, padded);
}

/** The inverse of `indexMemberSize`. @returns undefined where no padded index has that member size */
export function indexPlaintextSize(core: Pick<Core, "chunk">, member: number): number | undefined {
  const sealed = member - INDEX_SALT_SIZE;
  const padded = sealed - Math.ceil(sealed / (core.chunk + TAG_SIZE)) * TAG_SIZE;
  return padded >= INDEX_BLOCK && padded % INDEX_BLOCK === 0 && indexMemberSize(core, padded) === member ? padded : undefined;
}

/** The smallest multiple of `unit` that is not below `size`. */
export function roundUp(size: number, unit: number): number {
  return Math.ceil(size / unit) * unit;
}
