import { Database } from "bun:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { createHmac, generateKeyPairSync } from "node:crypto";
import { chmodSync, chownSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { initTrustee } from "../../../../src/roles/trustee/init.ts";
import { lockData, masterKeyPath, openStore, type Store } from "../../../../src/roles/trustee/store/index.ts";
import { Ledger } from "../../../../src/roles/trustee/store/ledger.ts";
import { MacedTable } from "../../../../src/roles/trustee/store/maced-table.ts";
import { readMasterKey } from "../../../../src/roles/trustee/store/master-key.ts";
import { ADDED_TABLES, SCHEMA, THIRD_TABLES } from "../../../../src/roles/trustee/store/schema.ts";
import { idOf, scratchData } from "../scratch.ts";

const TAMPERED = "store.record-tampered";
const NOW = 1_800_000_000;
const COVERED = ["head", ...SCHEMA.covered];
const isRoot = process.geteuid?.() === 0;
let dataDir: string;
let remove: () => void;

beforeEach(async () => {
  ({ dataDir, remove } = scratchData());
  await initTrustee({ dataDir, simulated: true });
});
afterEach(() => remove());

/** Does something with the store, then closes it. */
async function withStore<T>(work: (store: Store) => Promise<T>): Promise<T> {
  const store = openStore(dataDir);
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

/** Edits the database as somebody else would; `side` is another database, to keep copies of rows in. */
function sql(...statements: string[]): void {
  const database = new Database(join(dataDir, "trustee.db"));
  database.run(`ATTACH '${join(dataDir, "..", "side.db")}' AS side`);
  for (const statement of statements) database.run(statement);
  database.close();
}

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (value: Uint8Array | undefined) => (value === undefined ? undefined : new TextDecoder().decode(value));

async function fill(): Promise<void> {
  await withStore(async (store) => {
    await store.resources.putAll(
      [
        { path: "a/b/c", value: bytes("one") },
        { path: "a/b/d", value: bytes("two") },
      ],
      false,
    );
    await store.references.update("", () => [
      { name: "tdx.mr_td", expires: NOW, kind: "hashes", value: ["aa"] },
      { name: "tdx.rtmr_0", expires: NOW, kind: "hashes", value: ["bb"] },
    ]);
    await store.decisions.append({ time: NOW, kind: "admin", outcome: "allowed" });
  });
}

describe("the store", () => {
  test("gives back what was stored, after it was closed and opened again", async () => {
    await fill();
    await withStore(async (store) => {
      expect(store.world).toBe("simulated");
      expect(text(await store.resources.get("a/b/c"))).toBe("one");
      expect(await store.resources.list()).toEqual([
        { path: "a/b/c", size: 3 },
        { path: "a/b/d", size: 3 },
      ]);
      expect((await store.references.all("")).get("tdx.mr_td")?.value).toEqual(["aa"]);
      expect((await store.policies.list("", "resource")).map(({ id }) => id)).toEqual(["default"]);
      expect(await store.lastTime()).toBe(NOW);
      expect(await store.resources.delete("a/b/c")).toBe(true);
      expect(await store.resources.delete("a/b/c")).toBe(false);
      expect(await store.resources.get("a/b/c")).toBeUndefined();
      expect(await store.references.delete("", "tdx.mr_td")).toBe(true);
      expect(await store.references.delete("", "tdx.mr_td")).toBe(false);
    });
    await withStore(async (store) => expect(await store.resources.list()).toEqual([{ path: "a/b/d", size: 3 }]));
  });

  test("stores several resources whole or not at all", async () => {
    await fill();
    await withStore(async (store) => {
      const entries = [
        { path: "new/b/c", value: bytes("three") },
        { path: "a/b/c", value: bytes("four") },
      ];
      expect(await idOf(() => store.resources.putAll(entries, false))).toBe("kbs.resource-exists");
      expect(await store.resources.get("new/b/c")).toBeUndefined();
      expect(text(await store.resources.get("a/b/c"))).toBe("one");
      await store.resources.putAll(entries, true);
      expect(text(await store.resources.get("a/b/c"))).toBe("four");
    });
  });

  test("lets a value be spent once", async () => {
    await withStore(async (store) => {
      const first = await Promise.all(Array.from({ length: 20 }, () => store.nonces.spend("n", NOW)));
      expect(first.filter(Boolean).length).toBe(1);
      expect(await store.tokenIds.spend("n", NOW)).toBe(true);
      await store.prune(NOW, NOW - 1);
      expect(await store.nonces.spend("n", NOW)).toBe(false);
      await store.prune(NOW, NOW);
      expect(await store.nonces.spend("n", NOW)).toBe(true);
    });
  });

  test("forgets sessions when they expire, and never stores their ids", async () => {
    const id = "0123456789abcdef0123456789abcdef";
    await withStore(async (store) => {
      await store.sessions.put(id, {
        body: bytes("h"),
        token: "t",
        expires: NOW,
        tagged: true,
        version: "0.4.0",
        tee: "tdx",
        hash: "sha384",
      });
      expect(await store.sessions.get(id, NOW - 1)).toMatchObject({ token: "t", tagged: true });
      expect(await store.sessions.get(id, NOW)).toBeUndefined();
      for (const file of ["trustee.db", "trustee.db-wal"]) expect(readFileSync(join(dataDir, file)).includes(id)).toBe(false);
      await store.prune(NOW, 0);
      expect(await store.sessions.get(id, 0)).toBeUndefined();
    });
  });

  test("grows its epoch at each start that serves, and only then, also where the clock went back", async () => {
    const epochs: number[] = [];
    for (const from of [undefined, NOW, undefined, NOW, NOW - 10, NOW + 10]) {
      const store = openStore(dataDir, from);
      epochs.push(store.epoch);
      await store.close();
    }
    expect(epochs).toEqual([0, NOW, NOW, NOW + 1, NOW + 2, NOW + 10]);
  });

  test("knows the time of its last record within a minute, also where the records were deleted", async () => {
    await fill();
    await withStore((store) => store.decisions.append({ time: NOW + 59, kind: "attest", outcome: "denied", error: "kbs.nonce-spent" }));
    await withStore(async (store) => expect(await store.lastTime()).toBe(NOW + 59));
    sql("DELETE FROM decisions");
    await withStore(async (store) => expect(await store.lastTime()).toBe(NOW));
  });

  test("keeps its files from other users", async () => {
    await fill();
    expect(statSync(dataDir).mode & 0o777).toBe(0o700);
    for (const file of ["trustee.db", "trustee.lock", "admin.key"]) expect(statSync(join(dataDir, file)).mode & 0o777).toBe(0o600);
    expect(statSync(masterKeyPath(dataDir)).mode & 0o777).toBe(0o600);
  });

  test("writes no secret in the clear, whatever file one looks at", async () => {
    const canary = "canary-7f3a9c51-in-a-resource";
    await withStore(async (store) => {
      await store.resources.putAll([{ path: "a/b/canary", value: bytes(canary) }], false);
      for (const file of ["trustee.db", "trustee.db-wal", "trustee.db-shm"])
        expect(readFileSync(join(dataDir, file)).includes(canary)).toBe(false);
      expect(text(await store.resources.get("a/b/canary"))).toBe(canary);
    });
    expect(readFileSync(join(dataDir, "trustee.db")).includes(canary)).toBe(false);
  });
});

describe("a store that somebody else wrote to does not open (I25)", () => {
  const edits: Record<string, string[]> = {
    "the world": ["UPDATE store SET world = 'production'"],
    "the store's id": ["UPDATE store SET key = 'ffff'"],
    "a second store row": ["INSERT INTO store SELECT 'other', world, created, version, mac FROM store"],
    "a policy's text": ["UPDATE policies SET content = content || ' ' WHERE key = 'resource/default'"],
    "a policy's key": ["UPDATE policies SET key = 'resource/other' WHERE key = 'resource/default'"],
    "a dropped policy": ["DELETE FROM policies WHERE key = 'attestation/default'"],
    "a reference value": ["UPDATE reference_values SET content = replace(content, 'aa', 'bb') WHERE key = 'tdx.mr_td'"],
    "two reference values swapped": [
      "UPDATE reference_values SET key = 'x' WHERE key = 'tdx.mr_td'",
      "UPDATE reference_values SET key = 'tdx.mr_td' WHERE key = 'tdx.rtmr_0'",
      "UPDATE reference_values SET key = 'tdx.rtmr_0' WHERE key = 'x'",
    ],
    "a dropped reference value": ["DELETE FROM reference_values WHERE key = 'tdx.mr_td'"],
    "an administrator's key": ["UPDATE administrators SET content = replace(content, 'M', 'N')"],
    "an added administrator": ["INSERT INTO administrators SELECT 'mallory', version, content, mac FROM administrators"],
    "a certificate": ["UPDATE certificates SET content = 'AAAA' WHERE key = 'token-ca'"],
    "a mark of time": ["UPDATE marks SET content = '0'"],
    "a dropped mark of time": ["DELETE FROM marks"],
    "a row's version": ["UPDATE policies SET version = version + 1"],
    "a dropped resource": ["DELETE FROM resources WHERE key = 'a/b/c'"],
    "a renamed resource": ["UPDATE resources SET key = 'a/b/e' WHERE key = 'a/b/c'"],
    "a dropped own key": ["DELETE FROM own_keys WHERE key = 'token-signer'"],
    "the head": ["UPDATE head SET content = replace(content, 'rows', 'Rows')"],
    "a missing head": ["DELETE FROM head"],
    "an added trigger": ["CREATE TRIGGER keep BEFORE INSERT ON policies BEGIN SELECT RAISE(IGNORE); END"],
    "a view in place of a table": ["ALTER TABLE policies RENAME TO kept", "CREATE VIEW policies AS SELECT * FROM kept"],
    "an added index": ["CREATE UNIQUE INDEX one_policy ON policies (key, version)"],
    "an added table": ["CREATE TABLE other (key TEXT)"],
  };
  for (const [what, statements] of Object.entries(edits)) {
    test(`${what} was edited`, async () => {
      await fill();
      await withStore(async () => {});
      sql(...statements);
      expect(await idOf(() => openStore(dataDir))).toBe(TAMPERED);
    });
  }

  test("a table was put back as it was before", async () => {
    await fill();
    sql("CREATE TABLE side.before AS SELECT * FROM reference_values");
    await withStore((store) => store.references.update("", () => [{ name: "tdx.mr_td", expires: NOW, kind: "hashes", value: ["cc"] }]));
    sql("DELETE FROM reference_values", "INSERT INTO reference_values SELECT * FROM side.before");
    expect(await idOf(() => openStore(dataDir))).toBe(TAMPERED);
  });

  test("one old row was put back", async () => {
    await fill();
    sql("CREATE TABLE side.before AS SELECT * FROM resources");
    await withStore((store) => store.resources.putAll([{ path: "a/b/c", value: bytes("new") }], true));
    sql("INSERT OR REPLACE INTO resources SELECT * FROM side.before WHERE key = 'a/b/c'");
    expect(await idOf(() => openStore(dataDir))).toBe(TAMPERED);
  });

  test("sealed bytes were swapped or flipped: the resource does not open", async () => {
    await fill();
    sql(
      "CREATE TABLE side.before AS SELECT key, sealed FROM resources",
      "UPDATE resources SET sealed = (SELECT sealed FROM side.before WHERE side.before.key = CASE resources.key WHEN 'a/b/c' THEN 'a/b/d' ELSE 'a/b/c' END)",
    );
    await withStore(async (store) => {
      expect(await idOf(() => store.resources.get("a/b/c"))).toBe(TAMPERED);
      expect(await idOf(() => store.resources.get("a/b/d"))).toBe(TAMPERED);
    });
    sql("UPDATE own_keys SET sealed = zeroblob(60) WHERE key = 'token-signer'", "UPDATE resources SET sealed = x'00'");
    await withStore(async (store) => {
      expect(await idOf(() => store.ownKeys.get("token-signer"))).toBe(TAMPERED);
      expect(await idOf(() => store.resources.get("a/b/c"))).toBe(TAMPERED);
    });
  });

  test("while it is open, the next call notices, and so does every later one", async () => {
    await fill();
    await withStore(async (store) => {
      expect(await store.policies.get("", "resource", "default")).toContain("package policy");
      sql("UPDATE policies SET content = 'package policy\nallow := true' WHERE key = 'resource/default'");
      for (let i = 0; i < 2; i++) expect(await idOf(() => store.policies.get("", "resource", "default"))).toBe(TAMPERED);
      sql("DELETE FROM reference_values WHERE key = 'tdx.mr_td'");
      expect(await idOf(() => store.references.all(""))).toBe(TAMPERED);
      expect(await idOf(() => store.resources.putAll([{ path: "x/y/z", value: bytes("v") }], false))).toBe(TAMPERED);
    });
  });

  test("a trigger that keeps an old policy in force is noticed by the write that it would swallow", async () => {
    await withStore(async (store) => {
      sql("CREATE TRIGGER keep BEFORE INSERT ON policies BEGIN SELECT RAISE(IGNORE); END");
      expect(await idOf(() => store.policies.put("", "resource", "default", "package policy\nallow := false\n"))).toBe(TAMPERED);
      sql("DROP TRIGGER keep");
      await store.policies.put("", "resource", "default", "package policy\nallow := false\n");
      expect(await store.policies.get("", "resource", "default")).toBe("package policy\nallow := false\n");
    });
  });

  test("an old row that is put back between the check and the reading is not what is read", async () => {
    await withStore((store) => store.policies.put("", "resource", "default", "old"));
    sql("CREATE TABLE side.before AS SELECT * FROM policies");
    await withStore((store) => store.policies.put("", "resource", "default", "new"));
    sql("CREATE TABLE side.after AS SELECT * FROM policies");
    const swap = (from: string) => sql("DELETE FROM policies", `INSERT INTO policies SELECT * FROM side.${from}`);
    const database = new Database(join(dataDir, "trustee.db"), { strict: true });
    // The reading of the rows is the moment at which somebody else puts the old ones there.
    const raced = new Proxy(database, {
      get(target, name) {
        const value = Reflect.get(target, name, target) as unknown;
        if (typeof value !== "function") return value;
        return (...given: unknown[]) => {
          if (name === "query" && String(given[0]).includes("content, mac FROM policies ORDER")) swap("before");
          return Reflect.apply(value, target, given) as unknown;
        };
      },
    });
    try {
      const { mac } = readMasterKey(masterKeyPath(dataDir));
      const table = new MacedTable(raced, new Ledger(raced, mac), mac, "policies");
      expect(table.all().get("resource/default")).toBe("new");
      expect(await idOf(() => table.all())).toBe(TAMPERED);
      swap("after");
    } finally {
      database.close();
    }
    await withStore(async (store) => expect(await store.policies.get("", "resource", "default")).toBe("new"));
  });

  test("a whole older state that is put back while it is open is noticed, and mended by the newer one", async () => {
    const copy = (name: string) => COVERED.map((table) => `CREATE TABLE side.${name}_${table} AS SELECT * FROM main.${table}`);
    const back = (name: string) =>
      COVERED.flatMap((table) => [`DELETE FROM main.${table}`, `INSERT INTO main.${table} SELECT * FROM side.${name}_${table}`]);
    await withStore(async (store) => {
      await store.policies.put("", "resource", "default", "old");
      sql(...copy("older"));
      await store.policies.put("", "resource", "default", "new");
      sql(...copy("newer"));
      sql("BEGIN", ...back("older"), "COMMIT");
      expect(await idOf(() => store.policies.get("", "resource", "default"))).toBe(TAMPERED);
      sql("BEGIN", ...back("newer"), "COMMIT");
      expect(await store.policies.get("", "resource", "default")).toBe("new");
    });
  });

  test("another store's master key lies beside it", async () => {
    writeFileSync(masterKeyPath(dataDir), `${"0".repeat(64)}\n`);
    expect(await idOf(() => openStore(dataDir))).toBe(TAMPERED);
  });
});

describe("the master key", () => {
  test("is needed", async () => {
    rmSync(masterKeyPath(dataDir));
    expect(await idOf(() => openStore(dataDir))).toBe("store.master-key-missing");
    expect(await idOf(() => initTrustee({ dataDir, simulated: true }))).toBe("store.master-key-missing");
  });

  test("is refused while others may read it", async () => {
    chmodSync(masterKeyPath(dataDir), 0o640);
    expect(await idOf(() => openStore(dataDir))).toBe("store.master-key-exposed");
  });

  test.skipIf(!isRoot)("is refused where it is another user's, whose file root could read (needs root)", async () => {
    chownSync(masterKeyPath(dataDir), 12_345, 12_345);
    expect(await idOf(() => openStore(dataDir))).toBe("store.master-key-exposed");
    rmSync(dataDir, { recursive: true });
    expect(await idOf(() => initTrustee({ dataDir, simulated: true }))).toBe("store.master-key-exposed");
  });

  test("is refused when it is damaged", async () => {
    writeFileSync(masterKeyPath(dataDir), "short\n");
    expect(await idOf(() => openStore(dataDir))).toBe("store.master-key-invalid");
  });
});

describe("init", () => {
  test("done again changes nothing and gives the same identity", async () => {
    const before = readFileSync(join(dataDir, "admin.key"), "utf8");
    const first = await initTrustee({ dataDir, simulated: true });
    const second = await initTrustee({ dataDir, simulated: true });
    expect([first.created, second.created, first.tid]).toEqual([false, false, second.tid]);
    expect(readFileSync(join(dataDir, "admin.key"), "utf8")).toBe(before);
  });

  test("refuses to make a store of the other world out of one that is there (I11)", async () => {
    expect(await idOf(() => initTrustee({ dataDir, simulated: false }))).toBe("trustee.world-mismatch");
  });

  test("finishes what was interrupted before the database was made, with the same keys", async () => {
    const [admin, master] = [readFileSync(join(dataDir, "admin.key"), "utf8"), readFileSync(masterKeyPath(dataDir), "utf8")];
    for (const file of ["trustee.db", "trustee.db-wal", "trustee.db-shm"]) rmSync(join(dataDir, file), { force: true });
    writeFileSync(join(dataDir, "trustee.db"), "");
    expect((await initTrustee({ dataDir, simulated: false })).created).toBe(true);
    expect(readFileSync(join(dataDir, "admin.key"), "utf8")).toBe(admin);
    expect(readFileSync(masterKeyPath(dataDir), "utf8")).toBe(master);
  });

  test("takes no admin key that somebody else may have put there", async () => {
    const planted = generateKeyPairSync("ed25519").privateKey.export({ format: "pem", type: "pkcs8" });
    const path = join(dataDir, "admin.key");
    const elsewhere = join(dataDir, "..", "elsewhere.key");
    const attempt = async (place: () => void) => {
      rmSync(dataDir, { recursive: true });
      mkdirSync(dataDir, { mode: 0o700 });
      place();
      const id = await idOf(() => initTrustee({ dataDir, simulated: true }));
      rmSync(elsewhere, { force: true });
      return id;
    };
    expect(await attempt(() => writeFileSync(path, planted, { mode: 0o600 }))).toBe("done");
    expect(await attempt(() => writeFileSync(path, planted, { mode: 0o640 }))).toBe("trustee.data-unusable");
    const link = () => {
      writeFileSync(elsewhere, planted, { mode: 0o600 });
      symlinkSync(elsewhere, path);
    };
    expect(await attempt(link)).toBe("trustee.data-unusable");
    expect(await attempt(() => chmodSync(dataDir, 0o777))).toBe("trustee.data-unusable");
    if (isRoot) expect(await attempt(() => chownSync(dataDir, 12_345, 12_345))).toBe("trustee.data-unusable");
  });

  test("says so when the data directory is a file", async () => {
    const file = join(dataDir, "file");
    writeFileSync(file, "");
    expect(await idOf(() => initTrustee({ dataDir: file, simulated: true }))).toBe("trustee.data-unusable");
  });

  test("refuses a database of another version", async () => {
    sql("PRAGMA user_version = 99");
    expect(await idOf(() => openStore(dataDir))).toBe("store.schema-unknown");
  });

  test("refuses a file that is no database", async () => {
    for (const file of ["trustee.db-wal", "trustee.db-shm"]) rmSync(join(dataDir, file), { force: true });
    writeFileSync(join(dataDir, "trustee.db"), "no database".repeat(1000));
    expect(await idOf(() => openStore(dataDir))).toBe("store.unreadable");
  });
});

test("the data lock is held by one, and free once released", async () => {
  const lock = lockData(dataDir);
  expect(await idOf(() => lockData(dataDir))).toBe("trustee.data-in-use");
  lock.release();
  lockData(dataDir).release();
});

describe("a store of the version before collateral was kept", () => {
  /** Makes the store what that version would have left behind. */
  function age(): void {
    const { mac } = readMasterKey(masterKeyPath(dataDir));
    const database = new Database(join(dataDir, "trustee.db"));
    const { content } = database.query<{ content: string }, []>("SELECT content FROM head").get()!;
    const head = JSON.parse(content) as { version: number; tables: Record<string, unknown> };
    database.run("DROP INDEX decisions_by_id");
    database.run("DROP TABLE usage");
    for (const column of ["detail", "realm", "id"]) database.run(`ALTER TABLE decisions DROP COLUMN ${column}`);
    for (const table of [...ADDED_TABLES, ...THIRD_TABLES]) {
      database.run(`DROP TABLE ${table}`);
      delete head.tables[table];
    }
    const old = JSON.stringify(head);
    database.run("UPDATE head SET content = ?, mac = ?", [old, createHmac("sha256", mac).update(`cai/head/v1\0${old}`).digest()]);
    database.run("PRAGMA user_version = 1");
    database.close();
  }

  test("is brought to the present one, with everything that it held", async () => {
    await fill();
    age();
    await withStore(async (store) => {
      expect(text(await store.resources.get("a/b/c"))).toBe("one");
      expect((await store.collateral.sets()).size).toBe(0);
      expect(await store.collateral.newestIssue()).toBe(0);
    });
    await withStore((store) => store.resources.list());
  });

  test("is not brought there where it was edited", async () => {
    await fill();
    age();
    sql("UPDATE policies SET content = 'package policy' WHERE key = 'resource/default'");
    expect(await idOf(() => openStore(dataDir))).toBe(TAMPERED);
    const database = new Database(join(dataDir, "trustee.db"));
    expect(database.query("PRAGMA user_version").get()).toEqual({ user_version: 1 });
    database.close();
  });

  test("is not what a present one becomes when its marks are dropped (I14)", async () => {
    await fill();
    sql("DROP TABLE collateral", "DROP TABLE collateral_marks", "PRAGMA main.user_version = 1");
    expect(await idOf(() => openStore(dataDir))).toBe(TAMPERED);
  });
});
