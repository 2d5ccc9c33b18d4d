import { expect, test } from "bun:test";
import fc from "fast-check";
import type { IndexEntry } from "../../../src/model/entry.ts";
import { accessFor } from "../../../src/model/fuse/access.ts";
import { type HandlerOptions, handleRequest, type ReadFile } from "../../../src/model/fuse/handler.ts";
import { Opcode, OUT_HEADER, ROOT_NODE, readAttributes } from "../../../src/model/fuse/protocol.ts";
import { buildTree } from "../../../src/model/fuse/tree.ts";
import { Errno } from "../../../src/system/index.ts";
import { listed, range, request } from "./request.ts";

const file = { kind: "file", salts: [], executable: false } as const;
const entries: IndexEntry[] = [
  { ...file, path: "a", fileNo: 0, size: 10, offset: 0 },
  { kind: "symlink", path: "link", target: "sub/ü" },
  { kind: "directory", path: "sub", mtime: 1700000000 },
  { ...file, path: "sub/run", fileNo: 3, size: 0, offset: 26, executable: true },
  { ...file, path: "sub/same", fileNo: 0, size: 10, offset: 0, linkOf: 0 },
  { ...file, path: "sub/ü", fileNo: 5, size: 100, offset: 26 },
];
const tree = buildTree(entries, accessFor("owner", 7, 8), 65536);
const OPTIONS: HandlerOptions = { noOpen: true, noOpendir: true, blockSize: 65536 };

/** Gives bytes that say where they come from. */
const read: ReadFile = ({ entry }, offset, length) => [Uint8Array.from({ length }, (_, at) => entry.fileNo * 100 + offset + at)];

function ask(
  opcode: number,
  node: number,
  body?: Uint8Array,
  reader = read,
  options = OPTIONS,
): { error: number; body: Buffer } | undefined {
  const reply = handleRequest(request(opcode, node, body), tree, reader, options);
  if (reply === undefined) return undefined;
  const bytes = Buffer.concat(reply);
  expect(bytes.readUInt32LE(0)).toBe(bytes.length);
  expect(bytes.readUInt32LE(8)).toBe(1);
  return { error: Math.abs(bytes.readInt32LE(4)), body: bytes.subarray(OUT_HEADER) };
}

const name = (text: string) => Buffer.from(`${text}\0`);
const inodeOf = (path: string) => entries.findIndex((entry) => entry.path === path) + 2;

test("names are found by their bytes, and an unknown name is a reply that the kernel may remember", () => {
  const found = ask(Opcode.lookup, inodeOf("sub"), name("ü"));
  expect(found?.error).toBe(0);
  expect(readAttributes(found?.body ?? new Uint8Array(), 40)).toEqual({
    inode: inodeOf("sub/ü"),
    size: 100,
    mode: 0o100400,
    links: 1,
    uid: 7,
    gid: 8,
    mtime: 0,
    blockSize: 65536,
  });
  const unknown = ask(Opcode.lookup, inodeOf("sub"), Buffer.from([0xfc, 0]));
  expect([unknown?.error, unknown?.body.readBigUInt64LE(0), unknown?.body.readBigUInt64LE(16) === 0n]).toEqual([0, 0n, false]);
  expect(ask(Opcode.lookup, inodeOf("a"), name("x"))?.error).toBe(Errno.ENOTDIR);
  expect(ask(Opcode.lookup, 999, name("x"))?.error).toBe(Errno.ENOENT);
  expect(ask(Opcode.lookup, ROOT_NODE, Buffer.from("endless"))?.error).toBe(Errno.EINVAL);
});

test("hard links share one inode with two links", () => {
  const one = readAttributes(ask(Opcode.lookup, ROOT_NODE, name("a"))?.body ?? new Uint8Array(), 40);
  const other = readAttributes(ask(Opcode.lookup, inodeOf("sub"), name("same"))?.body ?? new Uint8Array(), 40);
  expect(other).toEqual(one);
  expect([one.links, one.inode]).toEqual([2, 2]);
});

test("folders, executables and symbolic links have their type, mode, size and time", () => {
  const attributes = (path: string) => readAttributes(ask(Opcode.getattr, inodeOf(path))?.body ?? new Uint8Array(), 16);
  expect(attributes("sub")).toMatchObject({ mode: 0o040500, links: 2, mtime: 1700000000 });
  expect(attributes("sub/run")).toMatchObject({ mode: 0o100500, size: 0 });
  expect(attributes("link")).toMatchObject({ mode: 0o120777, size: 6 });
  expect(ask(Opcode.readlink, inodeOf("link"))?.body.toString()).toBe("sub/ü");
  expect(ask(Opcode.readlink, inodeOf("a"))?.error).toBe(Errno.EINVAL);
});

