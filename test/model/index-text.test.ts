import { expect, test } from "bun:test";
import fc from "fast-check";
import type { Core } from "../../src/model/core.ts";
import type { IndexEntry } from "../../src/model/entry.ts";
import { encodeIndex, parseIndex } from "../../src/model/index-text.ts";
import { epochCount, sealedSize } from "../../src/model/layout.ts";
import { comparePaths } from "../../src/model/path.ts";
import { CaiError } from "../../src/system/index.ts";
import { noise, refusal } from "./fixture.ts";

const CORE: Core = { v: 1, id: noise(32), cipher: "A256GCM", chunk: 4096, epoch: 2, part: 512, stream: 1_000_000, index: 4144 };
const SALT = Buffer.from(noise(16)).toString("base64url");
const DIGEST = "ab".repeat(32);

const file = (members: object) => ({ p: "f", t: "f", s: 10, o: 0, k: [SALT], h: DIGEST, ...members });
const text = (files: unknown, envelope: object = {}) => new TextEncoder().encode(JSON.stringify({ v: 1, files, ...envelope }).padEnd(4096));
const parse = (...files: unknown[]) => parseIndex(text(files), CORE);

const name = fc
  .string({ unit: "binary", minLength: 1, maxLength: 6 })
  .filter((text) => !/[/\0]/.test(text) && text !== "." && text !== "..");

/** Flat trees of entries of every kind, laid out as the writer would. */
const tree = fc
  .uniqueArray(
    fc.record({
      name,
      kind: fc.constantFrom("file", "directory", "symlink"),
      size: fc.nat(20_000),
      executable: fc.boolean(),
      mtime: fc.integer(),
    }),
    {
      selector: (item) => item.name,
      maxLength: 12,
    },
  )
  .map((items) => {
    let offset = 0;
    items.sort((a, b) => comparePaths(a.name, b.name));
    return items.map(({ name, kind, size, executable, mtime }, fileNo): IndexEntry => {
      if (kind === "directory") return { kind, path: name, mtime };
      if (kind === "symlink") return { kind, path: name, target: name };
      const salts = Array.from({ length: epochCount(CORE, size) }, (_, i) => noise(16, i));
      const entry: IndexEntry = { kind: "file", path: name, fileNo, size, offset, salts, digest: DIGEST, executable };
      offset += sealedSize(CORE, size);
      return entry;
    });
  });

test("what is written into an index is read from it, in whole blocks", () => {
  fc.assert(
    fc.property(tree, (entries) => {
      const bytes = encodeIndex(entries);
      expect(bytes.length % 4096).toBe(0);
      expect(parseIndex(bytes, CORE)).toEqual(entries);
    }),
  );
});

test("an index cut off at any offset is refused", () => {
  const bytes = encodeIndex(parse({ p: "d", t: "d" }, { p: "d/l", t: "l", to: "../f" }, file({})));
  const length = bytes.findLastIndex((byte) => byte !== 0x20) + 1;
  for (let cut = 0; cut < length; cut++) expect(() => parseIndex(bytes.subarray(0, cut), CORE)).toThrow(CaiError);
});

test("a flipped bit in an index is refused by name, or read as what it then says", () => {
  const bytes = encodeIndex(parse({ p: "d", t: "d" }, { p: "d/l", t: "l", to: "../f" }, file({})));
  for (let bit = 0; bit < 400 * 8; bit++) {
    const flipped = bytes.slice();
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    try {
      expect(parseIndex(flipped, CORE)).toHaveLength(3);
    } catch (error) {
      if (!(error instanceof CaiError)) throw error;
      expect(error.id).toMatch(/^model\.(index-invalid|version-unsupported)$/);
    }
  }
});

