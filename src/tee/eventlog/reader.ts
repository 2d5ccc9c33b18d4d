import { CaiError } from "../../system/index.ts";

/** Reads forward through the bytes of a log; whatever would pass the end is a malformed log. Numbers are little-endian. */
export class LogReader {
  at = 0;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get left(): number {
    return this.#bytes.length - this.at;
  }

  /** @returns the next `size` bytes, sharing memory with the log */
  take(size: number, what: string): Uint8Array {
    if (size > this.left) throw malformedLog(what, `${size} bytes`, `${this.left} left`);
    this.at += size;
    return this.#bytes.subarray(this.at - size, this.at);
  }

  /** The next `size` bytes without passing them; fewer where the log ends. */
  peek(size: number): Uint8Array {
    return this.#bytes.subarray(this.at, this.at + size);
  }

  u8(what: string): number {
    return this.take(1, what)[0]!;
  }

  u16(what: string): number {
    this.take(2, what);
    return this.#view.getUint16(this.at - 2, true);
  }

  u32(what: string): number {
    this.take(4, what);
    return this.#view.getUint32(this.at - 4, true);
  }
}

/** The error of a log that does not have the form of one. */
export function malformedLog(what: string, expected: string, got: string): CaiError {
  return new CaiError("eventlog.malformed", `event log, ${what}: expected ${expected}, got ${got}`, { expected, got });
}
