import { Batcher, type Outcome } from "./batcher.ts";
import { among, type Driver, type Statements } from "./driver.ts";
import { type Head, type HeadRow, parseHead, SELECT_HEAD, sameTableHead } from "./head.ts";
import { BUCKETS, type BucketRow, bucketOf, groupOf, ResourceTree, TOP } from "./resource-tree.ts";
import { tampered } from "./seal.ts";
import { loadSmallTable, type SmallTable } from "./small-table.ts";
import { SMALL_TABLES, type SmallTableName } from "./tables.ts";
import { SELECT_BUCKET_ROWS, WriteSet } from "./write-set.ts";

/** How many changes share a transaction at most. */
const MAX_BATCH = 128;

/** About how many rows one statement of a scan reads. */
const SCAN_ROWS = 1024;

/** A sealed resource as it lies in its row. */
export interface SealedResource {
  readonly version: number;
  readonly sealed: Uint8Array;
}

/** One change of authenticated rows, done together with others. */
export interface Change<T> {
  /** the small tables that it reads or changes */
  readonly tables: readonly SmallTableName[];
  /** the resources that it looks for or changes */
  readonly paths: readonly string[];
  /** Does it, or throws before it has changed anything. It may be called again. */
  run(rows: WriteSet): T;
}

/** The head that was seen last. */
interface Known {
  readonly content: string;
  readonly head: Head;
}

/**
 * Believes rows only where the head of the same state of the database vouches for them (security.md I25), and writes the head anew with
 * every change. The highest version of a head is remembered, so that a whole older state, put back while the trustee runs, is found like
 * a part of one.
 *
 * Small tables are kept as they were checked. Where the database tells that nobody else wrote (SQLite), what is kept is valid without a
 * look; as soon as somebody did, everything small is read and checked again, and the declarations with it. Elsewhere (PostgreSQL) each
 * call reads the head first, and what is kept is valid as long as the head describes it.
 */
export class Ledger {
  readonly #driver: Driver;
  readonly #macKey: Uint8Array;
  readonly #changes: Batcher<Change<unknown>, unknown>;
  readonly #looks: Batcher<void, void>;
  #known: Known | undefined;
  readonly #tables = new Map<SmallTableName, SmallTable>();
  #tree = ResourceTree.EMPTY;
  #seen: number | undefined = Number.NaN;
  #revision = 0;

