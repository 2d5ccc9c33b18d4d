import { expect, test } from "bun:test";
import fc from "fast-check";
import {
  archiveSize,
  chunkCount,
  chunkLength,
  chunkOffset,
  epochCount,
  indexMemberSize,
  indexPlaintextSize,
  indexPosition,
  partHeaderPosition,
  sealedSize,
  streamPosition,
  streamSegments,
} from "../../src/model/layout.ts";
import { tarHeader } from "../../src/model/tar.ts";

const part = fc.integer({ min: 1, max: 64 }).map((blocks) => blocks * 512);
const chunk = fc.integer({ min: 12, max: 22 }).map((bits) => 2 ** bits);
const size = fc.oneof(fc.integer({ min: 0, max: 100_000 }), fc.integer({ min: 0, max: 2 ** 45 }));

test("the positions of the test vector are those of the formula", () => {
  const layout = { part: 131072, stream: 431208, index: 4144 };
  expect(streamPosition(layout, 0)).toBe(17408);
  expect(streamPosition(layout, 131071)).toBe(17408 + 131071);
  expect(streamPosition(layout, 131072)).toBe(17408 + 131072 + 512);
  expect(partHeaderPosition(layout, 1)).toBe(17408 + 131072);
  expect(indexPosition(layout)).toBe(16896 + 4 * 512 + 431616 + 512);
  expect(archiveSize(layout)).toBe(indexPosition(layout) + 4608 + 1024);
});

test("segments hold exactly the range, in order, and never a tar header", () => {
  fc.assert(
    fc.property(part, fc.nat(200_000), fc.nat(100_000), (part, offset, length) => {
      let at = offset;
      for (const segment of streamSegments({ part }, offset, length)) {
        expect(segment.length).toBeGreaterThan(0);
        expect(segment.position).toBe(streamPosition({ part }, at));
        expect(segment.position + segment.length - 1).toBe(streamPosition({ part }, at + segment.length - 1));
        at += segment.length;
      }
      expect(at).toBe(offset + length);
    }),
  );
});

test("the chunks of a file cover it and follow one another in the stream", () => {
  fc.assert(
    fc.property(
      chunk,
      fc.integer({ min: 1, max: 2 ** 24 }),
      fc.nat(2 ** 40),
      fc.integer({ min: 1, max: 100 }),
      (chunk, size, offset, epoch) => {
        const core = { chunk, epoch };
        const count = chunkCount(core, size);
        let plain = 0;
        for (let number = 0; number < count; number++) {
          expect(chunkOffset(core, offset, number)).toBe(offset + plain + number * 16);
          expect(chunkLength(core, size, number)).toBeGreaterThan(0);
          plain += chunkLength(core, size, number);
        }
        expect(plain).toBe(size);
        expect(sealedSize(core, size)).toBe(size + count * 16);
        expect(epochCount(core, size)).toBe(Math.ceil(count / epoch));
      },
    ),
    { numRuns: 50 },
  );
});

test("the size of the index member and that of its plaintext belong together, and no other size is taken", () => {
  fc.assert(
    fc.property(chunk, fc.integer({ min: 1, max: 5000 }), fc.integer({ min: 1, max: 4095 }), (chunk, blocks, off) => {
      const member = indexMemberSize({ chunk }, blocks * 4096);
      expect(indexPlaintextSize({ chunk }, member)).toBe(blocks * 4096);
      expect(indexPlaintextSize({ chunk }, member + off)).not.toBe(blocks * 4096);
    }),
  );
  for (const member of [0, 1, 32, 48, 4096, 4143, 4145]) expect(indexPlaintextSize({ chunk: 65536 }, member)).toBeUndefined();
});

test("a tar header has the fields of ustar and a checksum that holds", () => {
  fc.assert(
    fc.property(fc.nat(99_999_999), size, (part, bytes) => {
      const length = Math.min(bytes, 2 ** 33 - 1);
      const block = tarHeader(`data/${String(part).padStart(8, "0")}`, length);
      const field = (from: number, to: number) => new TextDecoder().decode(block.subarray(from, to));
      expect(field(0, 14)).toBe(`data/${String(part).padStart(8, "0")}\0`);
      expect(field(100, 108)).toBe("0000644\0");
      expect(Number.parseInt(field(124, 135), 8)).toBe(length);
      expect(field(156, 157)).toBe("0");
      expect(field(257, 265)).toBe("ustar\x0000");
      const sum = block.reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 0x20 : byte), 0);
      expect(field(148, 156)).toBe(`${sum.toString(8).padStart(6, "0")}\0 `);
    }),
  );
});
