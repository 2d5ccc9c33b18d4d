import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { CHUNK_SIZE, readSealedStream, sealStream } from "../../../../src/roles/trustee/backup/sealed-stream.ts";
import { idOf } from "../scratch.ts";

const KEY = new Uint8Array(32).fill(7);
const HEADER = '{"created":1800000000}';

async function* pieces(bytes: Uint8Array, size: number): AsyncIterable<Uint8Array> {
  for (let i = 0; i < bytes.length; i += size) yield bytes.subarray(i, i + size);
}

async function gathered(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of stream) parts.push(part);
  return Buffer.concat(parts);
}

const sealed = (content: Uint8Array, size = 1000) => gathered(sealStream(KEY, HEADER, pieces(content, size)));

async function opened(file: Uint8Array, size = 777, key = KEY): Promise<Buffer> {
  const stream = await readSealedStream(pieces(file, size));
  expect(stream.header.length).toBeGreaterThan(0);
  return gathered(stream.open(key));
}

const pattern = (size: number) => Uint8Array.from({ length: size }, (_, i) => (i * 31 + (i >> 8)) & 0xff);

describe("a sealed stream", () => {
  test("gives back what was sealed, in whatever pieces it comes and goes", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 3 * CHUNK_SIZE }), fc.integer({ min: 1, max: 100_000 }), async (size, piece) => {
        const content = pattern(size);
        const file = await sealed(content, piece);
        expect((await opened(file, Math.max(13, piece >> 1))).equals(content)).toBe(true);
      }),
      { numRuns: 25 },
    );
    for (const size of [0, 1, CHUNK_SIZE - 1, CHUNK_SIZE, CHUNK_SIZE + 1, 2 * CHUNK_SIZE]) {
      expect((await opened(await sealed(pattern(size)))).length).toBe(size);
    }
    expect(await opened(await sealed(pattern(40)), 1)).toEqual(Buffer.from(pattern(40)));
  });

  test("is another one each time, and shows nothing of its content", async () => {
    const content = Buffer.from("a secret that nobody else has".repeat(10));
    const [one, other] = [await sealed(content), await sealed(content)];
    expect(one.equals(other)).toBe(false);
    expect(one.includes("a secret")).toBe(false);
    expect(one.includes(HEADER)).toBe(true);
  });

  test("that was cut anywhere does not open", async () => {
    const file = await sealed(pattern(100));
    for (let end = 0; end < file.length; end++) {
      expect(["store.backup-truncated", "store.backup-unknown"]).toContain(await idOf(() => opened(file.subarray(0, end))));
    }
  });

  test("of which one bit was changed does not open", async () => {
    const file = await sealed(pattern(100));
    for (let at = 0; at < file.length; at++) {
      const bent = Buffer.from(file);
      bent[at]! ^= 1 << (at % 8);
      expect(await idOf(() => opened(bent))).toMatch(/^store\.backup-(unknown|truncated|tampered|key-wrong)$/);
    }
  });

  test("of which chunks changed places, were dropped, doubled or put at the end does not open", async () => {
    const file = await sealed(pattern(3 * CHUNK_SIZE + 5));
    const chunk = 4 + CHUNK_SIZE + 16;
    const start = file.length - (4 + 5 + 16) - 3 * chunk;
    const [head, one, two, rest] = [
      file.subarray(0, start),
      file.subarray(start, start + chunk),
      file.subarray(start + chunk, start + 2 * chunk),
      file.subarray(start + 2 * chunk),
    ];
    const last = file.subarray(file.length - 25);
    for (const parts of [
      [head, two, one, rest],
      [head, two, rest],
      [head, one, one, two, rest],
      [head, one, last],
      [head, one, two, rest, last],
      [head, one, two, rest, Buffer.from([0])],
    ]) {
      expect(await idOf(() => opened(Buffer.concat(parts)))).toBe("store.backup-tampered");
    }
  });

  test("opens with its own key and header only", async () => {
    const file = await sealed(pattern(100));
    expect(await idOf(() => opened(file, 777, new Uint8Array(32).fill(8)))).toBe("store.backup-key-wrong");
    const later = Buffer.from(file.toString("latin1").replace("1800000000", "1800000001"), "latin1");
    expect(await idOf(() => opened(later))).toBe("store.backup-key-wrong");
    expect(await idOf(() => opened(Buffer.from("PK\u0003\u0004 something else, and long enough")))).toBe("store.backup-unknown");
    expect(await idOf(() => opened(Buffer.alloc(0)))).toBe("store.backup-unknown");
  });
});
