import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { initTrustee } from "../../../../src/roles/trustee/init.ts";
import { masterKeyPath, openStore, parseStorePlace, readMasterKey, type StorePlace } from "../../../../src/roles/trustee/store/index.ts";
import { Ledger } from "../../../../src/roles/trustee/store/ledger.ts";
import { PostgresDriver } from "../../../../src/roles/trustee/store/postgres-driver.ts";
import { hasPostgres, postgres } from "../../../postgres-server.ts";
import { idOf } from "../scratch.ts";
import { kinds, type TestStore, testStore } from "./databases.ts";

const NOW = 1_800_000_000;
const bytes = (text: string) => new TextEncoder().encode(text);
const text = (value: Uint8Array | undefined) => (value === undefined ? undefined : new TextDecoder().decode(value));

describe.skipIf(!hasPostgres)("a store in PostgreSQL, shared by replicas", () => {
  let world: TestStore;
  beforeEach(async () => {
    world = await testStore(kinds[1]!);
  });
  afterEach(() => world.end());

  test("obeys at once what another replica was told", async () => {
    const [one, two] = [await world.open(), await world.open()];
    for (let i = 0; i < 20; i++) {
      await one.policies.put("", "resource", "default", `package policy\n# ${i}\n`);
      expect(await two.policies.get("", "resource", "default")).toBe(`package policy\n# ${i}\n`);
      await two.resources.putAll([{ path: "a/b/c", value: bytes(`${i}`) }], true);
      expect(text(await one.resources.get("a/b/c"))).toBe(`${i}`);
    }
    await one.close();
    await two.close();
  });

  test("takes the writes of all replicas at once, and spends a value once among them", async () => {
    const replicas = await Promise.all([world.open(), world.open(), world.open()]);
    const puts = replicas.flatMap((store, r) =>
      Array.from({ length: 60 }, (_, n) => store.resources.putAll([{ path: `r${r}/t/n${n}`, value: bytes(`${r} ${n}`) }], false)),
    );
    const counts = Array.from({ length: 30 }, (_, n) =>
      replicas[n % 3]!.change(["realms"], ({ realms }) => ({ realms: { put: [["n", String(Number(realms.get("n") ?? 0) + 1)]] } })),
    );
    const spends = Array.from({ length: 50 }, (_, n) => replicas[n % 3]!.nonces.spend("one nonce", NOW));
    const decisions = Array.from({ length: 60 }, (_, n) =>
      replicas[n % 3]!.decisions.append({ time: NOW, kind: "attest", outcome: "denied" }),
    );
    await Promise.all([...puts, ...counts]);
    expect((await Promise.all(spends)).filter(Boolean).length).toBe(1);
    expect(new Set((await Promise.all(decisions)).map(({ number }) => number)).size).toBe(60);
    for (const store of replicas) {
      expect((await store.resources.list()).length).toBe(180);
      expect((await store.rows("realms")).get("n")).toBe("30");
    }
    for (const store of replicas) await store.close();
  });

  test("keeps its epoch when another replica starts, so that half-open handshakes stay valid", async () => {
    const one = await world.open(NOW);
    const two = await world.open(NOW + 100);
    expect([one.epoch, two.epoch]).toEqual([0, 0]);
    await one.close();
    await two.close();
  });

  test("is unavailable while the database is gone, and works again as soon as it is back", async () => {
    const store = await world.open();
    const entries = [{ path: "a/b/c", value: bytes("before") }];
    await store.resources.putAll(entries, false);
    const { again } = await (await postgres()).cut();
    const calls = [
      () => store.resources.get("a/b/c"),
      () => store.resources.putAll(entries, true),
      () => store.policies.get("", "resource", "default"),
      () => store.nonces.spend("n", NOW),
      () => store.decisions.append({ time: 5, kind: "attest", outcome: "denied" }),
      () => store.sessions.get("id", NOW),
      () => store.ping(),
      () => store.resources.list(),
    ];
    for (let i = 0; i < 2; i++) for (const call of calls) expect(await idOf(call)).toBe("store.unavailable");
    expect(await idOf(() => world.open())).toBe("store.unavailable");
    await again();
    for (const call of calls) expect(await idOf(call)).toBe("done");
    await store.close();
  }, 60_000);

  test("goes on after its connections were ended one by one", async () => {
    const store = await world.open();
    for (let i = 0; i < 5; i++) {
      await Promise.all(Array.from({ length: 20 }, () => store.resources.get("a/b/c")));
      await world.edit(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'cai' AND datname = current_database()",
      );
      expect(await idOf(() => store.resources.putAll([{ path: "a/b/c", value: bytes("x") }], true))).toBe("done");
    }
    await store.close();
  });

  test("does not wait for a server that says nothing", async () => {
    const { socket } = await postgres();
    let silent = false;
    const open = new Set<Socket>();
    const proxy = createServer((client) => {
      const server = connect(socket);
      for (const [from, to] of [
        [client, server],
        [server, client],
      ] as const) {
        open.add(from);
        from
          .on("data", (part) => silent || to.write(part))
          .on("error", () => to.destroy())
          .on("close", () => to.destroy());
      }
    });
    await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
    const { port } = proxy.address() as { port: number };
    const name = new URL(world.setting).pathname;
    const place = parseStorePlace(`postgres://cai@127.0.0.1:${port}${name}`, world.dataDir);
    const driver = new PostgresDriver(place as StorePlace & { kind: "postgres" }, 200);
    expect(await idOf(() => driver.all("SELECT 1"))).toBe("done");
    silent = true;
    expect(await idOf(() => driver.all("SELECT 1"))).toBe("store.unavailable");
    expect(await idOf(() => driver.write((statements) => statements.run("DELETE FROM usage")))).toBe("store.unavailable");
    silent = false;
    expect(await idOf(() => driver.write((statements) => statements.run("DELETE FROM usage")))).toBe("done");
    await driver.close();
    for (const each of open) each.destroy();
    proxy.close();
  }, 60_000);

  test("is refused where a newer version wrote it", async () => {
    await world.edit("UPDATE schema_version SET version = 99");
    expect(await idOf(() => world.open())).toBe("store.schema-unknown");
  });

  test("is made once, by whomever comes first", async () => {
    const setting = await (await postgres()).newDatabase();
    const { dataDir } = world;
    const results = await Promise.all([1, 2, 3].map(() => idOf(() => initTrustee({ dataDir, simulated: true, store: setting }))));
    // The data directory's lock is one's at a time; who found it taken comes again.
    expect(results.filter((id) => id === "done").length).toBeGreaterThan(0);
    expect((await initTrustee({ dataDir, simulated: true, store: setting })).created).toBe(false);
    expect(await idOf(() => initTrustee({ dataDir, simulated: false, store: setting }))).toBe("trustee.world-mismatch");
    const store = await openStore(parseStorePlace(setting, dataDir), readMasterKey(masterKeyPath(dataDir)));
    await store.close();
  });

  test("is missed in a database without one", async () => {
    const place = parseStorePlace(await (await postgres()).newDatabase(), world.dataDir);
    expect(await idOf(() => openStore(place, world.keys))).toBe("store.missing");
  });

  test("an old row that is put back between the reading of the head and that of the rows is not what is read", async () => {
    await world.with((store) => store.policies.put("", "resource", "default", "old"));
    await world.edit("CREATE TABLE side.before AS SELECT * FROM policies");
    await world.with((store) => store.policies.put("", "resource", "default", "new"));
    const driver = new PostgresDriver(world.place as never);
    let raced = false;
    const read = driver.read.bind(driver);
    driver.read = (work) =>
      read((statements) =>
        work({
          run: statements.run,
          all: async (sql, values) => {
            if (/FROM policies/.test(sql) && !raced) {
              raced = true;
              await world.edit("DELETE FROM policies", "INSERT INTO policies SELECT * FROM side.before");
            }
            return statements.all(sql, values);
          },
        }),
      );
    const ledger = new Ledger(driver, world.keys.mac);
    await ledger.open();
    expect(raced).toBe(true);
    expect((await ledger.table("policies")).texts.get("resource/default")).toBe("new");
    expect(await idOf(() => new Ledger(driver, world.keys.mac).open())).toBe("store.record-tampered");
    await driver.close();
  });

  test("needs the master key that it was made with", async () => {
    rmSync(masterKeyPath(world.dataDir));
    expect(await idOf(() => initTrustee({ dataDir: world.dataDir, simulated: true, store: world.setting }))).toBe(
      "store.master-key-missing",
    );
  });
});