const broken: [string, unknown[]][] = [
  ["a name with ..", [file({ p: "../f" })]],
  ["an absolute name", [file({ p: "/f" })]],
  ["a name with NUL", [file({ p: "f\0" })]],
  ["a name that is no text", [file({ p: "\ud800" })]],
  ["a name that is no string", [file({ p: 5 })]],
  ["the same name twice", [file({}), file({ o: 100 })]],
  ["names out of order", [file({ p: "b" }), file({ p: "a", o: 100 })]],
  ["a file in a directory that is not there", [file({ p: "d/f" })]],
  ["a file below a file", [file({ p: "d" }), file({ p: "d/f", o: 100 })]],
  ["a file below a symlink", [{ p: "d", t: "l", to: "e" }, file({ p: "d/f" })]],
  ["an unknown kind", [file({ t: "b" })]],
  ["an unknown member", [file({ q: 1 })]],
  ["a member of another kind", [{ p: "d", t: "d", s: 5 }]],
  ["a link out of the tree", [{ p: "l", t: "l", to: "../x" }]],
  ["an absolute link", [{ p: "l", t: "l", to: "/x" }]],
  ["a link without a target", [{ p: "l", t: "l" }]],
  ["a negative size", [file({ s: -1 })]],
  ["a size that is no whole number", [file({ s: 1.5 })]],
  ["a file that ends behind the stream", [file({ o: 999_975 })]],
  ["a file larger than the stream", [file({ s: 2 ** 52, k: [] })]],
  ["too few salts", [file({ s: 10_000, k: [SALT] })]],
  ["too many salts", [file({ k: [SALT, SALT] })]],
  ["salts of an empty file", [file({ s: 0 })]],
  ["a short salt", [file({ k: ["AAAA"] })]],
  ["a salt in another spelling", [file({ k: [`${SALT}=`] })]],
  ["no salts", [file({ k: undefined })]],
  ["a short digest", [file({ h: "ab" })]],
  ["a digest in capitals", [file({ h: DIGEST.toUpperCase() })]],
  ["an odd executable mark", [file({ m: 0 })]],
  ["an odd time", [file({ mt: 1.5 })]],
  ["files that overlap", [file({ p: "a" }), file({ p: "b", o: 25 })]],
  ["files in the same place", [file({ p: "a" }), file({ p: "b" })]],
  ["a hard link to a later entry", [file({ r: 1 }), file({ p: "g" })]],
  ["a hard link to itself", [file({ r: 0 })]],
  ["a hard link to a directory", [{ p: "d", t: "d" }, file({ r: 0 })]],
  ["a hard link with another size", [file({ p: "a" }), file({ p: "b", s: 9, r: 0 })]],
  ["a hard link to another place", [file({ p: "a" }), file({ p: "b", o: 100, r: 0 })]],
  ["a hard link with another salt", [file({ p: "a" }), file({ p: "b", k: [Buffer.alloc(16).toString("base64url")], r: 0 })]],
  ["a hard link with another mode", [file({ p: "a" }), file({ p: "b", m: 1, r: 0 })]],
  ["a hard link to a hard link", [file({ p: "a" }), file({ p: "b", r: 0 }), file({ p: "c", r: 1 })]],
  ["an entry that is no object", [5]],
];

test.each(broken)("an index with %s is refused", async (_, files) => {
  await refusal("model.index-invalid", () => parse(...files));
});

test("an index of another version, with sparse files, or in another envelope is refused", async () => {
  await refusal("model.version-unsupported", () => parseIndex(text([], { v: 2 }), CORE));
  await refusal("model.version-unsupported", () => parse(file({ x: [[0, 1]] })));
  await refusal("model.index-invalid", () => parseIndex(text([], { extra: 1 }), CORE));
  await refusal("model.index-invalid", () => parseIndex(text({}), CORE));
  await refusal("model.index-invalid", () => parseIndex(new TextEncoder().encode('{"v":1,"files":[]} x'), CORE));
  await refusal("model.index-invalid", () => parseIndex(Uint8Array.of(0xff), CORE));
});

test("hard links share bytes, salts and keys with the first name", () => {
  const [first, second] = parse(file({ p: "a" }), file({ p: "b", r: 0 }));
  expect(second).toEqual({ ...first!, path: "b", linkOf: 0 } as IndexEntry);
});
