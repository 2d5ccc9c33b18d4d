import { Database } from "bun:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { createHash, createHmac } from "node:crypto";
import { readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openCore } from "../../../../src/roles/trustee/store/core.ts";
import { lockData, masterKeyPath } from "../../../../src/roles/trustee/store/index.ts";
import { SqliteDriver } from "../../../../src/roles/trustee/store/sqlite-driver.ts";
import { declareSchema, oldSchema } from "../../../../src/roles/trustee/store/sqlite-schema.ts";
import { idOf } from "../scratch.ts";
import { kinds, type TestStore, testStore } from "./databases.ts";

const TAMPERED = "store.record-tampered";
const NOW = 1_800_000_000;
const FILES = ["trustee.db", "trustee.db-wal", "trustee.db-shm"];
const bytes = (text: string) => new TextEncoder().encode(text);
const text = (value: Uint8Array | undefined) => (value === undefined ? undefined : new TextDecoder().decode(value));
let world: TestStore;

beforeEach(async () => {
  world = await testStore(kinds[0]!);
});
afterEach(() => world.end());

const opened = () => idOf(async () => (await world.open()).close());

describe("a store in a file", () => {
  test("grows its epoch at each start that serves, and only then, also where the clock went back", async () => {
    const epochs: number[] = [];
    for (const from of [undefined, NOW, undefined, NOW, NOW - 10, NOW + 10]) {
      const store = await world.open(from);
      epochs.push(store.epoch);
      await store.close();
    }
    expect(epochs).toEqual([0, NOW, NOW, NOW + 1, NOW + 2, NOW + 10]);
  });

  test("keeps its files from other users", async () => {
    const { dataDir } = world;
    expect(statSync(dataDir).mode & 0o777).toBe(0o700);
    for (const file of ["trustee.db", "trustee.lock", "admin.key"]) expect(statSync(join(dataDir, file)).mode & 0o777).toBe(0o600);
    expect(statSync(masterKeyPath(dataDir)).mode & 0o777).toBe(0o600);
  });

  test("writes no secret and no session id in the clear, whatever file one looks at", async () => {
    const canary = "canary-7f3a9c51-in-a-resource";
    const id = "0123456789abcdef0123456789abcdef";
    await world.with(async (store) => {
      await store.resources.putAll([{ path: "a/b/canary", value: bytes(canary) }], false);
      const session = { body: bytes("h"), token: "t", expires: NOW, tagged: true, version: "0.4.0", tee: "tdx", hash: "sha384" };
      await store.sessions.put(id, session);
      for (const file of FILES)
        for (const secret of [canary, id]) expect(readFileSync(join(world.dataDir, file)).includes(secret)).toBe(false);
      expect(text(await store.resources.get("a/b/canary"))).toBe(canary);
    });
    expect(readFileSync(join(world.dataDir, "trustee.db")).includes(canary)).toBe(false);
  });

  test("is refused where a newer version wrote it", async () => {
    await world.edit("PRAGMA user_version = 99");
    expect(await opened()).toBe("store.schema-unknown");
  });

  test("is refused where the file is no database", async () => {
    for (const file of FILES) rmSync(join(world.dataDir, file), { force: true });
    writeFileSync(join(world.dataDir, "trustee.db"), "no database".repeat(1000));
    expect(await opened()).toBe("store.unreadable");
  });

  test("is missed where there is nothing in the file", async () => {
    for (const file of FILES) rmSync(join(world.dataDir, file), { force: true });
    writeFileSync(join(world.dataDir, "trustee.db"), "");
    expect(await opened()).toBe("store.missing");
  });

  test("acknowledges nothing after its log could not be written to the disk, until it is opened again", async () => {
    let syncs = 0;
    const driver = new SqliteDriver(join(world.dataDir, "trustee.db"), async () => {
      if (++syncs === 2) throw new Error("EIO");
    });
    const store = await openCore(driver, world.keys);
    const put = (path: string) => idOf(() => store.resources.putAll([{ path, value: bytes("one") }], false));
    expect([await put("a/b/c"), await put("a/b/d"), await put("a/b/e")]).toEqual(["done", "store.unavailable", "store.unavailable"]);
    expect(await idOf(() => store.nonces.spend("nonce", NOW))).toBe("store.unavailable");
    expect(await idOf(() => store.ping())).toBe("store.unavailable");
    await store.close();
    await world.with(async (again) => {
      expect(text(await again.resources.get("a/b/c"))).toBe("one");
      expect(await again.resources.get("a/b/e")).toBeUndefined();
      await again.ping();
    });
  });

  test("says that it cannot be used now while somebody else keeps it locked, and goes on afterwards", async () => {
    await world.with(async (store) => {
      const other = new Database(join(world.dataDir, "trustee.db"));
      other.run("PRAGMA busy_timeout = 0");
      other.run("BEGIN IMMEDIATE");
      const entries = [{ path: "a/b/c", value: bytes("one") }];
      expect(await idOf(() => store.resources.putAll(entries, false))).toBe("store.unavailable");
      other.run("ROLLBACK");
      other.close();
      expect(await idOf(() => store.resources.putAll(entries, false))).toBe("done");
    });
  }, 20_000);

  test("is held by one, and free once released", async () => {
    const lock = lockData(world.dataDir);
    expect(await idOf(() => lockData(world.dataDir))).toBe("trustee.data-in-use");
    lock.release();
    lockData(world.dataDir).release();
  });
});

