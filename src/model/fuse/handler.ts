import { Errno } from "../../system/index.ts";
import { MAX_READ } from "./init.ts";
import {
  DirectoryListing,
  decodeHeader,
  decodeName,
  decodeRead,
  encodeAttributes,
  encodeEntry,
  encodeOpen,
  encodeReplyHeader,
  encodeStatfs,
  FOPEN_CACHE_DIR,
  FOPEN_KEEP_CACHE,
  IN_HEADER,
  Opcode,
  type RequestHeader,
} from "./protocol.ts";
import { type DirectoryNode, type FileNode, type Node, nameKey, type Tree } from "./tree.ts";

/**
 * Gives plaintext bytes of a file, exactly `length` of them, in any number of pieces; undefined where one of them cannot be read or
 * is not authentic. `offset + length` never lies beyond the file's end.
 */
export type ReadFile = (file: FileNode, offset: number, length: number) => readonly Uint8Array[] | undefined;

/** What server and kernel agreed on, as far as it changes answers. */
export interface HandlerOptions {
  readonly noOpen: boolean;
  readonly noOpendir: boolean;
  /** bytes a block, for statfs(2) */
  readonly blockSize: number;
}

/** An answer: an errno, or the pieces of its body. */
type Answer = number | readonly Uint8Array[];

const NOTHING: readonly Uint8Array[] = [];

const WRITES: ReadonlySet<number> = new Set([
  Opcode.setattr,
  Opcode.symlink,
  Opcode.mknod,
  Opcode.mkdir,
  Opcode.unlink,
  Opcode.rmdir,
  Opcode.rename,
  Opcode.link,
  Opcode.write,
  Opcode.setxattr,
  Opcode.removexattr,
  Opcode.create,
  Opcode.fallocate,
  Opcode.rename2,
  Opcode.tmpfile,
]);

/**
 * Answers one request of the kernel (model-format.md §5.3).
 *
 * @param request  exactly the bytes that one read(2) of the device gave
 * @returns the pieces of the reply, to be written with one writev(2); undefined where the request takes none
 */
export function handleRequest(request: Uint8Array, tree: Tree, read: ReadFile, options: HandlerOptions): readonly Uint8Array[] | undefined {
  const header = decodeHeader(request);
  // Bytes without a whole header name no request that could be answered. The kernel never sends such.
  if (header === undefined) return undefined;
  if (header.opcode === Opcode.forget || header.opcode === Opcode.batchForget) return undefined;
  const answer = answerTo(header, request.subarray(IN_HEADER), tree, read, options);
  if (typeof answer === "number") return [encodeReplyHeader(header.unique, answer, 0)];
  const length = answer.reduce((sum, piece) => sum + piece.byteLength, 0);
  return [encodeReplyHeader(header.unique, 0, length), ...answer];
}

function answerTo({ opcode, node: id }: RequestHeader, body: Uint8Array, tree: Tree, read: ReadFile, options: HandlerOptions): Answer {
  if (WRITES.has(opcode)) return Errno.EROFS;
  const node = tree.nodes.get(id);
  switch (opcode) {
    case Opcode.read:
      return node === undefined ? Errno.ENOENT : answerRead(node, body, read);
    case Opcode.lookup:
      return node === undefined ? Errno.ENOENT : answerLookup(node, body);
    case Opcode.getattr:
      return node === undefined ? Errno.ENOENT : [encodeAttributes(node.attributes)];
    case Opcode.readlink:
      return node?.kind === "symlink" ? [node.target] : Errno.EINVAL;
    case Opcode.readdir:
    case Opcode.readdirplus:
      return node?.kind === "directory" ? answerListing(node, body, opcode === Opcode.readdirplus) : Errno.ENOTDIR;
    // ENOSYS here means: open without asking from now on, and keep cached pages.
    case Opcode.open:
      return options.noOpen ? Errno.ENOSYS : [encodeOpen(FOPEN_KEEP_CACHE)];
    case Opcode.opendir:
      return options.noOpendir ? Errno.ENOSYS : [encodeOpen(FOPEN_KEEP_CACHE | FOPEN_CACHE_DIR)];
    case Opcode.statfs:
      return [encodeStatfs(Math.ceil(tree.bytes / options.blockSize), options.blockSize, tree.nodes.size)];
    case Opcode.access:
    case Opcode.flush:
    case Opcode.release:
    case Opcode.releasedir:
    case Opcode.destroy:
      return NOTHING;
    // Extended attributes, seeking for holes, locks, interrupts and whatever comes later: the kernel does without and stops asking.
    default:
      return Errno.ENOSYS;
  }
}

function answerRead(node: Node, body: Uint8Array, read: ReadFile): Answer {
  if (node.kind !== "file") return node.kind === "directory" ? Errno.EISDIR : Errno.EINVAL;
  const range = decodeRead(body);
  if (range === undefined) return Errno.EINVAL;
  // A reply shorter than asked means the end of the file to the kernel, so it is given there and nowhere else.
  const length = Math.min(range.size, node.entry.size - range.offset);
  if (length <= 0) return NOTHING;
  return read(node, range.offset, length) ?? Errno.EIO;
}

function answerLookup(node: Node, body: Uint8Array): Answer {
  if (node.kind !== "directory") return Errno.ENOTDIR;
  const name = decodeName(body);
  if (name === undefined) return Errno.EINVAL;
  return [encodeEntry(node.byName.get(nameKey(name))?.attributes)];
}

const DOT = Uint8Array.of(0x2e);
const DOT_DOT = Uint8Array.of(0x2e, 0x2e);

function answerListing(node: DirectoryNode, body: Uint8Array, plus: boolean): Answer {
  const range = decodeRead(body);
  if (range === undefined) return Errno.EINVAL;
  const listing = new DirectoryListing(Math.min(range.size, MAX_READ), plus);
  const type = node.attributes.mode >> 12;
  const dots = [
    { name: DOT, inode: node.attributes.inode, type, next: 1 },
    { name: DOT_DOT, inode: node.parent, type, next: 2 },
  ];
  for (let at = range.offset; at < dots.length + node.children.length; at++) {
    const dot = dots[at];
    const child = node.children[at - dots.length];
    const line =
      dot ??
      (child && {
        name: child.name,
        inode: child.node.attributes.inode,
        type: child.node.attributes.mode >> 12,
        next: at + 1,
        attributes: child.node.attributes,
      });
    if (line === undefined || !listing.add(line)) break;
  }
  return [listing.bytes()];
}