  constructor(driver: Driver, macKey: Uint8Array) {
    this.#driver = driver;
    this.#macKey = macKey;
    this.#changes = new Batcher(
      (changes) => this.#write(changes),
      MAX_BATCH,
      () => driver.settled(),
    );
    // Whoever asks while the head is being read waits for the next reading: this one may have begun before what they must see.
    this.#looks = new Batcher(async (callers) => {
      const floor = this.#floor;
      this.#accept((await driver.all<HeadRow>(SELECT_HEAD))[0], floor);
      return callers.map((): Outcome<void> => ({ value: undefined }));
    }, Number.MAX_SAFE_INTEGER);
  }

  /** Grows whenever a small table changed. */
  get revision(): number {
    return this.#revision;
  }

  /** Checks the declarations, the head, every small table and the top of the tree: all that is needed before anything is believed. */
  async open(): Promise<void> {
    await this.#driver.read((statements) => this.#refresh(statements));
  }

  /** @throws CaiError `store.record-tampered` where somebody else wrote what the head does not vouch for; again at each call until it is mended */
  async check(): Promise<void> {
    const at = this.#driver.othersWrote();
    if (at === undefined) await this.#looks.add();
    else if (at !== this.#seen) await this.#driver.read((statements) => this.#refresh(statements));
  }

  /** @returns the table as it stands now; the same object until something in it changes */
  async table(name: SmallTableName): Promise<SmallTable> {
    await this.check();
    const kept = this.#tables.get(name);
    if (kept !== undefined) return kept;
    return this.#driver.read(async (statements) => {
      const head = await this.#head(statements);
      const table = await loadSmallTable(statements, this.#macKey, name, head.tables[name]);
      if (this.#known?.head === head) this.#tables.set(name, table);
      return table;
    });
  }

  /** @returns what is sealed at a path, or undefined where nothing is */
  async resource(path: string): Promise<SealedResource | undefined> {
    if (this.#driver.othersWrote() !== undefined) await this.check();
    const bucket = bucketOf(this.#macKey, path);
    const floor = this.#floor;
    // One statement sees one state.
    const found = await this.#driver.all<LookupRow>(LOOKUP, [path, bucket]);
    const head = this.#accept(headOf(found), floor);
    if (this.#tree.digest === head.resources.digest && this.#tree.knows(groupOf(bucket))) return pick(this.#tree, bucket, path, found);
    return this.#driver.read(async (statements) => {
      const tree = await this.#treeFor(statements, await this.#head(statements), [groupOf(bucket)]);
      return pick(tree, bucket, path, await statements.all<LookupRow>(LOOKUP, [path, bucket]));
    });
  }

  /** Does a change, with others that wait at the same time, and returns when it is on the disk. */
  async change<T>(change: Change<T>): Promise<T> {
    return (await this.#changes.add(change)) as T;
  }

  /** To be called in a transaction that writes rows which the head does not cover: the declarations decide what becomes of those, too. */
  async guard(statements: Statements): Promise<void> {
    const at = this.#driver.othersWrote();
    if (at !== undefined && at !== this.#seen) await this.#refresh(statements);
  }

  /** Does a change in a transaction of the caller, which makes the store, and checks nothing but the rows that it reads. */
  async changeIn<T>(statements: Statements, change: Change<T>): Promise<void> {
    const { outcomes } = await this.#writeIn(statements, [change]);
    for (const outcome of outcomes) if ("error" in outcome) throw outcome.error;
  }

  /**
   * Checks everything that the head vouches for, in one state.
   *
   * @param lock  what the head is selected with, where it is to be written in the same transaction
   * @returns the head
   * @throws CaiError `store.record-tampered`
   */
  async verify(statements: Statements, lock = ""): Promise<Head> {
    await this.#driver.checkSchema(statements, true);
    const head = await this.#head(statements, lock);
    for (const name of SMALL_TABLES) await loadSmallTable(statements, this.#macKey, name, head.tables[name]);
    let rows = 0;
    for await (const part of this.scan(statements)) rows += part.length;
    if (rows !== head.resources.rows) throw tampered({ table: "resources" });
    return head;
  }

  /**
   * Goes through all resources of one state, in no particular order.
   *
   * @param columns  what is wanted besides key and version, after a comma
   * @throws CaiError `store.record-tampered`
   */
  async *scan<R extends BucketRow>(snapshot: Statements, columns = ""): AsyncGenerator<readonly R[]> {
    const head = await this.#head(snapshot);
    const groups = Array.from({ length: groupOf(BUCKETS) }, (_, group) => group);
    const tree = await this.#treeFor(snapshot, head, groups);
    const step = Math.max(1, Math.min(BUCKETS, Math.ceil((BUCKETS * SCAN_ROWS) / Math.max(1, head.resources.rows))));
    const sql = `SELECT key, version, bucket${columns} FROM resources WHERE bucket >= $1 AND bucket < $2`;
    for (let from = 0; from < BUCKETS; from += step) {
      const rows = await snapshot.all<R & { bucket: number }>(sql, [from, from + step]);
      const byBucket = Map.groupBy(rows, ({ bucket }) => bucket);
      for (let bucket = from; bucket < Math.min(BUCKETS, from + step); bucket++) tree.check(bucket, byBucket.get(bucket) ?? []);
      yield rows;
    }
  }

  /** Waits until what was asked for is done. */
  async idle(): Promise<void> {
    await this.#changes.idle();
    await this.#looks.idle();
  }

  /** the lowest version that a head may have which is read from now on */
  get #floor(): number {
    return this.#known?.head.version ?? 0;
  }

  async #head(statements: Statements, lock = ""): Promise<Head> {
    const floor = this.#floor;
    return this.#accept((await statements.all<HeadRow>(`${SELECT_HEAD}${lock}`))[0], floor);
  }

  /** Checks a head that was read, and forgets the tables that it describes otherwise than the one before. */
  #accept(row: HeadRow | undefined, floor: number): Head {
    const known = this.#known;
    if (known !== undefined && row?.content === known.content) return known.head;
    const head = parseHead(this.#macKey, row);
    if (head.version < floor || head.version === known?.head.version) throw tampered({ table: "head" });
    if (known === undefined || head.version > known.head.version) this.#adopt({ content: row!.content, head });
    return head;
  }

  #adopt(known: Known, tables: ReadonlyMap<SmallTableName, SmallTable> = new Map()): void {
    this.#known = known;
    for (const [name, table] of tables) this.#tables.set(name, table);
    for (const name of SMALL_TABLES) {
      const kept = this.#tables.get(name);
      if (kept !== undefined && !sameTableHead(kept.head, known.head.tables[name])) this.#tables.delete(name);
    }
    this.#revision++;
  }

  async #refresh(statements: Statements): Promise<void> {
    const at = this.#driver.othersWrote();
    this.#seen = Number.NaN;
    this.#revision++;
    await this.#driver.checkSchema(statements, true);
    const head = await this.#head(statements);
    for (const name of SMALL_TABLES) {
      const table = await loadSmallTable(statements, this.#macKey, name, head.tables[name]);
      if (this.#known?.head === head) this.#tables.set(name, table);
    }
    this.#tree = ResourceTree.of(head.resources.digest, await nodesOf(statements, [TOP]), ResourceTree.EMPTY);
    this.#seen = at;
  }

  /** @returns the tree that the head names, with the nodes of these groups; to be called in the state of that head */
  async #treeFor(statements: Statements, head: Head, groups: readonly number[]): Promise<ResourceTree> {
    const before = this.#tree;
    const missing = groups.filter((group) => !before.knows(group));
    if (before.digest === head.resources.digest && missing.length === 0) return before;
    // Where the top is another one, any group may be, too: those that are not are known by their digests.
    const wanted = before.digest === head.resources.digest ? missing : [TOP, ...groups];
    const tree = ResourceTree.of(head.resources.digest, await nodesOf(statements, wanted), before);
    this.#tree = tree;
    return tree;
  }

  async #write(changes: readonly Change<unknown>[]): Promise<readonly Outcome<unknown>[]> {
    try {
      const { outcomes, done } = await this.#driver.write((statements) => this.#writeIn(statements, changes));
      // On a server, somebody else's change may have been seen already that came after this one.
      if (done !== undefined && done.known.head.version >= this.#floor) {
        this.#tree = done.tree;
        this.#adopt(done.known, done.tables);
      }
      return outcomes;
    } catch (error) {
      // Whether it was done is not known.
      this.#seen = Number.NaN;
      throw error;
    }
  }

  async #writeIn(statements: Statements, changes: readonly Change<unknown>[]) {
    await this.guard(statements);
    await this.#driver.checkSchema(statements, false);
    const head = await this.#head(statements, this.#driver.forUpdate);
    const tables = new Map<SmallTableName, SmallTable>();
    for (const name of new Set(changes.flatMap((change) => change.tables))) {
      const kept = this.#tables.get(name);
      const usable = kept !== undefined && sameTableHead(kept.head, head.tables[name]);
      tables.set(name, usable ? kept : await loadSmallTable(statements, this.#macKey, name, head.tables[name]));
    }
    const paths = new Map(changes.flatMap((change) => change.paths).map((path) => [path, bucketOf(this.#macKey, path)] as const));
    const buckets = [...new Set(paths.values())];
    const tree = await this.#treeFor(statements, head, [...new Set(buckets.map(groupOf))]);
    const rows = await among<BucketRow & { bucket: number }>(statements, SELECT_BUCKET_ROWS, "bucket", buckets);
    const byBucket = Map.groupBy(rows, ({ bucket }) => bucket);
    for (const bucket of buckets) tree.check(bucket, byBucket.get(bucket) ?? []);

    const set = new WriteSet(head, tables, paths, byBucket, tree);
    const outcomes = changes.map((change): Outcome<unknown> => {
      try {
        return { value: change.run(set) };
      } catch (error) {
        return { error };
      }
    });
    return { outcomes, done: await set.write(statements, this.#macKey, this.#driver.readsBack) };
  }
}

/** The head, and the rows of one bucket, with what is sealed at one path of it. */
const LOOKUP = `SELECT 1 AS head, content, mac, CAST(NULL AS TEXT) AS key, CAST(NULL AS BIGINT) AS version, CAST(NULL AS BYTEA) AS sealed FROM head WHERE one = 1
  UNION ALL SELECT 0, NULL, NULL, key, version, CASE WHEN key = $1 THEN sealed END FROM resources WHERE bucket = $2`;

interface LookupRow {
  readonly head: number;
  readonly content: string | null;
  readonly mac: Uint8Array | null;
  readonly key: string | null;
  readonly version: number | null;
  readonly sealed: Uint8Array | null;
}

function headOf(rows: readonly LookupRow[]): HeadRow | undefined {
  return rows.find(({ head }) => head === 1) as HeadRow | undefined;
}

function pick(tree: ResourceTree, bucket: number, path: string, found: readonly LookupRow[]): SealedResource | undefined {
  const rows = found.filter(({ head }) => head === 0) as (BucketRow & { sealed: Uint8Array | null })[];
  tree.check(bucket, rows);
  const row = rows.find(({ key }) => key === path);
  return row === undefined ? undefined : { version: row.version, sealed: row.sealed! };
}

async function nodesOf(statements: Statements, nodes: readonly number[]): Promise<Map<number, Uint8Array>> {
  const rows = await among<{ node: number; digests: Uint8Array }>(statements, "SELECT node, digests FROM resource_nodes", "node", nodes);
  return new Map(rows.map(({ node, digests }) => [node, digests]));
}
