import { ftruncateSync } from "node:fs";
import { CaiError } from "../system/index.ts";
import { sealChunk } from "./chunk.ts";
import type { Core } from "./core.ts";
import {
  archiveSize,
  chunkCount,
  HEADER_POSITION,
  HEADER_SIZE,
  indexPosition,
  partCount,
  partHeaderPosition,
  streamSegments,
  TAG_SIZE,
  TAR_BLOCK,
} from "./layout.ts";
import { writeWhole } from "./output.ts";
import { errorCode } from "./source.ts";
import { HEADER_MEMBER, INDEX_MEMBER, partMember, tarHeader } from "./tar.ts";

const PADDING_STEP = 1024 * 1024;

/**
 * Gives the archive its final size and writes all tar headers and the clear header. What is never written after stays a hole of zeros,
 * as tar wants it between members and at the end; nothing is filled first.
 *
 * @param header  the body of `cai-model.json`
 */
export function writeFrame(fd: number, core: Core, header: Uint8Array): void {
  try {
    ftruncateSync(fd, archiveSize(core));
  } catch (cause) {
    throw new CaiError("cli.output-failed", `an archive of ${archiveSize(core)} bytes cannot be made here`, {
      got: errorCode(cause),
      cause,
    });
  }
  writeWhole(fd, tarHeader(HEADER_MEMBER, HEADER_SIZE), HEADER_POSITION - TAR_BLOCK);
  writeWhole(fd, header, HEADER_POSITION);
  for (let part = 0; part < partCount(core); part++) {
    const size = Math.min(core.part, core.stream - part * core.part);
    writeWhole(fd, tarHeader(partMember(part), size), partHeaderPosition(core, part));
  }
  writeWhole(fd, tarHeader(INDEX_MEMBER, core.index), indexPosition(core) - TAR_BLOCK);
}

/** Fills the stream from byte `from` to its end with random bytes (model-format.md §3.5). */
export function writePadding(fd: number, core: Core, from: number, random: (length: number) => Uint8Array): void {
  for (let at = from; at < core.stream; at += PADDING_STEP) {
    const bytes = random(Math.min(PADDING_STEP, core.stream - at));
    let done = 0;
    for (const { position, length } of streamSegments(core, at, bytes.length)) {
      writeWhole(fd, bytes.subarray(done, done + length), position);
      done += length;
    }
  }
}

/** Seals the index plaintext and writes the body of its member: the salt, then the chunks (§3.6). */
export function writeIndex(fd: number, core: Core, plaintext: Uint8Array, key: Uint8Array, salt: Uint8Array): void {
  const body = new Uint8Array(core.index);
  body.set(salt);
  const count = chunkCount(core, plaintext.length);
  let at = salt.length;
  for (let chunk = 0; chunk < count; chunk++) {
    const plain = plaintext.subarray(chunk * core.chunk, (chunk + 1) * core.chunk);
    sealChunk(key, chunk, chunk === count - 1, plain, body.subarray(at, at + plain.length + TAG_SIZE));
    at += plain.length + TAG_SIZE;
  }
  writeWhole(fd, body, indexPosition(core));
}
