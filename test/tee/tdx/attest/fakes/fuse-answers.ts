import {
  type Attributes,
  DirectoryListing,
  decodeHeader,
  decodeName,
  decodeRead,
  encodeAttributes,
  encodeEntry,
  encodeReplyHeader,
  encodeStatfs,
  IN_HEADER,
  Opcode,
  ROOT_NODE,
} from "../../../../../src/model/fuse/protocol.ts";
import { Errno } from "../../../../../src/system/index.ts";
import { type Handle, KernelError, type KernelFolder, type KernelNode } from "./kernel-tree.ts";

const IOCTL = 39;
/** Every read and write goes to the server, whatever the size of the file seems to be. */
const FOPEN_DIRECT_IO = 1;
const O_ACCMODE = 3;
const SILENT: readonly number[] = [Opcode.forget, Opcode.batchForget];

/** Answers the kernel's FUSE requests out of a tree of fake interfaces that entries can be made in. */
export class FuseAnswers {
  readonly #nodes = new Map<number, KernelNode>();
  readonly #ids = new Map<KernelNode, number>();
  readonly #handles = new Map<bigint, Handle>();
  #nextHandle = 1n;

  constructor(root: KernelFolder) {
    this.#nodes.set(ROOT_NODE, root);
    this.#ids.set(root, ROOT_NODE);
  }

  /** @returns the whole reply; undefined where the request takes none */
  answer(request: Uint8Array): Uint8Array | undefined {
    const header = decodeHeader(request);
    if (header === undefined || SILENT.includes(header.opcode)) return undefined;
    try {
      const body = this.#body(header.opcode, header.node, request.subarray(IN_HEADER));
      return Buffer.concat([encodeReplyHeader(header.unique, 0, body.length), body]);
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      return encodeReplyHeader(header.unique, error.errno, 0);
    }
  }

  #body(opcode: number, id: number, body: Uint8Array): Uint8Array {
    const node = this.#nodes.get(id);
    if (node === undefined) throw new KernelError("ENOENT");
    const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
    switch (opcode) {
      case Opcode.lookup: {
        const child = folderOf(node).children.get(nameIn(body));
        // Without a validity that the kernel may remember: an attribute of that name can come any time.
        if (child === undefined) throw new KernelError("ENOENT");
        return encodeEntry(this.#attributes(child));
      }
      case Opcode.getattr:
        return encodeAttributes(this.#attributes(node));
      case Opcode.mkdir:
        return this.#mkdir(folderOf(node), nameIn(body.subarray(8)));
      case Opcode.rmdir:
        return this.#rmdir(folderOf(node), nameIn(body));
      case Opcode.open:
        return this.#open(node, view.getUint32(0, true));
      case Opcode.opendir:
        return openReply(0n, 0);
      case Opcode.readdir:
      case Opcode.readdirplus:
        return this.#list(folderOf(node), body, opcode === Opcode.readdirplus);
      case Opcode.read: {
        const { offset, size } = decodeRead(body) ?? { offset: 0, size: 0 };
        return this.#handle(view).read?.(offset, size) ?? invalid();
      }
      case Opcode.write: {
        const taken = this.#handle(view).write?.(Number(view.getBigUint64(8, true)), body.slice(40)) ?? invalid();
        const reply = new Uint8Array(8);
        new DataView(reply.buffer).setUint32(0, taken, true);
        return reply;
      }
      case IOCTL:
        return this.#ioctl(view, body);
      case Opcode.flush:
        this.#handle(view).close?.();
        return new Uint8Array();
      case Opcode.release:
        this.#handles.delete(view.getBigUint64(0, true));
        return new Uint8Array();
      case Opcode.releasedir:
        return new Uint8Array();
      case Opcode.statfs:
        return encodeStatfs(0, 4096, this.#nodes.size);
      case Opcode.unlink:
      case Opcode.rename:
      case Opcode.rename2:
      case Opcode.create:
      case Opcode.mknod:
      case Opcode.setattr:
        throw new KernelError("EPERM");
      default:
        throw new KernelError("ENOSYS");
    }
  }

  #mkdir(parent: KernelFolder, name: string): Uint8Array {
    if (parent.mkdir === undefined) throw new KernelError("EPERM");
    const made = parent.mkdir(name);
    parent.children.set(name, made);
    return encodeEntry(this.#attributes(made));
  }

  #rmdir(parent: KernelFolder, name: string): Uint8Array {
    if (!parent.children.has(name)) throw new KernelError("ENOENT");
    if (parent.rmdir === undefined) throw new KernelError("EPERM");
    parent.rmdir(name);
    parent.children.delete(name);
    return new Uint8Array();
  }

  #open(node: KernelNode, flags: number): Uint8Array {
    if (node.kind === "folder") throw new KernelError("EISDIR");
    const access = flags & O_ACCMODE;
    const handle = this.#nextHandle++;
    this.#handles.set(handle, node.open({ read: access !== 1, write: access !== 0 }));
    return openReply(handle, FOPEN_DIRECT_IO);
  }

  /** `fh u64, flags u32, cmd u32, arg u64, in size u32, out size u32`, then what the caller gave. */
  #ioctl(view: DataView, body: Uint8Array): Uint8Array {
    const answer = this.#handle(view).ioctl?.(view.getUint32(12, true), body.slice(32), view.getUint32(28, true));
    if (answer === undefined) throw new KernelError("ENOTTY");
    return Buffer.concat([new Uint8Array(16), answer]);
  }

  #list(node: KernelFolder, body: Uint8Array, plus: boolean): Uint8Array {
    const { offset, size } = decodeRead(body) ?? { offset: 0, size: 0 };
    const listing = new DirectoryListing(size, plus);
    for (const [index, [name, child]] of [...node.children].entries()) {
      if (index < offset) continue;
      const attributes = this.#attributes(child);
      const line = {
        name: new TextEncoder().encode(name),
        inode: attributes.inode,
        type: attributes.mode >> 12,
        next: index + 1,
        attributes,
      };
      if (!listing.add(line)) break;
    }
    return listing.bytes();
  }

  #handle(view: DataView): Handle {
    const handle = this.#handles.get(view.getBigUint64(0, true));
    if (handle === undefined) throw new KernelError("EBADF");
    return handle;
  }

  #attributes(node: KernelNode): Attributes {
    let inode = this.#ids.get(node);
    if (inode === undefined) {
      inode = this.#nodes.size + 1;
      this.#ids.set(node, inode);
      this.#nodes.set(inode, node);
    }
    const isFolder = node.kind === "folder";
    const common = { inode, uid: 0, gid: 0, mtime: 0, blockSize: 4096 };
    return { ...common, mode: (isFolder ? 0o040000 : 0o100000) | node.mode, size: isFolder ? 0 : node.size, links: isFolder ? 2 : 1 };
  }
}

function folderOf(node: KernelNode): KernelFolder {
  if (node.kind !== "folder") throw new KernelError("ENOTDIR");
  return node;
}

function nameIn(body: Uint8Array): string {
  const name = decodeName(body);
  if (name === undefined) throw new KernelError("EINVAL");
  return new TextDecoder().decode(name);
}

function openReply(handle: bigint, flags: number): Uint8Array {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, handle, true);
  view.setUint32(8, flags, true);
  return bytes;
}

function invalid(): never {
  throw new KernelError("EINVAL");
}

/** True where reading requests can go on after this error. */
export const passes = (errno: number): boolean => errno === Errno.EINTR || errno === Errno.EAGAIN || errno === Errno.ENOENT;
