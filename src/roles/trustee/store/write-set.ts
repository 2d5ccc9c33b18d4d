import { among, remove, type Statements, upsert, type Value } from "./driver.ts";
import { type Head, type TableHead, writeHead } from "./head.ts";
import { type BucketRow, bucketDigest, type ResourceTree } from "./resource-tree.ts";
import { changedTable, type SmallChanges, type SmallRow, type SmallTable, writeSmallTable } from "./small-table.ts";
import type { SmallTableName } from "./tables.ts";

/** The small tables that change while a store is open. */
export type WritableTable = Exclude<SmallTableName, "store">;

/** Which rows a bucket has; `bucket` and its values follow. */
export const SELECT_BUCKET_ROWS = "SELECT key, version, bucket FROM resources";

/** What a transaction left behind. */
export interface Written {
  readonly known: { readonly content: string; readonly head: Head };
  readonly tables: ReadonlyMap<SmallTableName, SmallTable>;
  readonly tree: ResourceTree;
}

/** The authenticated rows of one transaction: as they were checked, with what its changes made of them so far; then written at once. */
export class WriteSet {
  /** the version that rows take which are written here */
  readonly version: number;
  readonly #head: Head;
  readonly #tables: Map<SmallTableName, SmallTable>;
  readonly #small = new Map<WritableTable, Map<string, SmallRow | undefined>>();
  readonly #paths: ReadonlyMap<string, number>;
  readonly #buckets: ReadonlyMap<number, Map<string, number>>;
  readonly #tree: ResourceTree;
  /** sealed values by path; undefined for those that are removed */
  readonly #sealed = new Map<string, Uint8Array | undefined>();
  /** how many resources there are more than before */
  #added = 0;

  /**
   * @param paths    the bucket of every path that may be looked for
   * @param buckets  the rows of those buckets
   * @param tree     it knows the groups of those buckets
   */
  constructor(
    head: Head,
    tables: ReadonlyMap<SmallTableName, SmallTable>,
    paths: ReadonlyMap<string, number>,
    buckets: ReadonlyMap<number, readonly BucketRow[]>,
    tree: ResourceTree,
  ) {
    this.version = head.version + 1;
    this.#head = head;
    this.#tables = new Map(tables);
    this.#paths = paths;
    this.#buckets = new Map(
      [...paths.values()].map((bucket) => [bucket, new Map((buckets.get(bucket) ?? []).map(({ key, version }) => [key, version]))]),
    );
    this.#tree = tree;
  }

  /** @returns the table with the changes so far */
  table(name: WritableTable): SmallTable {
    const changes = this.#small.get(name);
    const table = this.#tables.get(name)!;
    return changes === undefined ? table : changedTable(table, changes);
  }

  put(name: WritableTable, key: string, content: string | Uint8Array): void {
    this.#changes(name).set(key, { version: this.version, content });
  }

  /** @returns whether there was one */
  remove(name: WritableTable, key: string): boolean {
    const changes = this.#changes(name);
    const there = changes.has(key) ? changes.get(key) !== undefined : this.#tables.get(name)!.rows.has(key);
    if (there) changes.set(key, undefined);
    return there;
  }

  /** @returns whether there is a resource at the path */
  hasResource(path: string): boolean {
    return this.#bucket(path).has(path);
  }

  /** @returns the version of the resource at the path; undefined where there is none */
  resourceVersion(path: string): number | undefined {
    return this.#bucket(path).get(path);
  }

  putResource(path: string, sealed: Uint8Array): void {
    if (!this.hasResource(path)) this.#added++;
    this.#bucket(path).set(path, this.version);
    this.#sealed.set(path, sealed);
  }

  /** @returns whether there was one */
  removeResource(path: string): boolean {
    const there = this.#bucket(path).delete(path);
    if (there) {
      this.#added--;
      this.#sealed.set(path, undefined);
    }
    return there;
  }

  /**
   * Writes all changes, and the head.
   *
   * @param readBack  whether to look if that is what is there afterwards
   * @returns what is there now; undefined where nothing was changed
   */
  async write(statements: Statements, macKey: Uint8Array, readBack: boolean): Promise<Written | undefined> {
    const small = [...this.#small].filter(([, changes]) => changes.size > 0);
    if (small.length === 0 && this.#sealed.size === 0) return undefined;
    const heads: Record<SmallTableName, TableHead> = { ...this.#head.tables };
    for (const [name, changes] of small) {
      await writeSmallTable(statements, macKey, name, changes, readBack);
      const table = changedTable(this.#tables.get(name)!, changes as SmallChanges);
      this.#tables.set(name, table);
      heads[name] = table.head;
    }
    const { tree, rows } = await this.#writeResources(statements, readBack);
    const head = { ...this.#head, version: this.version, tables: heads, resources: { rows, digest: tree.digest } };
    return { known: { content: await writeHead(statements, macKey, head), head }, tables: this.#tables, tree };
  }

  async #writeResources(statements: Statements, readBack: boolean): Promise<{ tree: ResourceTree; rows: number }> {
    if (this.#sealed.size === 0) return { tree: this.#tree, rows: this.#head.resources.rows };
    const removed: string[] = [];
    const written: Value[][] = [];
    for (const [path, sealed] of this.#sealed) {
      if (sealed === undefined) removed.push(path);
      else written.push([path, this.version, sealed, this.#paths.get(path)!]);
    }
    const touched = new Set([...this.#sealed.keys()].map((path) => this.#paths.get(path)!));
    await remove(statements, "resources", "key", removed);
    await upsert(statements, "resources", ["key", "version", "sealed", "bucket"], written);
    const digests = new Map([...touched].map((bucket) => [bucket, bucketDigest(rowsOf(this.#buckets.get(bucket)!))]));
    const { tree, changed } = this.#tree.with(digests);
    await upsert(statements, "resource_nodes", ["node", "digests"], [...changed]);
    if (readBack) {
      const found = await among<BucketRow & { bucket: number }>(statements, SELECT_BUCKET_ROWS, "bucket", [...touched]);
      const there = Map.groupBy(found, ({ bucket }) => bucket);
      for (const bucket of touched) tree.check(bucket, there.get(bucket) ?? []);
    }
    return { tree, rows: this.#head.resources.rows + this.#added };
  }

  #changes(name: WritableTable): Map<string, SmallRow | undefined> {
    let changes = this.#small.get(name);
    if (changes === undefined) {
      changes = new Map();
      this.#small.set(name, changes);
    }
    return changes;
  }

  #bucket(path: string): Map<string, number> {
    return this.#buckets.get(this.#paths.get(path)!)!;
  }
}

function rowsOf(bucket: ReadonlyMap<string, number>): BucketRow[] {
  return [...bucket].map(([key, version]) => ({ key, version }));
}