test("who may read decides owner, modes and whether others reach the mount", () => {
  const modes = (allow: Parameters<typeof accessFor>[0]) => {
    const { nodes } = buildTree(entries, accessFor(allow, 7, 8), 4096);
    const at = (path: string) => nodes.get(inodeOf(path))?.attributes;
    return [at("a")?.mode, at("sub/run")?.mode, at("sub")?.mode, at("a")?.uid, at("a")?.gid, accessFor(allow, 7, 8).others];
  };
  expect(modes("owner")).toEqual([0o100400, 0o100500, 0o040500, 7, 8, false]);
  expect(modes("all")).toEqual([0o100444, 0o100555, 0o040555, 7, 8, true]);
  expect(modes({ uid: 1000 })).toEqual([0o100400, 0o100500, 0o040500, 1000, 8, true]);
  expect(modes({ uid: 1000, gid: 100 })).toEqual([0o100440, 0o100550, 0o040550, 1000, 100, true]);
  for (const uid of [-1, 1.5, 2 ** 32 - 1, Number.NaN]) {
    expect(() => accessFor({ uid }, 7, 8)).toThrow(expect.objectContaining({ id: "cli.setting-invalid" }));
  }
});

test("a read gives exactly the range, cut at the end of the file", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 120 }), fc.integer({ min: 0, max: 200 }), (offset, size) => {
      const expected = Array.from({ length: Math.max(0, Math.min(size, 100 - offset)) }, (_, at) => (500 + offset + at) & 0xff);
      expect([...(ask(Opcode.read, inodeOf("sub/ü"), range(offset, size))?.body ?? [])]).toEqual(expected);
    }),
  );
});

test("a block that cannot be given is EIO without a byte", () => {
  expect(ask(Opcode.read, 2, range(0, 10), () => undefined)).toEqual({ error: Errno.EIO, body: Buffer.alloc(0) });
});

test("reading a folder, a symbolic link or an unknown node is an error", () => {
  expect(ask(Opcode.read, inodeOf("sub"), range(0, 1))?.error).toBe(Errno.EISDIR);
  expect(ask(Opcode.read, inodeOf("link"), range(0, 1))?.error).toBe(Errno.EINVAL);
  expect(ask(Opcode.read, 12345, range(0, 1))?.error).toBe(Errno.ENOENT);
  expect(ask(Opcode.read, inodeOf("a"), new Uint8Array(8))?.error).toBe(Errno.EINVAL);
});

test("a listing goes on where it stopped, whatever the size of each step", () => {
  fc.assert(
    fc.property(fc.boolean(), fc.integer({ min: 200, max: 1000 }), (plus, size) => {
      const lines = [];
      for (let at = 0; ; ) {
        const step = listed(
          ask(plus ? Opcode.readdirplus : Opcode.readdir, inodeOf("sub"), range(at, size))?.body ?? Buffer.alloc(0),
          plus,
        );
        if (step.length === 0) break;
        lines.push(...step);
        at = step.at(-1)?.next ?? 0;
      }
      expect(lines.map((line) => line.name.toString())).toEqual([".", "..", "run", "same", "ü"]);
      expect(lines.map((line) => line.inode)).toEqual([inodeOf("sub"), ROOT_NODE, inodeOf("sub/run"), 2, inodeOf("sub/ü")]);
      expect(lines.map((line) => line.type)).toEqual([4, 4, 8, 8, 8]);
      if (plus) expect(lines.map((line) => line.entryNode)).toEqual([0, 0, inodeOf("sub/run"), 2, inodeOf("sub/ü")]);
    }),
    { numRuns: 30 },
  );
});

test("whatever would write is refused as on a read-only file system", () => {
  for (const opcode of [4, 6, 8, 9, 10, 11, 12, 13, 16, 21, 24, 35, 43, 45, 51]) {
    expect(ask(opcode, 2, new Uint8Array(64))?.error).toBe(Errno.EROFS);
  }
});

test("forgetting takes no reply; locks, attributes and unknown requests are left to the kernel", () => {
  expect(ask(Opcode.forget, 2, new Uint8Array(8))).toBeUndefined();
  expect(ask(Opcode.batchForget, 0, new Uint8Array(24))).toBeUndefined();
  for (const opcode of [22, 23, 31, 36, 46, 999]) expect(ask(opcode, 2, new Uint8Array(40))?.error).toBe(Errno.ENOSYS);
});

test("opening is left to the kernel where it can, else it keeps the pages", () => {
  expect(ask(Opcode.open, 2, new Uint8Array(8))?.error).toBe(Errno.ENOSYS);
  expect(ask(Opcode.opendir, 1, new Uint8Array(8))?.error).toBe(Errno.ENOSYS);
  const older = { ...OPTIONS, noOpen: false, noOpendir: false };
  expect(ask(Opcode.open, 2, new Uint8Array(8), read, older)?.body.readUInt32LE(8)).toBe(2);
  expect(ask(Opcode.opendir, 1, new Uint8Array(8), read, older)?.body.readUInt32LE(8)).toBe(10);
});

test("no bytes whatever make the handler fail or answer at wrong length", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 60 }),
      fc.integer({ min: 0, max: 10 }),
      fc.uint8Array({ maxLength: 80 }),
      (opcode, node, body) => {
        // A listing of 2^32 bytes would only cost memory; the kernel asks for a mebibyte at most.
        if (opcode === Opcode.readdir || opcode === Opcode.readdirplus) body.fill(0, 18);
        ask(opcode, node, body);
      },
    ),
    { numRuns: 500 },
  );
  expect(handleRequest(new Uint8Array(39), tree, read, OPTIONS)).toBeUndefined();
});

test("an entry whose folder does not come before it is refused", () => {
  expect(() => buildTree([{ kind: "directory", path: "x/y" }], accessFor("owner", 0, 0), 4096)).toThrow(
    expect.objectContaining({ id: "model.index-invalid" }),
  );
});
