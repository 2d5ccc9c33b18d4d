import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { bucketOf } from "../../../../src/roles/trustee/store/resource-tree.ts";
import { SMALL_TABLES } from "../../../../src/roles/trustee/store/tables.ts";
import { idOf } from "../scratch.ts";
import { kinds, type TestStore, testStore } from "./databases.ts";

const TAMPERED = "store.record-tampered";
const NOW = 1_800_000_000;
const COVERED = ["head", "resources", "resource_nodes", ...SMALL_TABLES];
const bytes = (text: string) => new TextEncoder().encode(text);
const text = (value: Uint8Array | undefined) => (value === undefined ? undefined : new TextDecoder().decode(value));
const ALLOW = "package policy\nallow := true\n";

/** What somebody else may do to small tables and the head, in any database. */
const EDITS: Readonly<Record<string, readonly string[]>> = {
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
  "a dropped own key": ["DELETE FROM own_keys WHERE key = 'token-signer'"],
  "the head": ["UPDATE head SET content = replace(content, 'rows', 'Rows')"],
  "a missing head": ["DELETE FROM head"],
  "an added index": ["CREATE UNIQUE INDEX one_policy ON policies (key, version)"],
  "an added table": ["CREATE TABLE other (key TEXT)"],
  "a dropped table": ["DROP TABLE denials"],
  "a view in place of a table": ["ALTER TABLE policies RENAME TO kept", "CREATE VIEW policies AS SELECT * FROM kept"],
  "an added column": ["ALTER TABLE policies ADD COLUMN more TEXT"],
};

/** Declarations that only one kind of database has. */
const DECLARATIONS: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  SQLite: {
    "an added trigger": ["CREATE TRIGGER keep BEFORE INSERT ON policies BEGIN SELECT RAISE(IGNORE); END"],
  },
  PostgreSQL: {
    "an added trigger": [
      "CREATE FUNCTION side.keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
      "CREATE TRIGGER keep BEFORE INSERT OR UPDATE ON policies FOR EACH ROW EXECUTE FUNCTION side.keep()",
    ],
    "an added rule": ["CREATE RULE keep AS ON DELETE TO denials DO INSTEAD NOTHING"],
    "row security": ["ALTER TABLE denials ENABLE ROW LEVEL SECURITY"],
    "a child table": ["CREATE TABLE side.child () INHERITS (policies)"],
    "a foreign key": ["CREATE TABLE side.other (key TEXT REFERENCES policies (key))"],
    "a generated column": [
      "ALTER TABLE roles DROP COLUMN content",
      "ALTER TABLE roles ADD COLUMN content TEXT GENERATED ALWAYS AS ('{}') STORED NOT NULL",
    ],
    "a default": ["ALTER TABLE nonces ALTER COLUMN expires SET DEFAULT 0"],
    "a table that does not outlive a crash": ["ALTER TABLE nonces SET UNLOGGED"],
  },
};

/** What somebody else may do to resources; the path `a/b/c` is concerned. */
const RESOURCE_EDITS: Readonly<Record<string, readonly string[]>> = {
  "it was dropped": ["DELETE FROM resources WHERE key = 'a/b/c'"],
  "it was renamed": ["UPDATE resources SET key = 'a/b/e' WHERE key = 'a/b/c'"],
  "it was given another version": ["UPDATE resources SET version = version + 1 WHERE key = 'a/b/c'"],
  "it was put into another bucket": ["UPDATE resources SET bucket = (bucket + 1) % 16384 WHERE key = 'a/b/c'"],
  "all resources were dropped": ["DELETE FROM resources"],
  "the tree was dropped with them": ["DELETE FROM resources", "DELETE FROM resource_nodes"],
};

