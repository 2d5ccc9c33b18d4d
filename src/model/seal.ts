import { createHash } from "node:crypto";
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { CaiError } from "../system/index.ts";
import { sealChunk } from "./chunk.ts";
import type { Core } from "./core.ts";
import type { FileEntry } from "./entry.ts";
import { EpochKeys } from "./keys.ts";
import { chunkCount, chunkOffset, streamSegments, TAG_SIZE } from "./layout.ts";
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
  /** reads and seals files one after another */
  | { readonly kind: "files"; readonly sources: readonly SealSource[]; readonly digest: boolean }
  /** reads and hashes one file, and passes it on to the thread that seals it; the work of both is about the same */
  | { readonly kind: "hash"; readonly source: SealSource; readonly ring: RingMemory }
  /** seals what the other thread reads of `file` */
  | { readonly kind: "seal"; readonly file: FileEntry; readonly ring: RingMemory };

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
      if (job.kind === "files") return job.sources.flatMap((source) => sealer.sealFile(source, job.digest));
      const ring = new Ring(job.ring);
      try {
        if (job.kind === "hash") return [sealer.hashIntoRing(job.source, ring)];
        sealer.sealFromRing(job.file, ring);
        return [];
      } catch (error) {
        ring.stop();
        throw error;
      }
    },
    end: async () => sealer.wipe(),
  };
}

class Sealer {
  readonly #setup: SealSetup;
  readonly #progress: (bytes: number) => void;
  readonly #span: number;
  readonly #plain: Uint8Array;
  readonly #sealed: Uint8Array;

  constructor(setup: SealSetup, progress: (bytes: number) => void) {
    this.#setup = setup;
    this.#progress = progress;
    this.#span = spanSize(setup.core);
    this.#plain = new Uint8Array(this.#span);
    this.#sealed = new Uint8Array(this.#span + (this.#span / setup.core.chunk) * TAG_SIZE);
  }

  sealFile(source: SealSource, digest: boolean): string[] {
    const hash = digest ? createHash("sha256") : undefined;
    const keys = this.#keysOf(source.file);
    const seal = (span: Uint8Array, number: number) => {
      hash?.update(span);
      this.#sealSpan(source.file, keys, number, span);
    };
    try {
      this.#readSpans(source, () => this.#plain, seal);
    } finally {
      keys.wipe();
    }
    return hash === undefined ? [] : [hash.digest("hex")];
  }

  hashIntoRing(source: SealSource, ring: Ring): string {
    const hash = createHash("sha256");
    const pass = (span: Uint8Array) => {
      ring.filled();
      // Only this thread writes to the span, and not before it asks for the ring's next one.
      hash.update(span);
    };
    this.#readSpans(source, (number) => ring.spanToFill(number), pass);
    return hash.digest("hex");
  }

  sealFromRing(file: FileEntry, ring: Ring): void {
    const keys = this.#keysOf(file);
    try {
      for (let number = 0; number * this.#span < file.size; number++) {
        const span = ring.spanToDrain(number)?.subarray(0, file.size - number * this.#span);
        if (span === undefined) return;
        this.#sealSpan(file, keys, number, span);
        ring.drained();
      }
    } finally {
      keys.wipe();
    }
  }

  wipe(): void {
    this.#setup.prk.fill(0);
    this.#plain.fill(0);
    this.#sealed.fill(0);
  }

  #keysOf(file: FileEntry): EpochKeys {
    return new EpochKeys(this.#setup.prk, this.#setup.core, file);
  }

  /**
   * Reads a file that must be as it was scanned, before and after.
   *
   * @param buffer  gives the memory that span `number` is read into, or nothing where it is not wanted any more
   * @param taken   is told of each span once it was read
   */
  #readSpans(
    { file, identity }: SealSource,
    buffer: (number: number) => Uint8Array | undefined,
    taken: (span: Uint8Array, number: number) => void,
  ): void {
    const path = join(this.#setup.base, file.path);
    const fd = openUnchanged(path, identity);
    try {
      for (let number = 0; number * this.#span < file.size; number++) {
        const span = buffer(number)?.subarray(0, file.size - number * this.#span);
        if (span === undefined) return;
        readWhole(fd, span, number * this.#span, path);
        taken(span, number);
      }
      // A file that has more to give than its size says would be cut.
      if (readSome(fd, new Uint8Array(1), file.size, path) !== 0) throw changed(path);
      if (!sameIdentity(identityOf(fstatSync(fd, { bigint: true })), identity)) throw changed(path);
    } finally {
      closeSync(fd);
    }
  }

  /** Seals the chunks of span `number` and writes them where they belong. */
  #sealSpan(file: FileEntry, keys: EpochKeys, number: number, span: Uint8Array): void {
    const { core, output } = this.#setup;
    const first = (number * this.#span) / core.chunk;
    const last = chunkCount(core, file.size) - 1;
    let length = 0;
    for (let chunk = first, at = 0; at < span.length; chunk++, at += core.chunk) {
      const plain = span.subarray(at, at + core.chunk);
      sealChunk(keys.of(chunk), chunk, chunk === last, plain, this.#sealed.subarray(length, length + plain.length + TAG_SIZE));
      length += plain.length + TAG_SIZE;
    }
    let done = 0;
    for (const segment of streamSegments(core, chunkOffset(core, file.offset, first), length)) {
      writeWhole(output, this.#sealed.subarray(done, done + segment.length), segment.position);
      done += segment.length;
    }
    this.#progress(span.length);
  }
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
    const count = readSome(fd, into.subarray(done), offset + done, path);
    if (count === 0) throw changed(path);
    done += count;
  }
}

function readSome(fd: number, into: Uint8Array, offset: number, path: string): number {
  try {
    return readSync(fd, into, 0, into.length, offset);
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

function changed(path: string): CaiError {
  return new CaiError("model.source-changed", `${path} changed while it was encrypted`);
}

function unreadable(path: string, cause: unknown): CaiError {
  return new CaiError("cli.input-unreadable", `${path} cannot be read`, { got: errorCode(cause), cause });
}
