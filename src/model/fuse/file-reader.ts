import { PinnedMemory, readAt } from "../../system/index.ts";
import { openChunk } from "../chunk.ts";
import type { Core } from "../core.ts";
import type { FileEntry } from "../entry.ts";
import { fileKey } from "../keys.ts";
import { chunkCount, chunkLength, chunkOffset, streamSegments, TAG_SIZE } from "../layout.ts";

/** Ciphertext that is read at once: enough to make system calls rare, little enough to be still in the cache when it is decrypted. */
const BATCH = 256 * 1024;
/** Plaintext of chunks that were only partly wanted. A reader in small steps, or a fault next to the last one, finds the rest there. */
const KEPT = 4 * 1024 * 1024;
/** Keys of epochs (1 GiB each by default) that are held derived. */
const KEPT_KEYS = 64;

/** Why a chunk could not be given: its tag does not hold, or the storage gave an error or ended. */
export type ReadFailure = "corrupt" | "source";

export interface FileReaderOptions {
  /** the archive; it is read by position, so several threads can share it */
  readonly fd: number;
  readonly core: Core;
  /** the key that file keys derive from; the reader only looks at it and never wipes it */
  readonly prk: Uint8Array;
  readonly onFailure: (file: FileEntry, chunk: number, why: ReadFailure) => void;
}

/**
 * Reads ranges of files, synchronously, and gives out no byte whose tag was not checked (security.md I28). Ciphertext is read into
 * private memory first: storage that changes between check and use gains nothing (model-format.md §4).
 */
export class FileReader {
  readonly #options: FileReaderOptions;
  readonly #sealed: PinnedMemory;
  readonly #batch: number;
  /** least recently used first */
  readonly #kept = new Map<string, Uint8Array>();
  readonly #keptLimit: number;
  readonly #keys = new Map<string, Uint8Array>();

  constructor(options: FileReaderOptions) {
    this.#options = options;
    const stored = options.core.chunk + TAG_SIZE;
    this.#batch = Math.max(1, Math.floor(BATCH / stored));
    this.#sealed = new PinnedMemory(this.#batch * stored);
    this.#keptLimit = Math.max(1, Math.floor(KEPT / options.core.chunk));
  }

  /**
   * @param offset  in plaintext; `offset + length` must not lie beyond the file's end
   * @returns the bytes in pieces, or undefined where one chunk of the range failed; the failure was then reported
   */
  read(file: FileEntry, offset: number, length: number): Uint8Array[] | undefined {
    const { chunk } = this.#options.core;
    const first = Math.floor(offset / chunk);
    const end = Math.ceil((offset + length) / chunk);
    const pieces: Uint8Array[] = [];
    for (let at = first; at < end; ) {
      const kept = this.#recall(file, at);
      const opened = kept === undefined ? this.#openBatch(file, at, Math.min(end - at, this.#batch)) : [kept];
      if (opened === undefined) return undefined;
      for (const plain of opened) {
        const start = Math.max(0, offset - at * chunk);
        const stop = Math.min(plain.byteLength, offset + length - at * chunk);
        const whole = start === 0 && stop === plain.byteLength;
        if (!whole) this.#keep(file, at, plain);
        pieces.push(whole ? plain : plain.subarray(start, stop));
        at++;
      }
    }
    return pieces;
  }

  /** Overwrites every key and every plaintext byte that is held here. */
  wipe(): void {
    for (const bytes of [...this.#keys.values(), ...this.#kept.values()]) bytes.fill(0);
    this.#keys.clear();
    this.#kept.clear();
    this.#sealed.bytes.fill(0);
  }

  #openBatch(file: FileEntry, first: number, count: number): Uint8Array[] | undefined {
    const { core, onFailure } = this.#options;
    const last = chunkCount(core, file.size) - 1;
    const start = chunkOffset(core, file.offset, first);
    const end = chunkOffset(core, file.offset, first + count - 1) + chunkLength(core, file.size, first + count - 1) + TAG_SIZE;
    const present = this.#fetch(start, end - start);
    const opened: Uint8Array[] = [];
    for (let chunk = first; chunk < first + count; chunk++) {
      const at = chunkOffset(core, file.offset, chunk) - start;
      const stop = at + chunkLength(core, file.size, chunk) + TAG_SIZE;
      const plain =
        stop <= present ? openChunk(this.#key(file, chunk), chunk, chunk === last, this.#sealed.bytes.subarray(at, stop)) : undefined;
      if (plain === undefined) {
        onFailure(file, chunk, stop <= present ? "corrupt" : "source");
        return undefined;
      }
      opened.push(plain);
    }
    return opened;
  }

  /** Fills the buffer with a range of the stream. @returns the bytes that are there; fewer where the storage failed or ended */
  #fetch(offset: number, length: number): number {
    let done = 0;
    for (const segment of streamSegments(this.#options.core, offset, length)) {
      let count: number;
      try {
        count = readAt(this.#options.fd, this.#sealed, done, segment.length, segment.position);
      } catch {
        return done;
      }
      done += count;
      if (count < segment.length) break;
    }
    return done;
  }

  #key(file: FileEntry, chunk: number): Uint8Array {
    const epoch = Math.floor(chunk / this.#options.core.epoch);
    const name = `${file.fileNo}/${epoch}`;
    const known = this.#keys.get(name);
    if (known !== undefined) return known;
    const salt = file.salts[epoch];
    if (salt === undefined) throw new RangeError(`epoch ${epoch} of file ${file.fileNo} has no salt`);
    const key = fileKey(this.#options.prk, file.fileNo, epoch, salt);
    this.#keys.set(name, key);
    dropOldest(this.#keys, KEPT_KEYS)?.fill(0);
    return key;
  }

  #keep(file: FileEntry, chunk: number, plain: Uint8Array): void {
    this.#kept.set(`${file.fileNo}/${chunk}`, plain);
    // Not wiped: a piece of it may be part of the reply that is being put together.
    dropOldest(this.#kept, this.#keptLimit);
  }

  #recall(file: FileEntry, chunk: number): Uint8Array | undefined {
    if (this.#kept.size === 0) return undefined;
    const name = `${file.fileNo}/${chunk}`;
    const plain = this.#kept.get(name);
    if (plain !== undefined) {
      this.#kept.delete(name);
      this.#kept.set(name, plain);
    }
    return plain;
  }
}

/** @returns what was dropped, if anything */
function dropOldest(map: Map<string, Uint8Array>, limit: number): Uint8Array | undefined {
  if (map.size <= limit) return undefined;
  for (const [name, bytes] of map) {
    map.delete(name);
    return bytes;
  }
  return undefined;
}
