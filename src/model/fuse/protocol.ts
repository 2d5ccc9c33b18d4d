/**
 * The kernel's FUSE protocol, as far as a read-only file system needs it: pure functions from bytes to values and back. Layouts are
 * those of linux/fuse.h, protocol 7.31 and later; numbers are little-endian on both machines that the program runs on.
 */

/** Request codes. */
export const Opcode = {
  lookup: 1,
  forget: 2,
  getattr: 3,
  setattr: 4,
  readlink: 5,
  symlink: 6,
  mknod: 8,
  mkdir: 9,
  unlink: 10,
  rmdir: 11,
  rename: 12,
  link: 13,
  open: 14,
  read: 15,
  write: 16,
  statfs: 17,
  release: 18,
  setxattr: 21,
  removexattr: 24,
  flush: 25,
  init: 26,
  opendir: 27,
  readdir: 28,
  releasedir: 29,
  access: 34,
  create: 35,
  destroy: 38,
  batchForget: 42,
  fallocate: 43,
  readdirplus: 44,
  rename2: 45,
  tmpfile: 51,
} as const;

/** The node id of the root directory. */
export const ROOT_NODE = 1;

/** `len u32, opcode u32, unique u64, nodeid u64, uid u32, gid u32, pid u32, extensions u16, padding u16` */
export const IN_HEADER = 40;
/** `len u32, error i32, unique u64` */
export const OUT_HEADER = 16;
/** struct fuse_attr */
const ATTR = 88;
/** `nodeid u64, generation u64, entry_valid u64, attr_valid u64, two times nsec u32`, then the attributes */
export const ENTRY_OUT = 40 + ATTR;
/** `attr_valid u64, nsec u32, dummy u32`, then the attributes */
const ATTR_OUT = 16 + ATTR;
/** `ino u64, off u64, namelen u32, type u32`, then the name */
export const DIRENT = 24;
const OPEN_OUT = 16;
const STATFS_OUT = 80;

/** OPEN reply flags: pages stay cached across opens; a directory's listing is cached. */
export const FOPEN_KEEP_CACHE = 2;
export const FOPEN_CACHE_DIR = 8;

/** What every request starts with. */
export interface RequestHeader {
  /** bytes of the whole request */
  readonly length: number;
  readonly opcode: number;
  /** pairs the reply with the request; opaque, so it is kept as its two 32-bit halves */
  readonly unique: readonly [low: number, high: number];
  readonly node: number;
}

/** @returns undefined where the bytes are not one whole request */
export function decodeHeader(request: Uint8Array): RequestHeader | undefined {
  if (request.byteLength < IN_HEADER) return undefined;
  const view = viewOf(request);
  const length = view.getUint32(0, true);
  if (length !== request.byteLength) return undefined;
  return {
    length,
    opcode: view.getUint32(4, true),
    unique: [view.getUint32(8, true), view.getUint32(12, true)],
    node: getUint64(view, 16),
  };
}

/** A reply's header. @param error  an errno (positive) or 0 @param body  bytes that follow */
export function encodeReplyHeader(unique: readonly [number, number], error: number, body: number): Uint8Array {
  const bytes = new Uint8Array(OUT_HEADER);
  const view = viewOf(bytes);
  view.setUint32(0, OUT_HEADER + body, true);
  view.setInt32(4, -error, true);
  view.setUint32(8, unique[0], true);
  view.setUint32(12, unique[1], true);
  return bytes;
}

/** Body of READ, READDIR and READDIRPLUS: `fh u64, offset u64, size u32, …` (40 bytes). */
export function decodeRead(body: Uint8Array): { readonly offset: number; readonly size: number } | undefined {
  if (body.byteLength < 20) return undefined;
  const view = viewOf(body);
  return { offset: getUint64(view, 8), size: view.getUint32(16, true) };
}

/** A NUL-terminated name, as raw bytes, without the NUL. @returns undefined where there is no NUL or no name */
export function decodeName(body: Uint8Array): Uint8Array | undefined {
  const end = body.indexOf(0);
  return end > 0 ? body.subarray(0, end) : undefined;
}

/** Attributes of an inode. Times are whole seconds since 1970. */
export interface Attributes {
  readonly inode: number;
  readonly size: number;
  /** type and permission bits of stat(2) */
  readonly mode: number;
  readonly links: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtime: number;
  /** the preferred size of a read, in bytes */
  readonly blockSize: number;
}

/** Seconds for which the kernel may keep names and attributes. Nothing ever changes, so: as long as it likes. */
const VALIDITY = 86_400 * 365;