/** Makes the store what an older version would have left behind. */
function age(version: number): void {
  const path = join(world.dataDir, "trustee.db");
  const now = new Database(path);
  now.run("PRAGMA wal_checkpoint(TRUNCATE)");
  const old = new Database(":memory:");
  declareSchema(old, 0, version);
  const { covered } = oldSchema(version);
  const tables: Record<string, unknown> = {};
  const plain = ["decisions", "sessions", "nonces", "token_ids"];
  for (const table of [...covered, ...plain]) {
    const columns = old
      .query<{ name: string }, []>(`SELECT name FROM pragma_table_info('${table}')`)
      .all()
      .map(({ name }) => name);
    const rows = now.query<Record<string, string>, []>(`SELECT ${columns.join(", ")} FROM ${table}`).values() as string[][];
    for (const row of rows) old.run(`INSERT INTO ${table} (${columns.join(", ")}) VALUES (${columns.map(() => "?").join(", ")})`, row);
    if (plain.includes(table)) continue;
    const heads = old.query<{ key: string; version: number }, []>(`SELECT key, version FROM ${table} ORDER BY key`).all();
    const digest = createHash("sha256");
    for (const head of heads) digest.update(`${head.key}\0${head.version}\0`);
    tables[table] = { rows: heads.length, maxVersion: Math.max(0, ...heads.map((head) => head.version)), digest: digest.digest("hex") };
  }
  now.close();
  const content = JSON.stringify({ version: 9, tables });
  const mac = createHmac("sha256", world.keys.mac).update(`cai/head/v1\0${content}`).digest();
  old.run("INSERT INTO head (one, content, mac) VALUES (1, ?, ?)", [content, mac]);
  for (const file of FILES) rmSync(join(world.dataDir, file), { force: true });
  writeFileSync(path, old.serialize(), { mode: 0o600 });
  old.close();
}

describe.each([1, 2, 3])("a store of version %d", (version) => {
  beforeEach(async () => {
    await world.with(async (store) => {
      const entries = Array.from({ length: 40 }, (_, n) => ({ path: `a/b/r${n}`, value: bytes(`value ${n}`) }));
      await store.resources.putAll(entries, false);
      await store.references.update("", () => [{ name: "tdx.mr_td", expires: NOW, kind: "hashes", value: ["aa"] }]);
      await store.decisions.append({ time: NOW, kind: "attest", outcome: "denied", error: "kbs.nonce-spent" });
    });
    age(version);
  });

  test("is brought to the present one, with everything that it held", async () => {
    for (let i = 0; i < 2; i++) {
      await world.with(async (store) => {
        expect(store.world).toBe("simulated");
        expect((await store.resources.list()).length).toBe(40);
        expect(text(await store.resources.get("a/b/r7"))).toBe("value 7");
        expect((await store.references.all("")).get("tdx.mr_td")?.value).toEqual(["aa"]);
        expect((await store.collateral.sets()).size).toBe(0);
        expect(await store.lastTime()).toBe(NOW);
        const [decision] = await store.decisions.list({ realm: "", limit: 1 });
        expect(decision).toMatchObject({ number: 1, time: NOW, error: "kbs.nonce-spent" });
        expect(await store.decisions.get({ id: decision!.id })).toMatchObject({ number: 1 });
        await store.resources.putAll([{ path: "a/b/r7", value: bytes("value 7") }], true);
        await store.change(["denials"], () => ({ denials: { put: [["d", "{}"]] } }));
      });
    }
  });

  test("is not brought there where it was edited", async () => {
    const path = join(world.dataDir, "trustee.db");
    const before = readFileSync(path);
    for (const edit of [
      "UPDATE policies SET content = 'package policy' WHERE key = 'resource/default'",
      "DELETE FROM resources WHERE key = 'a/b/r7'",
      "CREATE TRIGGER keep BEFORE INSERT ON policies BEGIN SELECT RAISE(IGNORE); END",
    ]) {
      for (const file of FILES) rmSync(join(world.dataDir, file), { force: true });
      writeFileSync(path, before);
      await world.edit(edit);
      expect(await opened()).toBe(TAMPERED);
      const database = new Database(path);
      expect(database.query("PRAGMA user_version").get()).toEqual({ user_version: version });
      database.close();
    }
  });
});

test("a store of the present version does not become an older one when its marks are dropped (I14)", async () => {
  await world.edit("DROP TABLE collateral", "DROP TABLE collateral_marks", "PRAGMA main.user_version = 1");
  expect(await opened()).toBe(TAMPERED);
});
