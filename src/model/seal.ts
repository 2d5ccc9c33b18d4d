import { createHash, type Hash } from "node:crypto";
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { CaiError } from "../system/index.ts";
import { sealChunk } from "./chunk.ts";
import type { Core } from "./core.ts";
import type { FileEntry } from "./entry.ts";
import { EpochKeys } from "./keys.ts";
import { chunkCount, chunkLength, chunkOffset, streamSegments, TAG_SIZE } from "./layout.ts";
import { writeWhole } from "./output.ts";
import { Ring, type RingMemory } from "./ring.ts";
import { type FileIdentity, identityOf, sameIdentity } from "./scan.ts";
import { errorCode } from "./source.ts";
import type { Station } from "./station.ts";

/** What every job of one artefact shares. */
export interface SealSetup {
  readonly prk: Uint8Array;
  readonly core: Pick<Core, "chunk" | "epoch" | "part">;
  /** the directory that the entries' paths are relative to */
  readonly base: string;
  /** descriptor of the archive; threads share it and write at positions of their own */
  readonly output: number;
}

/** A file to seal, and the state in which it must be found. */
export interface SealSource {
  readonly file: FileEntry;
  readonly identity: FileIdentity;
}

/** A job's result is the SHA-256 of each of its files in hex, where the job was to take it. */
export type SealJob =
  /** seals files one after another */
  | { readonly kind: "files"; readonly sources: readonly SealSource[]; readonly digest: boolean }
  /** seals one file and passes what it read on to the thread that hashes it */
  | { readonly kind: "seal"; readonly source: SealSource; readonly ring: RingMemory }
  /** hashes what the other thread reads of a file of `size` bytes */
  | { readonly kind: "hash"; readonly size: number; readonly ring: RingMemory };

const MIB = 1024 * 1024;

/** Bytes that are read, sealed and written at once: whole chunks, and little enough to stay in the core's cache. */
export function spanSize(core: Pick<Core, "chunk">): number {
  return Math.max(MIB, core.chunk);
}

/** Opens the station that seals files into the archive. It blocks its thread while a job runs. */
export async function openSealer(setup: SealSetup, progress: (bytes: number) => void): Promise<Station<SealJob, readonly string[]>> {
  const sealer = new Sealer(setup, progress);
  return {
    run: async (job) => {
      if (job.kind === "hash") return [hashRing(job.size, job.ring)];
      if (job.kind === "files") return job.sources.flatMap((source) => sealer.sealHashed(source, job.digest));
      sealer.sealIntoRing(job.source, job.ring);
      return [];
    },
    end: async () => sealer.wipe(),
  };
}

class Sealer {
  readonly #setup: SealSetup;
  readonly #progress: (bytes: number) => void;
  readonly #plain: Uint8Array;
  readonly #sealed: Uint8Array;

  constructor(setup: SealSetup, progress: (bytes: number) => void) {
    this.#setup = setup;
    this.#progress = progress;
    const span = spanSize(setup.core);
    this.#plain = new Uint8Array(span);
    this.#sealed = new Uint8Array(span + (span / setup.core.chunk) * TAG_SIZE);
  }

  sealHashed(source: SealSource, digest: boolean): string[] {
    const hash: Hash | undefined = digest ? createHash("sha256") : undefined;
    this.#seal(
      source,
      () => this.#plain,
      (span) => hash?.update(span),
    );
    return hash === undefined ? [] : [hash.digest("hex")];
  }

  sealIntoRing(source: SealSource, memory: RingMemory): void {
    const ring = new Ring(memory);
    try {
      this.#seal(
        source,
        (number) => ring.spanToFill(number),
        () => ring.filled(),
      );
    } catch (error) {
      ring.stop();
      throw error;
    }
  }

  wipe(): void {
    this.#setup.prk.fill(0);
    this.#plain.fill(0);
  }

  /**
   * @param buffer  gives the memory that span `number` is read into
   * @param taken   is told of each span once it was read
   */
  #seal({ file, identity }: SealSource, buffer: (number: number) => Uint8Array, taken: (span: Uint8Array) => void): void {
    const path = join(this.#setup.base, file.path);
    const fd = openUnchanged(path, identity);
    const keys = new EpochKeys(this.#setup.prk, this.#setup.core, file);
    try {
      const size = spanSize(this.#setup.core);
      for (let at = 0; at < file.size; at += size) {
        const span = buffer(at / size).subarray(0, Math.min(size, file.size - at));
        readWhole(fd, span, at, path);
        taken(span);
        this.#sealSpan(file, keys, at / this.#setup.core.chunk, span);
        this.#progress(span.length);
      }
      if (!sameIdentity(identityOf(fstatSync(fd, { bigint: true })), identity)) throw changed(path);
    } finally {
      keys.wipe();
      closeSync(fd);
    }
  }

  /** Seals the chunks of a span, of which `first` is the number of the first, and writes them where they belong. */
  #sealSpan(file: FileEntry, keys: EpochKeys, first: number, span: Uint8Array): void {
    const { core } = this.#setup;
    const last = chunkCount(core, file.size) - 1;
    let length = 0;
    for (let chunk = first, at = 0; at < span.length; chunk++, at += core.chunk) {
      const plain = span.subarray(at, at + chunkLength(core, file.size, chunk));
      sealChunk(keys.of(chunk), chunk, chunk === last, plain, this.#sealed.subarray(length, length + plain.length + TAG_SIZE));
      length += plain.length + TAG_SIZE;
    }
    let done = 0;
    for (const segment of streamSegments(core, chunkOffset(core, file.offset, first), length)) {
      writeWhole(this.#setup.output, this.#sealed.subarray(done, done + segment.length), segment.position);
      done += segment.length;
    }
  }
}

function hashRing(size: number, memory: RingMemory): string {
  const ring = new Ring(memory);
  const hash = createHash("sha256");
  try {
    for (let number = 0; number * memory.span < size; number++) {
      hash.update(ring.spanToDrain(number).subarray(0, Math.min(memory.span, size - number * memory.span)));
      ring.drained();
    }
  } catch (error) {
    ring.stop();
    throw error;
  }
  return hash.digest("hex");
}

/** Opens the very file that was scanned; a symlink or pipe that took its place is neither followed nor waited for. */
function openUnchanged(path: string, identity: FileIdentity): number {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (cause) {
    if (["ENOENT", "ENOTDIR", "ELOOP"].includes(errorCode(cause))) throw changed(path);
    throw unreadable(path, cause);
  }
  if (sameIdentity(identityOf(fstatSync(fd, { bigint: true })), identity)) return fd;
  closeSync(fd);
  throw changed(path);
}

function readWhole(fd: number, into: Uint8Array, offset: number, path: string): void {
  for (let done = 0; done < into.length; ) {
    let count: number;
    try {
      count = readSync(fd, into, done, into.length - done, offset + done);
    } catch (cause) {
      throw unreadable(path, cause);
    }
    if (count === 0) throw changed(path);
    done += count;
  }
}

function changed(path: string): CaiError {
  return new CaiError("model.source-changed", `${path} changed while it was encrypted`);
}

function unreadable(path: string, cause: unknown): CaiError {
  return new CaiError("cli.input-unreadable", `${path} cannot be read`, { got: errorCode(cause), cause });
}
