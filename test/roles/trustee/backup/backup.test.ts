import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { copyFileSync, existsSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { backUp } from "../../../../src/roles/trustee/backup/back-up.ts";
import { checkBackup, restoreTrustee } from "../../../../src/roles/trustee/backup/restore.ts";
import { type DataPlace, openData, withData } from "../../../../src/roles/trustee/data.ts";
import { initTrustee } from "../../../../src/roles/trustee/init.ts";
import { rekeyTrustee } from "../../../../src/roles/trustee/rekey.ts";
import { lockData, type Store } from "../../../../src/roles/trustee/store/index.ts";
import { idOf, scratchData } from "../scratch.ts";
import { kinds } from "../store/databases.ts";

const NOW = 1_800_000_000;
const SECRET = "the secret that nobody may find";
const bytes = (text: string) => new TextEncoder().encode(text);

interface Place extends DataPlace {
  readonly store: string;
}

for (const kind of kinds) {
  describe(`a trustee in ${kind.name}`, () => {
    const removals: (() => void)[] = [];
    let place: Place;
    let file: string;

    async function newPlace(): Promise<Place> {
      const { dataDir, setting, remove } = await kind.place();
      removals.push(remove);
      return { dataDir, store: setting };
    }

    /** A new place, with the master key of the one that is backed up. */
    async function placeWithKey(): Promise<Place> {
      const other = await newPlace();
      copyFileSync(`${place.dataDir}.master`, `${other.dataDir}.master`);
      return other;
    }

    const using = async <T>(at: DataPlace, work: (store: Store) => Promise<T>): Promise<T> => {
      const { store } = await openData(at);
      try {
        return await work(store);
      } finally {
        await store.close();
      }
    };

    beforeEach(async () => {
      place = await newPlace();
      file = join(dirname(place.dataDir), "trustee.backup");
      await initTrustee({ ...place, simulated: true, clock: () => NOW });
      await using(place, async (store) => {
        await store.resources.putAll(
          Array.from({ length: 70 }, (_, i) => ({ path: `a/b/s${i}`, value: i === 0 ? bytes(SECRET) : randomBytes(3000) })),
          false,
        );
        await store.resources.putAll([{ path: "big/one/x", value: new Uint8Array(2 * 1024 * 1024).fill(7) }], false);
        await store.references.update("", () => [{ name: "tdx.mr_td", expires: NOW, kind: "hashes", value: ["aa"] }]);
        await store.decisions.append({ time: NOW, kind: "admin", outcome: "allowed", detail: { why: "a test" } });
        await store.nonces.spend("n", NOW + 300);
        const session = {
          body: bytes("h"),
          token: "the.bearer.token",
          expires: NOW + 300,
          tagged: false,
          version: "0.4.0",
          tee: "tdx",
          hash: "sha384",
        };
        await store.sessions.put("0123456789abcdef0123456789abcdef", session);
      });
    });
    afterEach(() => {
      for (const remove of removals.splice(0)) remove();
    });

    test("is the same after a backup and a restore, but for sessions and nonces", async () => {
      const made = await backUp(place, file, NOW + 10);
      expect(made).toMatchObject({
        created: NOW + 10,
        world: "simulated",
        rows: { resources: 71, reference_values: 1, administrators: 1, decisions: 1 },
      });
      expect(statSync(file).mode & 0o777).toBe(0o600);
      const other = await placeWithKey();
      const restored = await restoreTrustee({ ...other, file, simulated: true, now: NOW + 20 });
      expect(restored.rows).toEqual(made.rows);
      const { tid } = await initTrustee({ ...place, simulated: true });
      expect(restored.tid).toBe(tid);
      const epoch = await using(place, async (store) => store.epoch);
      await using(other, async (store) => {
        expect(Buffer.from((await store.resources.get("a/b/s0"))!).toString()).toBe(SECRET);
        expect((await store.resources.get("big/one/x"))?.length).toBe(2 * 1024 * 1024);
        expect((await store.resources.list()).length).toBe(71);
        expect((await store.references.all("")).get("tdx.mr_td")?.value).toEqual(["aa"]);
        expect(await store.decisions.get({ number: 1 })).toMatchObject({ kind: "admin", detail: { why: "a test" } });
        expect(await store.sessions.get("0123456789abcdef0123456789abcdef", NOW)).toBeUndefined();
        expect(await store.nonces.spend("n", NOW + 300)).toBe(false);
        // Nonces that were given out before are foreign (I2): the epoch is a part of them.
        expect(store.epoch).toBeGreaterThan(epoch);
        expect(store.epoch).toBeGreaterThanOrEqual(NOW + 20);
        expect((await store.decisions.append({ time: NOW, kind: "admin", outcome: "allowed" })).number).toBe(2);
      });
    });

    test("is backed up while it is open, as it was at one moment", async () => {
      await using(place, async (store) => {
        const writing = (async () => {
          for (let i = 0; i < 30; i++) {
            const value = bytes(String(i));
            await store.resources.putAll(
              [
                { path: "pair/a/x", value },
                { path: "zpair/a/x", value },
              ],
              true,
            );
          }
        })();
        await backUp(place, file, NOW);
        await writing;
      });
      const other = await placeWithKey();
      await restoreTrustee({ ...other, file, simulated: true, now: NOW });
      await using(other, async (store) => {
        const [a, b] = [await store.resources.get("pair/a/x"), await store.resources.get("zpair/a/x")];
        expect(a).toEqual(b);
      });
    });

    test("is not found in its backup: no secret, no key, no token", async () => {
      await backUp(place, file, NOW);
      const backup = readFileSync(file);
      const master = readFileSync(`${place.dataDir}.master`, "utf8").trim();
      for (const text of [
        SECRET,
        "the.bearer.token",
        "tdx.mr_td",
        "a/b/s0",
        "BEGIN",
        master,
        Buffer.from(master, "hex").toString("latin1"),
      ]) {
        expect([text, backup.includes(Buffer.from(text, "latin1"))]).toEqual([text, false]);
      }
    });

    test("is restored where there is none only, and stays as it is", async () => {
      await backUp(place, file, NOW);
      expect(await idOf(() => restoreTrustee({ ...place, file, simulated: true, now: NOW }))).toBe("store.not-empty");
      expect(await idOf(() => backUp(place, file, NOW))).toBe("cli.output-exists");
      expect(await using(place, async (store) => (await store.resources.list()).length)).toBe(71);
    });

    test("is not restored into another world, under another key, or of a backup that was changed; nothing is left behind then", async () => {
      await backUp(place, file, NOW);
      const whole = readFileSync(file);
      const bent = (name: string, change: (copy: Buffer) => Uint8Array) => {
        const path = join(dirname(place.dataDir), name);
        writeFileSync(path, change(Buffer.from(whole)));
        return path;
      };
      const last = bent("last", (copy) => {
        copy[copy.length - 1]! ^= 1;
        return copy;
      });
      const cut = bent("cut", (copy) => copy.subarray(0, copy.length - 40));
      const other = await placeWithKey();
      const attempt = (path: string, simulated = true) => idOf(() => restoreTrustee({ ...other, file: path, simulated, now: NOW }));
      expect(await attempt(file, false)).toBe("trustee.world-mismatch");
      expect(await attempt(last)).toBe("store.backup-tampered");
      expect(await attempt(cut)).toBe("store.backup-truncated");
      expect(await attempt(bent("text", () => Buffer.from("not a backup at all")))).toBe("store.backup-unknown");
      expect(await attempt(join(dirname(place.dataDir), "missing"))).toBe("cli.input-unreadable");
      const right = readFileSync(`${other.dataDir}.master`);
      writeFileSync(`${other.dataDir}.master`, `${"5a".repeat(32)}\n`);
      expect(await attempt(file)).toBe("store.backup-key-wrong");
      writeFileSync(`${other.dataDir}.master`, right);
      expect(await idOf(() => openData(other))).toMatch(/^store\.(missing|unreadable)$/);
      if (kind.name === "SQLite") expect(readdirSync(other.dataDir).filter((name) => name.startsWith("trustee.db"))).toEqual([]);
      expect(await attempt(file)).toBe("done");
    });

    test("is looked at without being restored", async () => {
      await backUp(place, file, NOW);
      const other = await placeWithKey();
      const contents = await checkBackup({ ...other, file, simulated: true, now: NOW });
      expect(contents.rows).toMatchObject({ resources: 71 });
      expect(existsSync(other.dataDir)).toBe(false);
    });

    test("is put under a new master key, and opens with that one only", async () => {
      const old = join(dirname(place.dataDir), "old.master");
      await backUp(place, file, NOW);
      await rekeyTrustee({ ...place, keepOld: old });
      expect(await idOf(() => openData({ ...place, masterKey: `file:${old}` }))).toBe("store.record-tampered");
      await using(place, async (store) => {
        expect(Buffer.from((await store.resources.get("a/b/s0"))!).toString()).toBe(SECRET);
        expect(await store.decisions.get({ number: 1 })).toMatchObject({ kind: "admin" });
      });
      expect(existsSync(`${place.dataDir}.master.new`)).toBe(false);
      // The backup from before needs the old key, which was kept for it.
      const other = await placeWithKey();
      expect(await idOf(() => checkBackup({ ...other, file, simulated: true, now: NOW }))).toBe("store.backup-key-wrong");
      const request = { ...other, file, simulated: true, now: NOW, masterKey: `file:${old}` };
      expect((await restoreTrustee(request)).rows).toMatchObject({ resources: 71 });
    });
  });
}

describe("a master key changes its form", () => {
  let dataDir: string;
  let folder: string;
  let remove: () => void;
  beforeEach(async () => {
    ({ dataDir, remove } = scratchData());
    folder = dirname(dataDir);
    await initTrustee({ dataDir, simulated: true });
  });
  afterEach(() => remove());

  const secretFile = (name: string, text: string) => {
    writeFileSync(join(folder, name), text, { mode: 0o600 });
    return join(folder, name);
  };
  const opened = (place: Partial<DataPlace>) => idOf(() => withData({ dataDir, ...place }, async () => {}));

  test("from a file to a passphrase, to another, to a credential, and back to a file", async () => {
    const [one, two] = [
      `passphrase:${secretFile("one", "the first passphrase")}`,
      `passphrase:${secretFile("two", "the second passphrase")}`,
    ];
    expect((await rekeyTrustee({ dataDir, next: one })).removed).toBe(`${dataDir}.master`);
    expect(existsSync(`${dataDir}.master`)).toBe(false);
    expect(await opened({ masterKey: one })).toBe("done");
    await rekeyTrustee({ dataDir, masterKey: one, next: two });
    expect(await opened({ masterKey: one })).toBe("store.master-key-wrong");
    expect(await opened({ masterKey: two })).toBe("done");
    secretFile("cai-master-key", "5a".repeat(32));
    const credential = { masterKey: "credential:cai-master-key", keySurroundings: { credentials: folder } };
    await rekeyTrustee({ dataDir, masterKey: two, next: credential.masterKey, keySurroundings: credential.keySurroundings });
    expect(await opened(credential)).toBe("done");
    expect(await idOf(() => rekeyTrustee({ dataDir, ...credential }))).toBe("cli.usage");
    await rekeyTrustee({ dataDir, ...credential, next: `file:${dataDir}.master` });
    expect(await opened({})).toBe("done");
  }, 60_000);

  test("not while a trustee works on the data", async () => {
    const lock = lockData(dataDir);
    expect(await idOf(() => rekeyTrustee({ dataDir }))).toBe("trustee.data-in-use");
    lock.release();
  });

  test("and never to the one in the place where the old one is to be kept", async () => {
    const taken = secretFile("taken", "x");
    expect(await idOf(() => rekeyTrustee({ dataDir, keepOld: taken }))).toBe("cli.output-exists");
    expect(await opened({})).toBe("done");
  });

  test("a passphrase's parameters travel in the backup", async () => {
    const masterKey = `passphrase:${secretFile("one", "the first passphrase")}`;
    await rekeyTrustee({ dataDir, next: masterKey });
    const file = join(folder, "trustee.backup");
    await backUp({ dataDir, masterKey }, file, NOW);
    const other = { dataDir: join(folder, "other"), file, simulated: true, now: NOW };
    const wrong = `passphrase:${secretFile("two", "the second passphrase")}`;
    expect(await idOf(() => restoreTrustee({ ...other, masterKey: wrong }))).toBe("store.master-key-wrong");
    expect(existsSync(`${other.dataDir}.scrypt`)).toBe(false);
    await restoreTrustee({ ...other, masterKey });
    expect(await opened({ dataDir: other.dataDir, masterKey })).toBe("done");
  }, 60_000);

  test("after a crash between the store's transaction and the key's change of place, the next start finds the new key", async () => {
    const path = `${dataDir}.master`;
    const before = join(folder, "before.master");
    copyFileSync(path, before);
    await rekeyTrustee({ dataDir });
    renameSync(path, `${path}.new`);
    copyFileSync(before, path);
    expect(await opened({})).toBe("done");
    expect(existsSync(`${path}.new`)).toBe(false);
    expect(readFileSync(path, "utf8")).not.toBe(readFileSync(before, "utf8"));
  });
});
