import { CaiError } from "../../system/index.ts";
import type { FileEntry, IndexEntry, SymlinkEntry } from "../entry.ts";
import type { Access } from "./access.ts";
import { type Attributes, ROOT_NODE } from "./protocol.ts";

/** Type bits of a mode (stat(2)). */
const S_IFDIR = 0o040000;
const S_IFREG = 0o100000;
const S_IFLNK = 0o120000;

/** The first inode number of an entry: entry 0 has 2, because 1 is the root (model-format.md §5.3). */
const FIRST_INODE = 2;

/** A name in a directory. */
interface Child {
  readonly name: Uint8Array;
  readonly node: Node;
}

export interface DirectoryNode {
  readonly kind: "directory";
  readonly attributes: Attributes;
  readonly parent: number;
  /** in index order, which is the order of the names' bytes */
  readonly children: readonly Child[];
  /** by name, see `nameKey` */
  readonly byName: ReadonlyMap<string, Node>;
}

export interface FileNode {
  readonly kind: "file";
  readonly attributes: Attributes;
  readonly entry: FileEntry;
}

interface SymlinkNode {
  readonly kind: "symlink";
  readonly attributes: Attributes;
  readonly target: Uint8Array;
}

export type Node = DirectoryNode | FileNode | SymlinkNode;

/** The whole tree in memory: what answers every request but READ. */
export interface Tree {
  /** by inode number */
  readonly nodes: ReadonlyMap<number, Node>;
  /** plaintext bytes of all files, each inode counted once */
  readonly bytes: number;
}

/** A name as a map key: one character a byte, so that names which are no UTF-8 equal nothing but themselves. */
export function nameKey(name: Uint8Array): string {
  return Buffer.from(name.buffer, name.byteOffset, name.byteLength).toString("latin1");
}

interface GrowingDirectory extends DirectoryNode {
  readonly children: Child[];
  readonly byName: Map<string, Node>;
}

/**
 * Builds the tree of an index. Hard links share the inode of the entry whose bytes they share.
 *
 * @param blockSize  what stat(2) calls the preferred block size: the chunk
 * @throws CaiError `model.index-invalid` where an entry's folder does not come before it
 */
export function buildTree(entries: readonly IndexEntry[], access: Access, blockSize: number): Tree {
  const links = countLinks(entries);
  const nodes = new Map<number, Node>();
  const directories = new Map<string, GrowingDirectory>();
  const common = { uid: access.uid, gid: access.gid, blockSize };
  let bytes = 0;

  const directory = (inode: number, parent: number, path: string, mtime: number): GrowingDirectory => {
    const attributes = { ...common, inode, size: 0, mode: S_IFDIR | access.directory, links: 2, mtime };
    const node: GrowingDirectory = { kind: "directory", attributes, parent, children: [], byName: new Map() };
    directories.set(path, node);
    return node;
  };
  const file = (entry: FileEntry): FileNode => {
    const inode = entry.fileNo + FIRST_INODE;
    const shared = nodes.get(inode);
    if (shared?.kind === "file") return shared;
    bytes += entry.size;
    const mode = S_IFREG | (entry.executable ? access.executable : access.file);
    const attributes = { ...common, inode, size: entry.size, mode, links: links.get(entry.fileNo) ?? 1, mtime: entry.mtime ?? 0 };
    return { kind: "file", attributes, entry };
  };
  const symlink = (entry: SymlinkEntry, inode: number): SymlinkNode => {
    const target = Buffer.from(entry.target, "utf8");
    const attributes = { ...common, inode, size: target.byteLength, mode: S_IFLNK | 0o777, links: 1, mtime: entry.mtime ?? 0 };
    return { kind: "symlink", attributes, target };
  };

  nodes.set(ROOT_NODE, directory(ROOT_NODE, ROOT_NODE, "", 0));
  for (const [number, entry] of entries.entries()) {
    const slash = entry.path.lastIndexOf("/");
    const parent = directories.get(slash < 0 ? "" : entry.path.slice(0, slash));
    if (parent === undefined) {
      throw new CaiError("model.index-invalid", `the folder of ${JSON.stringify(entry.path)} is not in the index before it`);
    }
    const inode = number + FIRST_INODE;
    const node =
      entry.kind === "directory"
        ? directory(inode, parent.attributes.inode, entry.path, entry.mtime ?? 0)
        : entry.kind === "file"
          ? file(entry)
          : symlink(entry, inode);
    const name = Buffer.from(entry.path.slice(slash + 1), "utf8");
    parent.children.push({ name, node });
    parent.byName.set(nameKey(name), node);
    nodes.set(node.attributes.inode, node);
  }
  return { nodes, bytes };
}

function countLinks(entries: readonly IndexEntry[]): Map<number, number> {
  const links = new Map<number, number>();
  for (const entry of entries) {
    if (entry.kind === "file") links.set(entry.fileNo, (links.get(entry.fileNo) ?? 0) + 1);
  }
  return links;
}
