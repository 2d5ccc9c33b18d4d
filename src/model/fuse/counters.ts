import type { MountStats } from "../mount.ts";

/** Places of one thread's counters. */
export const Counter = { requests: 0, reads: 1, bytes: 2, corrupt: 3 } as const;

const PLACES = Object.keys(Counter).length;

/** Counters of `threads` threads: each writes its own lane only, and anybody may add them up. */
export function createCounters(threads: number): SharedArrayBuffer {
  return new SharedArrayBuffer(threads * PLACES * Float64Array.BYTES_PER_ELEMENT);
}

/** The lane of one thread. Floats of 64 bits count exactly to 2^53. */
export function counterLane(counters: SharedArrayBuffer, thread: number): Float64Array {
  return new Float64Array(counters, thread * PLACES * Float64Array.BYTES_PER_ELEMENT, PLACES);
}

export function sumCounters(counters: SharedArrayBuffer): MountStats {
  const all = new Float64Array(counters);
  const total = (place: number) => {
    let sum = 0;
    for (let at = place; at < all.length; at += PLACES) sum += all[at] ?? 0;
    return sum;
  };
  return {
    requests: total(Counter.requests),
    reads: total(Counter.reads),
    bytes: total(Counter.bytes),
    corrupt: total(Counter.corrupt),
  };
}