function writeAttributes(into: Uint8Array, at: number, attributes: Attributes): void {
  const view = viewOf(into);
  setUint64(view, at, attributes.inode);
  setUint64(view, at + 8, attributes.size);
  setUint64(view, at + 16, Math.ceil(attributes.size / 512));
  for (const time of [24, 32, 40]) setUint64(view, at + time, attributes.mtime);
  view.setUint32(at + 60, attributes.mode, true);
  view.setUint32(at + 64, attributes.links, true);
  view.setUint32(at + 68, attributes.uid, true);
  view.setUint32(at + 72, attributes.gid, true);
  view.setUint32(at + 80, attributes.blockSize, true);
}

export function readAttributes(from: Uint8Array, at: number): Attributes {
  const view = viewOf(from);
  return {
    inode: getUint64(view, at),
    size: getUint64(view, at + 8),
    mtime: getUint64(view, at + 32),
    mode: view.getUint32(at + 60, true),
    links: view.getUint32(at + 64, true),
    uid: view.getUint32(at + 68, true),
    gid: view.getUint32(at + 72, true),
    blockSize: view.getUint32(at + 80, true),
  };
}

/** Body of a GETATTR reply. */
export function encodeAttributes(attributes: Attributes): Uint8Array {
  const bytes = new Uint8Array(ATTR_OUT);
  setUint64(viewOf(bytes), 0, VALIDITY);
  writeAttributes(bytes, 16, attributes);
  return bytes;
}

/** Body of a LOOKUP reply. Without attributes: no such name, and the kernel may remember that (node 0 with validity). */
export function encodeEntry(attributes?: Attributes): Uint8Array {
  const bytes = new Uint8Array(ENTRY_OUT);
  writeEntry(bytes, 0, attributes);
  return bytes;
}

function writeEntry(into: Uint8Array, at: number, attributes?: Attributes): void {
  const view = viewOf(into);
  setUint64(view, at + 16, VALIDITY);
  if (attributes === undefined) return;
  setUint64(view, at, attributes.inode);
  setUint64(view, at + 24, VALIDITY);
  writeAttributes(into, at + 40, attributes);
}

/** One line of a directory listing. */
export interface DirectoryLine {
  readonly name: Uint8Array;
  readonly inode: number;
  /** type bits of a mode, shifted down by 12 */
  readonly type: number;
  /** where the listing goes on after this line */
  readonly next: number;
  /** given in READDIRPLUS replies: `.` and `..` are listed without, and the kernel then learns nothing about them */
  readonly attributes?: Attributes;
}

/** Collects lines of a directory listing up to the size that the kernel asked for. */
export class DirectoryListing {
  readonly #bytes: Uint8Array;
  readonly #plus: boolean;
  #length = 0;

  constructor(size: number, plus: boolean) {
    this.#bytes = new Uint8Array(size);
    this.#plus = plus;
  }

  /** @returns false, and adds nothing, where the line does not fit any more */
  add(line: DirectoryLine): boolean {
    const start = this.#length;
    const dirent = start + (this.#plus ? ENTRY_OUT : 0);
    const end = (dirent + DIRENT + line.name.byteLength + 7) & ~7;
    if (end > this.#bytes.byteLength) return false;
    if (this.#plus && line.attributes !== undefined) writeEntry(this.#bytes, start, line.attributes);
    const view = viewOf(this.#bytes);
    setUint64(view, dirent, line.inode);
    setUint64(view, dirent + 8, line.next);
    view.setUint32(dirent + 16, line.name.byteLength, true);
    view.setUint32(dirent + 20, line.type, true);
    this.#bytes.set(line.name, dirent + DIRENT);
    this.#length = end;
    return true;
  }

  bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }
}

/** Body of an OPEN or OPENDIR reply: handle 0 and flags. */
export function encodeOpen(flags: number): Uint8Array {
  const bytes = new Uint8Array(OPEN_OUT);
  viewOf(bytes).setUint32(8, flags, true);
  return bytes;
}

/** Body of a STATFS reply: a full file system of `blocks` blocks. */
export function encodeStatfs(blocks: number, blockSize: number, files: number): Uint8Array {
  const bytes = new Uint8Array(STATFS_OUT);
  const view = viewOf(bytes);
  setUint64(view, 0, blocks);
  setUint64(view, 24, files);
  view.setUint32(40, blockSize, true);
  view.setUint32(44, 255, true);
  view.setUint32(48, blockSize, true);
  return bytes;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** A 64-bit number; above 2^53 it is inexact, which no id, size or offset of ours reaches. */
function getUint64(view: DataView, at: number): number {
  return view.getUint32(at + 4, true) * 2 ** 32 + view.getUint32(at, true);
}

function setUint64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value % 2 ** 32, true);
  view.setUint32(at + 4, Math.floor(value / 2 ** 32), true);
}