for (const kind of kinds) {
  describe(`somebody else writes to a store in ${kind.name} (I25)`, () => {
    let world: TestStore;

    beforeEach(async () => {
      world = await testStore(kind);
      await world.with(async (store) => {
        const entries = ["c", "d"].map((tag) => ({ path: `a/b/${tag}`, value: bytes(`value ${tag}`) }));
        await store.resources.putAll(entries, false);
        await store.references.update("", () => [
          { name: "tdx.mr_td", expires: NOW, kind: "hashes", value: ["aa"] },
          { name: "tdx.rtmr_0", expires: NOW, kind: "hashes", value: ["bb"] },
        ]);
        await store.decisions.append({ time: NOW, kind: "admin", outcome: "allowed" });
      });
    });
    afterEach(() => world.end());

    const opened = () => idOf(async () => (await world.open()).close());

    for (const [what, statements] of Object.entries({ ...EDITS, ...DECLARATIONS[kind.name] })) {
      test(`it does not open after this was edited: ${what}`, async () => {
        await world.edit(...statements);
        expect(await opened()).toBe(TAMPERED);
      });
    }

    test("it does not open where a table was put back as it was before", async () => {
      await world.edit("CREATE TABLE side.before AS SELECT * FROM reference_values");
      await world.with((store) => store.references.update("", () => [{ name: "tdx.mr_td", expires: NOW, kind: "hashes", value: ["cc"] }]));
      await world.edit("DELETE FROM reference_values", "INSERT INTO reference_values SELECT * FROM side.before");
      expect(await opened()).toBe(TAMPERED);
    });

    for (const [what, statements] of Object.entries(RESOURCE_EDITS)) {
      test(`a resource is neither read nor replaced nor missed, and nothing listed, where ${what}`, async () => {
        await world.edit(...statements);
        const outcomes: string[] = [];
        const attempt = (work: (store: Awaited<ReturnType<TestStore["open"]>>) => Promise<unknown>) =>
          idOf(() => world.with(work)).then((id) => outcomes.push(id));
        await attempt((store) => store.resources.get("a/b/c"));
        await attempt((store) => store.resources.putAll([{ path: "a/b/c", value: bytes("new") }], true));
        await attempt((store) => store.resources.delete("a/b/c"));
        await attempt((store) => store.resources.list());
        await attempt(async (store) => {
          for await (const _ of store.snapshot());
        });
        expect(outcomes).toEqual(Array.from({ length: 5 }, () => TAMPERED));
      });
    }

    test.skipIf(kind.name !== "SQLite")(
      "two rows of a bucket are not missed where one was put in their place that reads like both",
      async () => {
        const byBucket = new Map<number, string>();
        let pair: string[] | undefined;
        for (let i = 0; pair === undefined; i++) {
          const bucket = bucketOf(world.keys.mac, `a/b/n${i}`);
          const other = byBucket.get(bucket);
          if (other !== undefined) pair = [other, `a/b/n${i}`].sort();
          byBucket.set(bucket, `a/b/n${i}`);
        }
        const [one, two] = pair as [string, string];
        await world.with(async (store) => {
          for (const path of pair) await store.resources.putAll([{ path, value: bytes(path) }], false);
        });
        await world.edit(
          `UPDATE resources SET key = key || char(0) || version || char(0) || '${two}', version = (SELECT version FROM resources WHERE key = '${two}')
          WHERE key = '${one}'`,
          `DELETE FROM resources WHERE key = '${two}'`,
        );
        for (const path of pair) expect(await idOf(() => world.with((store) => store.resources.get(path)))).toBe(TAMPERED);
        expect(await idOf(() => world.with((store) => store.resources.list()))).toBe(TAMPERED);
      },
    );

    test("a resource that was replaced does not come back, whatever of its old rows is", async () => {
      await world.edit("CREATE TABLE side.rows AS SELECT * FROM resources", "CREATE TABLE side.nodes AS SELECT * FROM resource_nodes");
      await world.with((store) => store.resources.putAll([{ path: "a/b/c", value: bytes("new") }], true));
      await world.edit("DELETE FROM resources WHERE key = 'a/b/c'", "INSERT INTO resources SELECT * FROM side.rows WHERE key = 'a/b/c'");
      expect(await idOf(() => world.with((store) => store.resources.get("a/b/c")))).toBe(TAMPERED);
      await world.edit("DELETE FROM resource_nodes WHERE node >= 0", "INSERT INTO resource_nodes SELECT * FROM side.nodes WHERE node >= 0");
      expect(await idOf(() => world.with((store) => store.resources.get("a/b/c")))).toBe(TAMPERED);
      await world.edit("DELETE FROM resource_nodes", "INSERT INTO resource_nodes SELECT * FROM side.nodes");
      expect(await opened()).toBe(TAMPERED);
    });

    test("a resource that was removed does not come back", async () => {
      await world.edit("CREATE TABLE side.rows AS SELECT * FROM resources");
      await world.with((store) => store.resources.delete("a/b/c"));
      await world.edit("INSERT INTO resources SELECT * FROM side.rows WHERE key = 'a/b/c'");
      await world.with(async (store) => {
        expect(await idOf(() => store.resources.get("a/b/c"))).toBe(TAMPERED);
        expect(await idOf(() => store.resources.list())).toBe(TAMPERED);
        expect(text(await store.resources.get("a/b/d"))).toBe("value d");
      });
    });

    test("sealed bytes that were swapped or cut do not open", async () => {
      await world.edit(
        "CREATE TABLE side.before AS SELECT key, sealed FROM resources",
        "UPDATE resources SET sealed = (SELECT sealed FROM side.before WHERE side.before.key = CASE resources.key WHEN 'a/b/c' THEN 'a/b/d' ELSE 'a/b/c' END)",
      );
      await world.with(async (store) => {
        for (const path of ["a/b/c", "a/b/d"]) expect(await idOf(() => store.resources.get(path))).toBe(TAMPERED);
      });
      const nothing = kind.name === "SQLite" ? "x'00'" : "'\\x00'::bytea";
      await world.edit(`UPDATE own_keys SET sealed = ${nothing} WHERE key = 'token-signer'`, `UPDATE resources SET sealed = ${nothing}`);
      await world.with(async (store) => {
        expect(await idOf(() => store.ownKeys.get("token-signer"))).toBe(TAMPERED);
        expect(await idOf(() => store.resources.get("a/b/c"))).toBe(TAMPERED);
        expect(await idOf(() => store.resources.list())).toBe(TAMPERED);
      });
    });

    test("while it is open, an edited policy is never obeyed, and what follows notices", async () => {
      await world.with(async (store) => {
        const policy = await store.policies.get("", "resource", "default");
        await world.edit(`UPDATE policies SET content = '${ALLOW}' WHERE key = 'resource/default'`);
        // In a file, the call after it notices; in a server, what was checked is kept until the head says otherwise.
        for (let i = 0; i < 2; i++) {
          const found = await store.policies.get("", "resource", "default").catch((error) => error.id);
          expect(found).toBe(kind.name === "SQLite" ? TAMPERED : policy);
        }
        await world.edit("DELETE FROM resources WHERE key = 'a/b/c'");
        expect(await idOf(() => store.resources.get("a/b/c"))).toBe(TAMPERED);
        expect(await idOf(() => store.resources.putAll([{ path: "a/b/c", value: bytes("v") }], true))).toBe(TAMPERED);
      });
      expect(await opened()).toBe(TAMPERED);
    });

    test("a trigger that keeps an old policy in force is noticed by the write that it would swallow", async () => {
      await world.with(async (store) => {
        await world.edit(...DECLARATIONS[kind.name]!["an added trigger"]!);
        expect(await idOf(() => store.policies.put("", "resource", "default", "package policy\nallow := false\n"))).toBe(TAMPERED);
        await world.edit(kind.name === "SQLite" ? "DROP TRIGGER keep" : "DROP TRIGGER keep ON policies");
        await store.policies.put("", "resource", "default", "package policy\nallow := false\n");
        expect(await store.policies.get("", "resource", "default")).toBe("package policy\nallow := false\n");
      });
    });

    test("a whole older state that is put back while it is open is noticed, and mended by the newer one", async () => {
      const copy = (name: string) => COVERED.map((table) => `CREATE TABLE side.${name}_${table} AS SELECT * FROM ${table}`);
      const back = (name: string) =>
        COVERED.flatMap((table) => [`DELETE FROM ${table}`, `INSERT INTO ${table} SELECT * FROM side.${name}_${table}`]);
      await world.with(async (store) => {
        await store.policies.put("", "resource", "default", "old");
        await world.edit(...copy("older"));
        await store.policies.put("", "resource", "default", "new");
        await store.resources.putAll([{ path: "a/b/c", value: bytes("new") }], true);
        await world.edit(...copy("newer"));
        await world.edit("BEGIN", ...back("older"), "COMMIT");
        expect(await idOf(() => store.policies.get("", "resource", "default"))).toBe(TAMPERED);
        expect(await idOf(() => store.resources.get("a/b/c"))).toBe(TAMPERED);
        expect(await idOf(() => store.resources.list())).toBe(TAMPERED);
        expect(await idOf(() => store.ping())).toBe(TAMPERED);
        await world.edit("BEGIN", ...back("newer"), "COMMIT");
        expect(await store.policies.get("", "resource", "default")).toBe("new");
        expect(text(await store.resources.get("a/b/c"))).toBe("new");
      });
    });

    test("it does not open with another store's master key", async () => {
      const other = await testStore(kind);
      expect(
        await idOf(async () => (await import("../../../../src/roles/trustee/store/index.ts")).openStore(world.place, other.keys)),
      ).toBe(TAMPERED);
      await other.end();
    });
  });
}
