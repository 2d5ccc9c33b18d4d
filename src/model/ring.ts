/** Numbers of the spans that were put in and that are free again, and whether somebody gave up. */
const FILLED = 0;
const DRAINED = 1;
const STOPPED = 2;
const STATES = 3;

/** The shared memory of one ring; it goes to both ends by postMessage. */
export interface RingMemory {
  readonly state: SharedArrayBuffer;
  readonly data: SharedArrayBuffer;
  /** bytes of one span */
  readonly span: number;
}

export function createRing(span: number, spans: number): RingMemory {
  return {
    state: new SharedArrayBuffer(STATES * Int32Array.BYTES_PER_ELEMENT),
    data: new SharedArrayBuffer(span * spans),
    span,
  };
}

/**
 * Spans of bytes that one thread fills and another drains, in order: how a file is read and hashed on one core while it is
 * encrypted on the other, with both sure to see the same bytes. Both ends block, so neither may be the main thread.
 */
export class Ring {
  readonly #state: Int32Array;
  readonly #data: Uint8Array;
  readonly #span: number;
  readonly #spans: number;

  constructor({ state, data, span }: RingMemory) {
    this.#state = new Int32Array(state);
    this.#data = new Uint8Array(data);
    this.#span = span;
    this.#spans = data.byteLength / span;
  }

  /** Waits until span `number` may be written. @returns its bytes, or undefined where the other end gave up */
  spanToFill(number: number): Uint8Array | undefined {
    return this.#await(DRAINED, number - this.#spans + 1) ? this.#at(number) : undefined;
  }

  /** Waits until span `number` was written. @returns its bytes, the last span's in full length; undefined where the other end gave up */
  spanToDrain(number: number): Uint8Array | undefined {
    return this.#await(FILLED, number + 1) ? this.#at(number) : undefined;
  }

  filled(): void {
    this.#advance(FILLED);
  }

  drained(): void {
    this.#advance(DRAINED);
  }

  /** Tells the other end, which may be waiting, that this one gave up. */
  stop(): void {
    this.#advance(STOPPED);
    Atomics.notify(this.#state, FILLED);
    Atomics.notify(this.#state, DRAINED);
  }

  #await(counter: number, least: number): boolean {
    for (;;) {
      const now = Atomics.load(this.#state, counter);
      if (Atomics.load(this.#state, STOPPED) !== 0) return false;
      if (now >= least) return true;
      // Time-limited, as a stop between the load above and this wait changes no counter.
      Atomics.wait(this.#state, counter, now, 100);
    }
  }

  #advance(counter: number): void {
    Atomics.add(this.#state, counter, 1);
    Atomics.notify(this.#state, counter);
  }

  #at(number: number): Uint8Array {
    const start = (number % this.#spans) * this.#span;
    return this.#data.subarray(start, start + this.#span);
  }
}
