import { createHash, createHmac } from "node:crypto";
import { tampered } from "./seal.ts";

/**
 * The tree that authenticates the resources, which are too many to be read whole: the head has the digest of the top node, that node the
 * digests of all groups, a group's node those of its buckets, and a bucket's digest covers the key and version of every row in it. Reading
 * a path, or that there is nothing at it, takes one bucket and two nodes; a write changes as much.
 *
 * A path's bucket is a keyed digest of it, so that nobody who chooses paths can fill one bucket.
 */
const FANOUT = 128;
const DIGEST = 32;
const NODE_SIZE = FANOUT * DIGEST;

export const BUCKETS = FANOUT * FANOUT;
/** The number of the top node; those of the groups are 0 to 127. */
export const TOP = -1;

/** The digest of a bucket without rows, and of a node without any. */
const EMPTY = new Uint8Array(DIGEST);
const EMPTY_NODE = new Uint8Array(NODE_SIZE);

/** What a bucket knows of a row. */
export interface BucketRow {
  readonly key: string;
  readonly version: number;
}

/** @returns 0 to 16383 */
export function bucketOf(macKey: Uint8Array, path: string): number {
  return createHmac("sha256", macKey).update(`cai/bucket/v1\0${path}`).digest().readUInt16BE(0) % BUCKETS;
}

/** @returns the group that a bucket belongs to */
export function groupOf(bucket: number): number {
  return Math.floor(bucket / FANOUT);
}

/** @param rows  in any order */
export function bucketDigest(rows: Iterable<BucketRow>): Uint8Array {
  const sorted = [...rows].sort((a, b) => (a.key < b.key ? -1 : 1));
  if (sorted.length === 0) return EMPTY;
  const hash = createHash("sha256").update("cai/bucket/v1\0");
  for (const { key, version } of sorted) hash.update(`${key}\0${version}\0`);
  return hash.digest();
}

/** @returns lower-case hex */
function nodeDigest(node: Uint8Array): string {
  return Buffer.from(digestOf(node)).toString("hex");
}

function digestOf(node: Uint8Array): Uint8Array {
  if (Buffer.compare(node, EMPTY_NODE) === 0) return EMPTY;
  return createHash("sha256").update("cai/node/v1\0").update(node).digest();
}

/** Nodes that were checked, from the top down; those that nothing was ever in are not stored. */
export class ResourceTree {
  /** lower-case hex digest of the top node */
  readonly digest: string;
  readonly #nodes: ReadonlyMap<number, Uint8Array>;

  private constructor(nodes: ReadonlyMap<number, Uint8Array>, digest: string) {
    this.#nodes = nodes;
    this.digest = digest;
  }

  /** the tree over nothing */
  static readonly EMPTY = new ResourceTree(
    new Map(Array.from({ length: FANOUT + 1 }, (_, i) => [i + TOP, EMPTY_NODE] as const)),
    nodeDigest(EMPTY_NODE),
  );

  /**
   * Takes the nodes over that were read, and those of an earlier tree that still are what they should be.
   *
   * @param digest  the top's, from the head
   * @param found   nodes as they lie in the database
   * @param before  a tree that was checked before
   * @throws CaiError `store.record-tampered` where a node that was found is not what the tree above it says
   */
  static of(digest: string, found: ReadonlyMap<number, Uint8Array>, before: ResourceTree): ResourceTree {
    const top = before.digest === digest ? before.#nodes.get(TOP)! : (found.get(TOP) ?? EMPTY_NODE);
    if (top.length !== NODE_SIZE || nodeDigest(top) !== digest) throw tampered({ table: "resource_nodes" });
    const nodes = new Map([[TOP, top]]);
    for (const [group, node] of before.#nodes) {
      if (group !== TOP && Buffer.compare(part(before.#nodes.get(TOP)!, group), part(top, group)) === 0) nodes.set(group, node);
    }
    for (const [group, node] of found) {
      if (group === TOP) continue;
      if (node.length !== NODE_SIZE || Buffer.compare(digestOf(node), part(top, group)) !== 0) throw tampered({ table: "resource_nodes" });
      nodes.set(group, node);
    }
    for (let group = 0; group < FANOUT; group++) {
      if (!nodes.has(group) && Buffer.compare(part(top, group), EMPTY) === 0) nodes.set(group, EMPTY_NODE);
    }
    return new ResourceTree(nodes, digest);
  }

  /** @returns whether the group's node is known; without it nothing can be said of its buckets */
  knows(group: number): boolean {
    return this.#nodes.has(group);
  }

  /** @throws CaiError `store.record-tampered` where these are not the rows of that bucket */
  check(bucket: number, rows: readonly BucketRow[]): void {
    const node = this.#nodes.get(groupOf(bucket));
    // No path has this character, and one row whose key has it could read like two others.
    if (rows.some(({ key }) => key.includes("\0"))) throw tampered({ table: "resources" });
    if (node === undefined || Buffer.compare(bucketDigest(rows), part(node, bucket % FANOUT)) !== 0) throw tampered({ table: "resources" });
  }

  /**
   * @param buckets  the new digests; the nodes of their groups are known
   * @returns the tree after the change, and the nodes that are to be written
   */
  with(buckets: ReadonlyMap<number, Uint8Array>): { readonly tree: ResourceTree; readonly changed: ReadonlyMap<number, Uint8Array> } {
    const changed = new Map<number, Uint8Array>();
    for (const [bucket, digest] of buckets) {
      const group = groupOf(bucket);
      const node = changed.get(group) ?? Uint8Array.from(this.#nodes.get(group)!);
      node.set(digest, (bucket % FANOUT) * DIGEST);
      changed.set(group, node);
    }
    const top = Uint8Array.from(this.#nodes.get(TOP)!);
    for (const [group, node] of changed) top.set(digestOf(node), group * DIGEST);
    changed.set(TOP, top);
    return { tree: new ResourceTree(new Map([...this.#nodes, ...changed]), nodeDigest(top)), changed };
  }
}

function part(node: Uint8Array, index: number): Uint8Array {
  return node.subarray(index * DIGEST, (index + 1) * DIGEST);
}
