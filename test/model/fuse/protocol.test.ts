import { expect, test } from "bun:test";
import fc from "fast-check";
import { negotiate } from "../../../src/model/fuse/init.ts";
import {
  DIRENT,
  DirectoryListing,
  decodeHeader,
  decodeName,
  decodeRead,
  ENTRY_OUT,
  encodeAttributes,
  encodeEntry,
  encodeOpen,
  encodeReplyHeader,
  encodeStatfs,
  IN_HEADER,
  Opcode,
  OUT_HEADER,
  readAttributes,
} from "../../../src/model/fuse/protocol.ts";
import { listed, request } from "./request.ts";

const attributes = fc.record({
  inode: fc.integer({ min: 1, max: 2 ** 53 - 1 }),
  size: fc.integer({ min: 0, max: 2 ** 53 - 1 }),
  mode: fc.integer({ min: 0, max: 0xffff }),
  links: fc.integer({ min: 1, max: 2 ** 32 - 1 }),
  uid: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  gid: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  mtime: fc.integer({ min: 0, max: 2 ** 53 - 1 }),
  blockSize: fc.integer({ min: 4096, max: 4194304 }),
});

test("attributes survive the wire, up to 2^53 and 2^32", () => {
  fc.assert(
    fc.property(attributes, (given) => {
      expect(readAttributes(encodeAttributes(given), 16)).toEqual(given);
      expect(readAttributes(encodeEntry(given), 40)).toEqual(given);
    }),
  );
});

test("a request's header is read back, and anything but exactly one whole request is refused", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 2 ** 32 - 1 }),
      fc.integer({ min: 0, max: 2 ** 53 - 1 }),
      fc.uint8Array({ maxLength: 200 }),
      (opcode, node, body) => {
        const bytes = request(opcode, node, body, [7, 0xffffffff]);
        expect(decodeHeader(bytes)).toEqual({ length: bytes.length, opcode, unique: [7, 0xffffffff], node });
        for (let cut = 0; cut < bytes.length; cut++) expect(decodeHeader(bytes.subarray(0, cut))).toBeUndefined();
        expect(decodeHeader(Buffer.concat([bytes, Buffer.of(0)]))).toBeUndefined();
      },
    ),
    { numRuns: 50 },
  );
});

test("a reply's header has the whole length, the errno as a negative number and the same id", () => {
  const bytes = encodeReplyHeader([1, 2], 5, 100);
  const view = new DataView(bytes.buffer);
  expect(bytes.length).toBe(OUT_HEADER);
  expect([view.getUint32(0, true), view.getInt32(4, true), view.getUint32(8, true), view.getUint32(12, true)]).toEqual([116, -5, 1, 2]);
});

test("a read's range is decoded at offsets beyond 4 GiB, and a cut one is refused", () => {
  const body = new Uint8Array(40);
  const view = new DataView(body.buffer);
  view.setBigUint64(8, 2n ** 45n + 4096n, true);
  view.setUint32(16, 1048576, true);
  expect(decodeRead(body)).toEqual({ offset: 2 ** 45 + 4096, size: 1048576 });
  for (let cut = 0; cut < 20; cut++) expect(decodeRead(body.subarray(0, cut))).toBeUndefined();
});

test("a name ends at its NUL; without one, or empty, it is none", () => {
  expect(decodeName(Buffer.from("wéights\0rest"))).toEqual(Buffer.from("wéights"));
  expect(decodeName(Buffer.from("no end"))).toBeUndefined();
  expect(decodeName(Buffer.from("\0"))).toBeUndefined();
  expect(decodeName(new Uint8Array())).toBeUndefined();
});

test("a listing never exceeds its size, keeps lines aligned to 8 bytes, and says which line did not fit", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 4096 }),
      fc.boolean(),
      fc.array(fc.uint8Array({ minLength: 1, maxLength: 255 }), { maxLength: 60 }),
      (size, plus, names) => {
        const listing = new DirectoryListing(size, plus);
        let taken = 0;
        while (taken < names.length) {
          const name = names[taken] ?? new Uint8Array();
          if (!listing.add({ name, inode: taken + 2, type: 8, next: taken + 1 })) break;
          taken++;
        }
        const bytes = listing.bytes();
        expect(bytes.length).toBeLessThanOrEqual(size);
        expect(listed(bytes, plus).map(({ name }) => name)).toEqual(names.slice(0, taken).map((name) => Buffer.from(name)));
        const next = names[taken];
        if (next !== undefined) expect(bytes.length + (plus ? ENTRY_OUT : 0) + DIRENT + next.length).toBeGreaterThan(size - 8);
      },
    ),
  );
});

test("open and statfs replies have the sizes and places of the kernel's structures", () => {
  const open = encodeOpen(10);
  expect([open.length, new DataView(open.buffer).getUint32(8, true)]).toEqual([16, 10]);
  const statfs = encodeStatfs(2 ** 33, 65536, 12);
  const view = new DataView(statfs.buffer);
  expect(statfs.length).toBe(80);
  expect([view.getBigUint64(0, true), view.getBigUint64(24, true), view.getUint32(40, true), view.getUint32(48, true)]).toEqual([
    2n ** 33n,
    12n,
    65536,
    65536,
  ]);
});

function initRequest(major: number, minor: number, flags: number, flags2?: number): Uint8Array {
  const body = new Uint8Array(flags2 === undefined ? 16 : 64);
  const view = new DataView(body.buffer);
  for (const [at, value] of [major, minor, 131072, flags >>> 0, ...(flags2 === undefined ? [] : [flags2])].entries()) {
    view.setUint32(at * 4, value, true);
  }
  return request(Opcode.init, 0, body, [9, 0]);
}

test("the first reply takes only what the kernel offers, and never write-back or automatic invalidation", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 32 - 1 }), fc.integer({ min: 31, max: 60 }), (offered, minor) => {
      const agreed = negotiate(initRequest(7, minor, offered, 0xffffffff));
      if (agreed === undefined) throw new Error("refused");
      const view = new DataView(agreed.reply.buffer, agreed.reply.byteOffset);
      expect(agreed.reply.length).toBe(OUT_HEADER + 64);
      expect(view.getUint32(OUT_HEADER + 4, true)).toBe(Math.min(minor, 40));
      const taken = view.getUint32(OUT_HEADER + 12, true);
      expect((taken & ~offered) >>> 0).toBe(0);
      expect(taken & ((1 << 12) | (1 << 16))).toBe(0);
      expect(agreed.noOpen).toBe((offered & (1 << 17)) !== 0);
      expect(view.getUint32(OUT_HEADER + 32, true)).toBe((offered & (1 << 30)) === 0 ? 0 : 16);
    }),
  );
});

test("the short first request of older kernels is answered, with the same reply size", () => {
  expect(negotiate(initRequest(7, 31, 0xffffffff))?.reply.length).toBe(OUT_HEADER + 64);
});

test("another major version, a too old kernel, another request and a cut one are refused", () => {
  expect(negotiate(initRequest(8, 0, 0))).toBeUndefined();
  expect(negotiate(initRequest(7, 30, 0))).toBeUndefined();
  expect(negotiate(request(Opcode.getattr, 1, new Uint8Array(16)))).toBeUndefined();
  expect(negotiate(request(Opcode.init, 0, new Uint8Array(15)))).toBeUndefined();
  expect(negotiate(new Uint8Array(IN_HEADER - 1))).toBeUndefined();
});
