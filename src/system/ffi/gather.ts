import { type Pointer, ptr } from "bun:ffi";
import { Errno, SystemError } from "./errno.ts";
import { lastErrno, libc } from "./library.ts";
import { PinnedMemory } from "./memory.ts";

/** sizeof(struct iovec) where pointers have 64 bits: address, length. */
const IOVEC = 16;

/** Typed arrays up to about a thousand bytes can lie in the collector's heap and move; such parts are copied. */
const SMALL = 4096;

/** Writes a message that lies in several pieces with one system call, without putting the pieces together first. */
export class GatherWriter {
  readonly #words: Uint32Array;
  readonly #address: Pointer;
  readonly #limit: number;
  /** Keeps the pieces alive while only their addresses are in the vector. */
  #parts: Uint8Array[] = [];

  /** @param limit  the most pieces a message has; Linux takes 1024 */
  constructor(limit: number) {
    const memory = new PinnedMemory(limit * IOVEC);
    this.#words = new Uint32Array(memory.bytes.buffer);
    this.#address = memory.at(0);
    this.#limit = limit;
  }

  /**
   * @returns the bytes written; a device such as /dev/fuse takes a message whole or not at all
   * @throws SystemError
   */
  write(fd: number, parts: readonly Uint8Array[]): number {
    if (parts.length > this.#limit) throw new RangeError(`a message of ${parts.length} pieces; ${this.#limit} is the limit`);
    for (const [index, part] of parts.entries()) this.#place(index, part);
    for (;;) {
      const written = Number(libc().writev(fd, this.#address, parts.length));
      if (written >= 0) {
        this.#parts = [];
        return written;
      }
      const errno = lastErrno();
      if (errno === Errno.EINTR) continue;
      this.#parts = [];
      throw new SystemError("writev", errno);
    }
  }

  #place(index: number, part: Uint8Array): void {
    const fixed = part.byteLength < SMALL ? outsideTheHeap(part) : part;
    this.#parts.push(fixed);
    const address = fixed.byteLength === 0 ? 0 : ptr(fixed);
    const word = (index * IOVEC) / 4;
    this.#words[word] = address % 2 ** 32;
    this.#words[word + 1] = Math.floor(address / 2 ** 32);
    this.#words[word + 2] = fixed.byteLength;
    this.#words[word + 3] = 0;
  }
}

function outsideTheHeap(part: Uint8Array): Uint8Array {
  const copy = new Uint8Array(new ArrayBuffer(part.byteLength));
  copy.set(part);
  return copy;
}
