import { afterAll, beforeAll, expect, test } from "bun:test";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import type { Artefact } from "../../../src/model/artefact.ts";
import type { FileEntry } from "../../../src/model/entry.ts";
import { FileReader } from "../../../src/model/fuse/file-reader.ts";
import { bytesOf, sealTree, type TestArtefact } from "./artefact.ts";

const CHUNK = 4096;
const BYTES = bytesOf(70 * CHUNK + 99, 1);
const OTHER = bytesOf(3 * CHUNK, 2);

let folder: string;
let sealed: TestArtefact;
let artefact: Artefact;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "reader-"));
  sealed = sealTree(
    join(folder, "a.tar"),
    [
      { path: "a", bytes: BYTES },
      { path: "b", bytes: OTHER },
    ],
    { chunk: CHUNK, part: 5120, epoch: 7 },
  );
  artefact = await sealed.open();
});
afterAll(async () => {
  await artefact.close();
  rmSync(folder, { recursive: true });
});

function readerOf(fd: number, told: string[] = []): FileReader {
  const { core } = artefact.header;
  return new FileReader({ fd, core, prk: sealed.prk, onFailure: ({ path }, chunk, why) => told.push(`${path} ${chunk} ${why}`) });
}

const entry = (number: number) => sealed.entries[number] as FileEntry;

test("every range of every file is given exactly, whatever was read before it", () => {
  const reader = readerOf(artefact.source.file?.fd ?? -1);
  fc.assert(
    fc.property(fc.boolean(), fc.nat(BYTES.length), fc.nat(BYTES.length), (other, one, two) => {
      const bytes = other ? OTHER : BYTES;
      const [from, to] = [Math.min(one, two, bytes.length), Math.min(Math.max(one, two), bytes.length)];
      const pieces = reader.read(entry(other ? 1 : 0), from, to - from);
      expect(Buffer.concat(pieces ?? []).equals(bytes.subarray(from, to))).toBe(true);
    }),
    { numRuns: 300 },
  );
});

test("pieces of an earlier read stay right while later reads push its blocks out", () => {
  const reader = readerOf(artefact.source.file?.fd ?? -1);
  const first = reader.read(entry(0), 10, 2 * CHUNK);
  for (let at = 0; at < 70; at++) reader.read(entry(0), at * CHUNK + 1, 5);
  expect(Buffer.concat(first ?? []).equals(BYTES.subarray(10, 10 + 2 * CHUNK))).toBe(true);
});

test("one flipped bit anywhere in a block refuses exactly the reads that touch it", () => {
  const archive = readFileSync(sealed.file);
  const path = join(folder, "flipped.tar");
  fc.assert(
    fc.property(fc.nat(70), fc.nat(CHUNK + 15), fc.nat(7), (chunk, byte, bit) => {
      const length = chunk === 70 ? 99 : CHUNK;
      // A block can straddle two tar members: the flip is made in its first bytes, which lie in one.
      const place = sealed.position("a", chunk) + (byte % 16);
      const flipped = Buffer.from(archive);
      flipped[place] = (flipped[place] ?? 0) ^ (1 << bit);
      writeFileSync(path, flipped);
      const fd = openSync(path, "r");
      const told: string[] = [];
      const reader = readerOf(fd, told);
      expect(reader.read(entry(0), chunk * CHUNK, length)).toBeUndefined();
      expect(reader.read(entry(0), 0, BYTES.length)).toBeUndefined();
      expect(told).toEqual([`a ${chunk} corrupt`, `a ${chunk} corrupt`]);
      if (chunk > 0)
        expect(Buffer.concat(reader.read(entry(0), 0, chunk * CHUNK) ?? []).equals(BYTES.subarray(0, chunk * CHUNK))).toBe(true);
      if (chunk < 70)
        expect(reader.read(entry(0), (chunk + 1) * CHUNK, 50)?.[0]).toEqual(BYTES.slice((chunk + 1) * CHUNK, (chunk + 1) * CHUNK + 50));
      closeSync(fd);
    }),
    { numRuns: 40 },
  );
});

test("blocks of one file do not pass for those of another, nor one block for its neighbour", () => {
  const told: string[] = [];
  const reader = readerOf(artefact.source.file?.fd ?? -1, told);
  expect(reader.read({ ...entry(0), offset: entry(1).offset }, 0, 10)).toBeUndefined();
  expect(reader.read({ ...entry(0), offset: entry(0).offset + CHUNK + 16 }, 0, 10)).toBeUndefined();
  expect(reader.read({ ...entry(1), fileNo: 0 }, 0, 10)).toBeUndefined();
  expect(reader.read({ ...entry(1), size: 2 * CHUNK }, CHUNK, 10)).toBeUndefined();
  expect(told).toEqual(["a 0 corrupt", "a 0 corrupt", "b 0 corrupt", "b 1 corrupt"]);
});

test("an archive that ends too early, or cannot be read at all, is a failure of the storage", () => {
  const path = join(folder, "cut.tar");
  const told: string[] = [];
  for (const cut of [0, 1, CHUNK / 2, CHUNK + 15]) {
    writeFileSync(path, readFileSync(sealed.file).subarray(0, sealed.position("b", 0) + cut));
    const fd = openSync(path, "r");
    expect(readerOf(fd, told).read(entry(1), 0, 1)).toBeUndefined();
    closeSync(fd);
  }
  expect(readerOf(-1, told).read(entry(1), 0, 1)).toBeUndefined();
  expect(told).toEqual(Array(5).fill("b 0 source"));
});

test("wiping forgets keys and plaintext, and what is read afterwards is right again", () => {
  const reader = readerOf(artefact.source.file?.fd ?? -1);
  const [piece] = reader.read(entry(0), 5, 20) ?? [];
  expect(piece).toEqual(BYTES.slice(5, 25));
  reader.wipe();
  expect(piece).toEqual(new Uint8Array(20));
  expect(reader.read(entry(0), 5, 20)?.[0]).toEqual(BYTES.slice(5, 25));
});
