import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { importStore, openStore, parseStorePlace, type Store, type StoreRow } from "../../../../src/roles/trustee/store/index.ts";
import { createMasterKey } from "../../../../src/roles/trustee/store/master-key.ts";
import { idOf } from "../scratch.ts";
import { type Kind, kinds, type TestStore, testStore } from "./databases.ts";

const TAMPERED = "store.record-tampered";
const NOW = 1_800_000_000;
const PATHS = Array.from({ length: 100 }, (_, n) => `a/b/r${n}`);
const bytes = (text: string) => new TextEncoder().encode(text);
const text = (value: Uint8Array | undefined) => (value === undefined ? undefined : new TextDecoder().decode(value));
const session = { body: bytes("h"), token: "session-token", expires: NOW, tagged: true, version: "0.4.0", tee: "tdx", hash: "sha384" };

async function fill(store: Store): Promise<string> {
  await store.resources.putAll(
    PATHS.map((path) => ({ path, value: bytes(`value of ${path}`) })),
    false,
  );
  await store.change(["roles"], () => ({ roles: { put: [["reader", "{}"]] } }));
  await store.sessions.put("id", session);
  await store.tokenIds.spend("jti", NOW);
  return (await store.decisions.append({ time: NOW, kind: "admin", outcome: "allowed", detail: { why: "x" } })).id;
}

async function collect(rows: AsyncIterable<StoreRow>): Promise<StoreRow[]> {
  const all: StoreRow[] = [];
  for await (const row of rows) all.push(row);
  return all;
}

/** Opens what was imported into a new place of that kind. */
async function imported<T>(kind: Kind, world: TestStore, rows: Iterable<StoreRow>, work: (store: Store) => Promise<T>): Promise<T> {
  const { dataDir, setting, remove } = await kind.place();
  try {
    const place = setting.startsWith("sqlite:") ? parseStorePlace(`sqlite:${dataDir}-copy.db`, dataDir) : parseStorePlace(setting, dataDir);
    await importStore(place, world.keys, rows, NOW);
    const store = await openStore(place, world.keys);
    try {
      return await work(store);
    } finally {
      await store.close();
    }
  } finally {
    remove();
  }
}

for (const kind of kinds) {
  describe(`a store in ${kind.name}`, () => {
    let world: TestStore;
    let decision: string;
    beforeEach(async () => {
      world = await testStore(kind);
      decision = await world.with(fill);
    });
    afterEach(() => world.end());

    const rows = () => world.with((store) => collect(store.snapshot()));

    for (const target of kinds) {
      test(`is the same in ${target.name} after it was carried there, but for its epoch and its sessions`, async () => {
        const all = await rows();
        expect(JSON.stringify(all)).not.toContain("session-token");
        await imported(target, world, all, async (store) => {
          expect(await store.resources.list()).toEqual([...PATHS].sort().map((path) => ({ path, size: `value of ${path}`.length })));
          for (const path of PATHS) expect(text(await store.resources.get(path))).toBe(`value of ${path}`);
          expect([...(await store.rows("roles"))]).toEqual([["reader", "{}"]]);
          expect(await store.ownKeys.names()).toEqual(["identity", "token-ca", "token-signer"]);
          expect(store.epoch).toBe(NOW);
          expect(await store.tokenIds.spend("jti", NOW)).toBe(false);
          expect(await store.sessions.get("id", 0)).toBeUndefined();
          const record = await store.decisions.get({ id: decision });
          expect(record).toMatchObject({ time: NOW, detail: { why: "x" } });
          const next = await store.decisions.append({ time: NOW, kind: "admin", outcome: "allowed" });
          expect(next.number).toBeGreaterThan(record!.number);
          await store.resources.putAll([{ path: "a/b/r1", value: bytes("new") }], true);
        });
      });
    }

    test("is exported in one state, also while others write", async () => {
      await world.with(async (store) => {
        const all: StoreRow[] = [];
        for await (const row of store.snapshot()) {
          all.push(row);
          if (all.length === 1) await store.resources.putAll([{ path: "a/b/late", value: bytes("late") }], false);
        }
        await imported(kind, world, all, async (copy) => expect((await copy.resources.list()).length).toBe(PATHS.length));
      });
    });

    test("is not imported with a row missing, changed, or of another store, and then nothing is left behind", async () => {
      const all = await rows();
      const without = (table: string) => {
        const at = all.findIndex((row) => row.table === table);
        return [...all.slice(0, at), ...all.slice(at + 1)];
      };
      for (const table of ["head", "store", "policies", "own_keys", "resources", "resource_nodes"])
        expect(await idOf(() => imported(kind, world, without(table), async () => {}))).toBe(TAMPERED);
      const edited = all.map((row) => (row.table === "policies" ? { ...row, values: { ...row.values, content: "package policy" } } : row));
      expect(await idOf(() => imported(kind, world, edited, async () => {}))).toBe(TAMPERED);

      const { dataDir, setting, remove } = await kind.place();
      const place = setting.startsWith("sqlite:")
        ? parseStorePlace(`sqlite:${dataDir}-copy.db`, dataDir)
        : parseStorePlace(setting, dataDir);
      expect(await idOf(() => importStore(place, world.keys, edited, NOW))).toBe(TAMPERED);
      expect(await idOf(() => openStore(place, world.keys))).toBe("store.missing");
      expect(await idOf(() => importStore(place, world.keys, all, NOW))).toBe("done");
      remove();
    });

    test("is not imported over one that is there", async () => {
      const all = await rows();
      expect(await idOf(() => importStore(world.place, world.keys, all, NOW))).toBe("store.not-empty");
    });

    test("opens with new keys only, after it was put under them, and nothing is lost", async () => {
      const next = createMasterKey(join(world.dataDir, "next.master"));
      await world.with((store) => store.rekey(next));
      expect(await idOf(() => world.open())).toBe(TAMPERED);
      const store = await openStore(world.place, next);
      for (const path of PATHS) expect(text(await store.resources.get(path))).toBe(`value of ${path}`);
      expect((await store.resources.list()).length).toBe(PATHS.length);
      expect((await store.ownKeys.get("identity"))?.length).toBeGreaterThan(100);
      expect(await store.decisions.get({ id: decision })).toMatchObject({ time: NOW });
      await store.resources.delete("a/b/r1");
      await store.close();
    });

    test("is not put under new keys where it was edited", async () => {
      const next = createMasterKey(join(world.dataDir, "next.master"));
      await world.with(async (store) => {
        await world.edit("UPDATE resources SET version = version + 1 WHERE key = 'a/b/r1'");
        expect(await idOf(() => store.rekey(next))).toBe(TAMPERED);
      });
    });

    test("that is put under new keys refuses who has it open with the old ones", async () => {
      const next = createMasterKey(join(world.dataDir, "next.master"));
      await world.with(async (store) => {
        await world.with((other) => other.rekey(next));
        expect(await idOf(() => store.resources.get("a/b/r1"))).toBe(TAMPERED);
        expect(await idOf(() => store.policies.get("", "resource", "default"))).toBe(TAMPERED);
        expect(await idOf(() => store.resources.putAll([{ path: "a/b/r1", value: bytes("old key") }], true))).toBe(TAMPERED);
      });
    });
  });
}
