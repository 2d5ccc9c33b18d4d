import { type Pointer, ptr } from "bun:ffi";

/**
 * An address does not keep its buffer alive: a buffer that only its number refers to is collected, and the kernel then writes
 * into freed memory (model-format.md §5.5). Whatever is here stays for the life of the thread.
 */
const pinned: Uint8Array[] = [];

/** Memory at a fixed address, for the kernel to read and write. It lives as long as the thread: allocate it once, use it again. */
export class PinnedMemory {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly address: number;

  /** @param length  bytes */
  constructor(length: number) {
    // A typed array of an ArrayBuffer of its own never lies in the collector's heap, where small ones do and are moved later.
    this.bytes = new Uint8Array(new ArrayBuffer(length));
    pinned.push(this.bytes);
    this.address = ptr(this.bytes);
  }

  /** The address `offset` bytes in. */
  at(offset: number): Pointer {
    return (this.address + offset) as Pointer;
  }
}

const ARGUMENT_BYTES = 32 * 1024;

let memory: PinnedMemory | undefined;
let used = 0;

/** Strings and small structures of one system call. Everything taken before the next `startArguments` stays where it is. */
export function startArguments(): void {
  memory ??= new PinnedMemory(ARGUMENT_BYTES);
  memory.bytes.fill(0, 0, used);
  used = 0;
}

/** Room for a structure, zeroed and aligned to 8 bytes. */
export function structure(length: number): { bytes: Uint8Array; address: Pointer } {
  if (memory === undefined) throw new RangeError("no arguments were started");
  const start = used;
  const end = start + length;
  if (end > ARGUMENT_BYTES) throw new RangeError(`the arguments of a system call take more than ${ARGUMENT_BYTES} bytes`);
  used = (end + 7) & ~7;
  return { bytes: memory.bytes.subarray(start, end), address: memory.at(start) };
}

/** A NUL-terminated string in UTF-8. A string that holds a NUL itself would name something else, and is refused. */
export function cString(text: string): Pointer {
  if (text.includes("\0")) throw new RangeError("a string for a system call must not contain NUL");
  const encoded = Buffer.from(text, "utf8");
  const { bytes, address } = structure(encoded.length + 1);
  bytes.set(encoded);
  return address;
}
