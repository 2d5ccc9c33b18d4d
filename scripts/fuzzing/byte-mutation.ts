import type { Random } from "./random.ts";

const INTERESTING = [0, 1, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff];

/** Changes bytes in a few places: bits, bytes, numbers, pieces taken out, doubled, moved, cut off, put after, or taken from another. */
export function mutatedBytes(bytes: Uint8Array, other: () => Uint8Array, random: Random): Uint8Array {
  let out = bytes;
  const changes = random.chance(3) ? 1 + random.below(4) : 1;
  for (let i = 0; i < changes; i++) out = changedOnce(out, other, random);
  return out;
}

function changedOnce(bytes: Uint8Array, other: () => Uint8Array, random: Random): Uint8Array {
  const { length } = bytes;
  const at = random.below(length + 1);
  const size = 1 + random.below(random.chance(4) ? 200 : 8);
  const end = Math.min(length, at + size);
  switch (random.below(10)) {
    case 0:
      return patched(bytes, at, (copy) => {
        copy[at]! ^= 1 << random.below(8);
      });
    case 1:
      return patched(bytes, at, (copy) => copy.set([random.below(256)], at));
    case 2:
      return withNumber(bytes, at, random.of(INTERESTING), random);
    case 3:
      return withNumber(bytes, at, nearby(bytes, at, random), random);
    case 4:
      return joined(bytes.subarray(0, at), bytes.subarray(end));
    case 5:
      return joined(
        bytes.subarray(0, at),
        Uint8Array.from({ length: size }, () => random.below(256)),
        bytes.subarray(at),
      );
    case 6:
      return joined(bytes.subarray(0, end), bytes.subarray(at, end), bytes.subarray(end));
    case 7:
      return bytes.subarray(0, at);
    case 8:
      return joined(bytes, new Uint8Array(random.below(300)).fill(random.below(256)));
    default: {
      const foreign = other();
      const from = random.chance(2) ? at : random.below(foreign.length + 1);
      return joined(bytes.subarray(0, at), foreign.subarray(from, from + size), bytes.subarray(end));
    }
  }
}

/** A number a little greater or smaller than the one that stands there, where it may be a size. */
const nearby = (bytes: Uint8Array, at: number, random: Random): number => (bytes[at] ?? 0) + random.below(5) - 2;

function withNumber(bytes: Uint8Array, at: number, value: number, random: Random): Uint8Array {
  return patched(bytes, at, (copy) => {
    const size = Math.min(copy.length - at, random.of([1, 2, 4]));
    const littleEndian = random.chance(3);
    for (let i = 0; i < size; i++) copy[at + i] = value >>> (8 * (littleEndian ? i : size - 1 - i));
  });
}

function patched(bytes: Uint8Array, at: number, change: (copy: Uint8Array) => unknown): Uint8Array {
  const copy = Uint8Array.from(bytes);
  if (at < copy.length) change(copy);
  return copy;
}

export const joined = (...parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));
