import { expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, truncateSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type BlockSource, decryptArtefact, type FileEntry, openArtefact, readRange, verifyArtefact } from "../../src/model/index.ts";
import { chunkOffset, streamSegments } from "../../src/model/layout.ts";
import { encryptSmall, KEK, makeTree, noise, openSmall, refusal, scratch, snapshot } from "./fixture.ts";

type Opened = Awaited<ReturnType<typeof openSmall>>;

function fileAt({ entries }: Opened, path: string): FileEntry {
  const entry = entries.find((candidate) => candidate.path === path);
  if (entry?.kind !== "file") throw new Error(`no file ${path}`);
  return entry;
}

/** Positions in the archive of the bytes of one sealed block. */
function blockBytes({ header: { core } }: Opened, file: FileEntry, chunk: number): number[] {
  const length = Math.min(core.chunk, file.size - chunk * core.chunk) + 16;
  return streamSegments(core, chunkOffset(core, file.offset, chunk), length).flatMap((segment) =>
    Array.from({ length: segment.length }, (_, i) => segment.position + i),
  );
}

test.each([0, 2])("what is decrypted by %d threads is what was encrypted, with modes, links and empty files", async (workers) => {
  using folder = scratch();
  const input = makeTree(folder.path);
  const path = join(folder.path, "enc.tar");
  await encryptSmall(input, path, { workers });
  const artefact = await openSmall(path);
  const out = join(folder.path, "out");
  await decryptArtefact(artefact, out, { workers });
  expect(snapshot(out)).toEqual(snapshot(input));
  expect(statSync(join(out, "size-8192")).ino).toBe(statSync(join(out, "deep/hard link")).ino);
  expect(statSync(out).mode & 0o777).toBe(0o700);
  expect(statSync(join(out, "size-8192")).mode & 0o777).toBe(0o600);
  const counts = await verifyArtefact(artefact, "deep", { workers });
  expect(counts).toMatchObject({ files: 13, directories: 33, symlinks: 3, digests: 12 });
  expect(await verifyArtefact(artefact, "chunks", { workers })).toMatchObject({ chunks: counts.chunks, digests: 0 });
  await artefact.close();
});

test("a large file that several threads open in pieces is whole, and progress reaches its end", async () => {
  using folder = scratch();
  const large = Buffer.concat(Array.from({ length: 130 }, (_, i) => noise(1024 * 1024, i)));
  writeFileSync(join(folder.path, "large"), large.subarray(0, -3));
  const path = join(folder.path, "enc.tar");
  await encryptSmall(join(folder.path, "large"), path, { chunk: 65536, epoch: 700, part: 10 * 1024 * 1024, workers: 2 });
  const artefact = await openSmall(path);
  let last = [0, 0];
  await decryptArtefact(artefact, join(folder.path, "out"), { workers: 2, progress: (...state) => (last = state) });
  expect(readFileSync(join(folder.path, "out/large")).equals(large.subarray(0, -3))).toBe(true);
  expect(last).toEqual([large.length - 3, large.length - 3]);
  await artefact.close();
}, 20_000);

test("times come back where they were kept", async () => {
  using folder = scratch();
  const input = makeTree(folder.path);
  utimesSync(join(input, "deep"), 1_600_000_000, 1_600_000_000);
  utimesSync(join(input, "size-1"), 1_500_000_000, 1_500_000_000);
  await encryptSmall(input, join(folder.path, "enc.tar"), { mtime: true });
  const artefact = await openSmall(join(folder.path, "enc.tar"));
  await decryptArtefact(artefact, join(folder.path, "out"));
  await artefact.close();
  expect(statSync(join(folder.path, "out/deep")).mtimeMs).toBe(1_600_000_000_000);
  expect(statSync(join(folder.path, "out/size-1")).mtimeMs).toBe(1_500_000_000_000);
});

test("a directory that holds something is refused and left as it is; an empty one is used", async () => {
  using folder = scratch();
  await encryptSmall(makeTree(folder.path), join(folder.path, "enc.tar"));
  const artefact = await openSmall(join(folder.path, "enc.tar"));
  const out = join(folder.path, "out");
  mkdirSync(out);
  writeFileSync(join(out, "mine"), "precious");
  await refusal("cli.output-exists", () => decryptArtefact(artefact, out));
  expect(readdirSync(out)).toEqual(["mine"]);
  await refusal("cli.output-exists", () => decryptArtefact(artefact, join(out, "mine")));
  await refusal("cli.output-failed", () => decryptArtefact(artefact, join(folder.path, "none/out")));
  mkdirSync(join(folder.path, "empty"));
  await decryptArtefact(artefact, join(folder.path, "empty"));
  expect(existsSync(join(folder.path, "empty/size-1"))).toBe(true);
  await artefact.close();
});

test.each([0, 2])("a damaged block is named with its file, and nothing of the copy is left, with %d threads", async (workers) => {
  using folder = scratch();
  const path = join(folder.path, "enc.tar");
  await encryptSmall(makeTree(folder.path), path);
  let artefact = await openSmall(path);
  const bytes = readFileSync(path);
  bytes[blockBytes(artefact, fileAt(artefact, "size-70000"), 3)[100]!]! ^= 1;
  await artefact.close();
  writeFileSync(path, bytes);
  artefact = await openSmall(path);
  const made = join(folder.path, "made");
  const empty = join(folder.path, "empty");
  mkdirSync(empty);
  for (const work of [
    () => verifyArtefact(artefact, "chunks", { workers }),
    () => verifyArtefact(artefact, "deep", { workers }),
    () => decryptArtefact(artefact, made, { workers }),
    () => decryptArtefact(artefact, empty, { workers }),
    () => readRange(artefact, fileAt(artefact, "size-70000"), 4 * 4096 - 1, 1),
  ]) {
    expect((await refusal("model.block-corrupt", work)).message).toContain("size-70000: block 3 of 18");
  }
  expect(existsSync(made)).toBe(false);
  expect(readdirSync(empty)).toBeEmpty();
  // Other blocks of the same file are read as before.
  expect(await readRange(artefact, fileAt(artefact, "size-70000"), 4 * 4096, 5)).toHaveLength(5);
  expect(await verifyArtefact(artefact, "header")).toMatchObject({ chunks: 0 });
  await artefact.close();
});

