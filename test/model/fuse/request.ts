import { DIRENT, ENTRY_OUT, IN_HEADER } from "../../../src/model/fuse/protocol.ts";

/** A request as the kernel sends it. */
export function request(
  opcode: number,
  node: number,
  body: Uint8Array = new Uint8Array(),
  unique: readonly [number, number] = [1, 0],
): Uint8Array {
  const bytes = new Uint8Array(IN_HEADER + body.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length, true);
  view.setUint32(4, opcode, true);
  view.setUint32(8, unique[0], true);
  view.setUint32(12, unique[1], true);
  view.setBigUint64(16, BigInt(node), true);
  bytes.set(body, IN_HEADER);
  return bytes;
}

/** The body of READ, READDIR and READDIRPLUS. */
export function range(offset: number, size: number): Uint8Array {
  const body = new Uint8Array(40);
  const view = new DataView(body.buffer);
  view.setBigUint64(8, BigInt(offset), true);
  view.setUint32(16, size, true);
  return body;
}

export interface ListedLine {
  readonly name: Buffer;
  readonly inode: number;
  readonly next: number;
  readonly type: number;
  /** the node that READDIRPLUS tells the kernel of, 0 for none */
  readonly entryNode: number;
}

/** Reads a listing as the kernel does. */
export function listed(bytes: Uint8Array, plus: boolean): ListedLine[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const lines: ListedLine[] = [];
  for (let at = 0; at < bytes.length; ) {
    const dirent = at + (plus ? ENTRY_OUT : 0);
    const length = view.getUint32(dirent + 16, true);
    lines.push({
      name: Buffer.from(bytes.slice(dirent + DIRENT, dirent + DIRENT + length)),
      inode: Number(view.getBigUint64(dirent, true)),
      next: Number(view.getBigUint64(dirent + 8, true)),
      type: view.getUint32(dirent + 20, true),
      entryNode: plus ? Number(view.getBigUint64(at, true)) : 0,
    });
    at = Math.ceil((dirent + DIRENT + length) / 8) * 8;
  }
  return lines;
}