test("two swapped blocks are refused, within a file and between files", async () => {
  using folder = scratch();
  const path = join(folder.path, "enc.tar");
  await encryptSmall(makeTree(folder.path), path);
  const artefact = await openSmall(path);
  const clean = readFileSync(path);
  const pairs: [string, number, string, number][] = [
    ["size-70000", 0, "size-70000", 1],
    ["size-8192", 0, "size-70000", 0],
    ["size-4096", 0, "size-8192", 1],
  ];
  for (const [first, chunk, second, other] of pairs) {
    const here = blockBytes(artefact, fileAt(artefact, first), chunk);
    const there = blockBytes(artefact, fileAt(artefact, second), other);
    const swapped = Buffer.from(clean);
    for (const [i, position] of here.entries()) {
      swapped[position] = clean[there[i]!]!;
      swapped[there[i]!] = clean[position]!;
    }
    writeFileSync(path, swapped);
    const error = await refusal("model.block-corrupt", () => verifyArtefact(artefact, "chunks"));
    expect(error.message).toMatch(/(size-70000|size-4096|hard link): block \d+/);
  }
  await artefact.close();
});

test("an archive that shrinks while it is open gives model.truncated, never wrong bytes", async () => {
  using folder = scratch();
  const path = join(folder.path, "enc.tar");
  await encryptSmall(makeTree(folder.path), path);
  const artefact = await openSmall(path);
  truncateSync(path, 20_000);
  await refusal("model.truncated", () => verifyArtefact(artefact, "chunks"));
  await refusal("model.truncated", () => decryptArtefact(artefact, join(folder.path, "out")));
  expect(existsSync(join(folder.path, "out"))).toBe(false);
  await artefact.close();
});

test("any range of any file is what the file holds there", async () => {
  using folder = scratch();
  const input = makeTree(folder.path);
  await encryptSmall(input, join(folder.path, "enc.tar"));
  const artefact = await openSmall(join(folder.path, "enc.tar"));
  for (const name of ["empty", "size-1", "size-4095", "size-4096", "size-4097", "size-70000", "deep/hard link"]) {
    const file = fileAt(artefact, name);
    const whole = readFileSync(join(input, name));
    for (const offset of [0, 1, 4095, 4096, 4097, 8191, 65_000, 69_999, 70_000, 100_000]) {
      for (const length of [0, 1, 17, 4096, 4097, 9000, 80_000]) {
        const got = await readRange(artefact, file, offset, length);
        expect(Buffer.compare(got, whole.subarray(offset, offset + length))).toBe(0);
      }
    }
  }
  await artefact.close();
});

test("ended by its caller, a decryption leaves nothing", async () => {
  using folder = scratch();
  writeFileSync(join(folder.path, "w"), new Uint8Array(40 * 1024 * 1024));
  await encryptSmall(join(folder.path, "w"), join(folder.path, "enc.tar"), { chunk: 65536 });
  const artefact = await openSmall(join(folder.path, "enc.tar"));
  for (const workers of [0, 2]) {
    const abort = new AbortController();
    const out = join(folder.path, "out");
    await refusal("model.interrupted", () =>
      decryptArtefact(artefact, out, { workers, signal: abort.signal, progress: () => abort.abort() }),
    );
    expect(existsSync(out)).toBe(false);
  }
  await artefact.close();
});

test("an archive that is no local file is read through its source alone", async () => {
  using folder = scratch();
  const input = makeTree(folder.path);
  await encryptSmall(input, join(folder.path, "enc.tar"));
  const bytes = readFileSync(join(folder.path, "enc.tar"));
  let closed = false;
  const source: BlockSource = {
    size: bytes.length,
    read: async (offset, into) => void into.set(bytes.subarray(offset, offset + into.length)),
    close: async () => {
      closed = true;
    },
  };
  const artefact = await openArtefact(source, { kek: KEK, slot: {}, roots: "unpinned" });
  await decryptArtefact(artefact, join(folder.path, "out"), { workers: 2 });
  expect(snapshot(join(folder.path, "out"))).toEqual(snapshot(input));
  await artefact.close();
  expect(closed).toBe(true);
});

test("a file whose blocks are all authentic and whose bytes are not those of the index is refused by a deep check", async () => {
  using folder = scratch();
  const path = join(folder.path, "deep.tar");
  await encryptSmall(makeTree(folder.path), path);
  const artefact = await openSmall(path);
  const entries = artefact.entries.map((entry) =>
    entry.kind === "file" && entry.path === "size-70000" ? { ...entry, digest: "00".repeat(32) } : entry,
  );
  const changed = { ...artefact, entries };
  expect(await verifyArtefact(changed, "chunks")).toMatchObject({ digests: 0 });
  const error = await refusal("model.digest-mismatch", () => verifyArtefact(changed, "deep"));
  expect(error.message).toContain("size-70000");
  await artefact.close();
});
