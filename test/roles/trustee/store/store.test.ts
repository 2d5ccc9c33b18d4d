import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { Store } from "../../../../src/roles/trustee/store/index.ts";
import { idOf } from "../scratch.ts";
import { kinds, type TestStore, testStore } from "./databases.ts";

const NOW = 1_800_000_000;
const bytes = (text: string) => new TextEncoder().encode(text);
const text = (value: Uint8Array | undefined) => (value === undefined ? undefined : new TextDecoder().decode(value));

for (const kind of kinds) {
  describe(`a store in ${kind.name}`, () => {
    let world: TestStore;
    let store: Store;
    const again = async () => {
      await store.close();
      store = await world.open();
    };

    beforeEach(async () => {
      world = await testStore(kind);
      store = await world.open();
    });
    afterEach(async () => {
      await store.close();
      await world.end();
    });

    test("gives back what was stored, after it was closed and opened again", async () => {
      const entries = [
        { path: "a/b/c", value: bytes("one") },
        { path: "a/b/d", value: bytes("two") },
      ];
      await store.resources.putAll(entries, false);
      await store.references.update("", () => [{ name: "tdx.mr_td", expires: NOW, kind: "hashes", value: ["aa"] }]);
      await store.decisions.append({ time: NOW, kind: "admin", outcome: "allowed" });
      await again();
      expect(store.world).toBe("simulated");
      expect(text(await store.resources.get("a/b/c"))).toBe("one");
      expect(await store.resources.get("a/b/x")).toBeUndefined();
      expect(await store.resources.list()).toEqual([
        { path: "a/b/c", size: 3 },
        { path: "a/b/d", size: 3 },
      ]);
      expect(await store.resources.list("a/b/d")).toEqual([{ path: "a/b/d", size: 3 }]);
      expect((await store.references.all("")).get("tdx.mr_td")?.value).toEqual(["aa"]);
      expect((await store.policies.list("", "resource")).map(({ id }) => id)).toEqual(["default"]);
      expect(await store.lastTime()).toBe(NOW);
      expect(await store.resources.delete("a/b/c")).toBe(true);
      expect(await store.resources.delete("a/b/c")).toBe(false);
      expect(await store.resources.get("a/b/c")).toBeUndefined();
      expect(await store.references.delete("", "tdx.mr_td")).toBe(true);
      expect(await store.references.delete("", "tdx.mr_td")).toBe(false);
      await again();
      expect(await store.resources.list()).toEqual([{ path: "a/b/d", size: 3 }]);
    });

    test("stores several resources whole or not at all", async () => {
      await store.resources.putAll([{ path: "a/b/c", value: bytes("one") }], false);
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

    test("takes many writes at once, each of them whole, and each failing alone", async () => {
      const put = (n: number) => store.resources.putAll([{ path: `many/type/t${n % 150}`, value: bytes(`value ${n}`) }], false);
      const outcomes = await Promise.all(Array.from({ length: 300 }, (_, n) => idOf(() => put(n))));
      expect(outcomes.filter((id) => id === "done").length).toBe(150);
      expect(outcomes.filter((id) => id === "kbs.resource-exists").length).toBe(150);
      await again();
      const listed = await store.resources.list("many/");
      expect(listed.length).toBe(150);
      for (let n = 0; n < 150; n++) expect(text(await store.resources.get(`many/type/t${n}`))).toBe(`value ${n}`);
      await Promise.all(listed.map(({ path }) => store.resources.delete(path)));
      expect(await store.resources.list()).toEqual([]);
    });

    test("changes several tables in one step, or none where the decision throws", async () => {
      const removed = await store.change(["realms", "roles"], () => ({
        realms: { put: [["a", "{}"]] },
        roles: { put: [["r", "1"]], remove: ["none"] },
      }));
      expect(removed).toBe(0);
      const failing = store.change(["realms", "roles"], ({ roles }) => {
        expect(roles.get("r")).toBe("1");
        throw new RangeError("no");
      });
      expect(failing).rejects.toThrow("no");
      const all = Array.from({ length: 40 }, (_, n) =>
        store.change(["roles"], ({ roles }) => ({ roles: { put: [["r", String(Number(roles.get("r")) + 1)]], remove: [`x${n}`] } })),
      );
      await Promise.all(all);
      expect((await store.rows("roles")).get("r")).toBe("41");
      const before = await store.rows("realms");
      const revision = await store.revision();
      expect(await store.rows("realms")).toBe(before);
      await store.change(["roles"], () => ({ roles: { remove: ["r"] } }));
      expect(await store.rows("realms")).toBe(before);
      expect(await store.revision()).not.toBe(revision);
      expect((await store.rows("roles")).size).toBe(0);
    });

    test("keeps keys and texts of every script, in the order of the keys", async () => {
      const keys = ["ab", "a b", "a\u001fb", "Ä", "字", "\u{1f511}", "\uffee"];
      await store.change(["denials"], () => ({ denials: { put: keys.map((key) => [key, `text of ${key}`] as const) } }));
      await again();
      expect([...(await store.rows("denials")).keys()]).toEqual([...keys].sort());
      for (const key of keys) expect((await store.rows("denials")).get(key)).toBe(`text of ${key}`);
    });

    test("refuses a text that not every database keeps, alone among those that are written with it", async () => {
      const put = (key: string, content: string) => idOf(() => store.change(["denials"], () => ({ denials: { put: [[key, content]] } })));
      const outcomes = await Promise.all([
        put("a", "x"),
        put("b", "x\0y"),
        put("c\0", "x"),
        put("d".repeat(3000), "x"),
        put("e", "\ud800x"),
        put("\ud801", "x"),
        put("f", "x"),
      ]);
      const malformed = "kbs.message-malformed";
      expect(outcomes).toEqual(["done", malformed, malformed, malformed, malformed, malformed, "done"]);
      await again();
      expect([...(await store.rows("denials")).keys()]).toEqual(["a", "f"]);
    });

    test("keeps its own keys sealed, under their names", async () => {
      expect(await store.ownKeys.names()).toEqual(["identity", "token-ca", "token-signer"]);
      await store.ownKeys.put("token-signer-2", bytes("der"));
      await again();
      expect(text(await store.ownKeys.get("token-signer-2"))).toBe("der");
      expect(await store.ownKeys.delete("token-signer-2")).toBe(true);
      expect(await store.ownKeys.delete("token-signer-2")).toBe(false);
      expect(await store.ownKeys.get("token-signer-2")).toBeUndefined();
    });

    test("lets a value be spent once", async () => {
      const first = await Promise.all(Array.from({ length: 20 }, () => store.nonces.spend("n", NOW)));
      expect(first.filter(Boolean).length).toBe(1);
      expect(await store.tokenIds.spend("n", NOW)).toBe(true);
      await store.prune(NOW, NOW - 1);
      expect(await store.nonces.spend("n", NOW)).toBe(false);
      await store.prune(NOW, NOW);
      expect(await store.nonces.spend("n", NOW)).toBe(true);
    });

    test("forgets sessions when they expire, and lets none be put twice (I3)", async () => {
      const id = "0123456789abcdef0123456789abcdef";
      const session = { body: bytes("h"), token: "t", expires: NOW, tagged: true, version: "0.4.0", tee: "tdx", hash: "sha384" };
      await store.sessions.put(id, session);
      expect(await idOf(() => store.sessions.put(id, { ...session, token: "other" }))).toBe("kbs.session-used");
      expect(await store.sessions.get(id, NOW - 1)).toMatchObject({ token: "t", tagged: true, hash: "sha384" });
      expect(new Uint8Array((await store.sessions.get(id, NOW - 1))!.body)).toEqual(bytes("h"));
      expect(await store.sessions.get(id, NOW)).toBeUndefined();
      await store.prune(NOW, 0);
      expect(await store.sessions.get(id, 0)).toBeUndefined();
    });

    test("knows the time of its last record within a minute, also where the records were deleted", async () => {
      await store.decisions.append({ time: NOW, kind: "admin", outcome: "allowed" });
      await store.decisions.append({ time: NOW + 59, kind: "attest", outcome: "denied", error: "kbs.nonce-spent" });
      await again();
      expect(await store.lastTime()).toBe(NOW + 59);
      await world.edit("DELETE FROM decisions");
      await again();
      expect(await store.lastTime()).toBe(NOW);
    });

    test("finds decisions by number, by public id, and by what they are", async () => {
      const append = (n: number) =>
        store.decisions.append({
          time: NOW + n,
          kind: n % 2 === 0 ? "attest" : "release",
          outcome: n % 3 === 0 ? "denied" : "allowed",
          ...(n % 5 === 0 && { realm: "blue" }),
          subject: `a\0b/${n}`,
          detail: { statements: [`line ${n}`] },
        });
      const refs = await Promise.all(Array.from({ length: 30 }, (_, n) => append(n)));
      expect(new Set(refs.map(({ number }) => number)).size).toBe(30);
      const { number, id } = refs[7]!;
      const record = await store.decisions.get({ number });
      expect(record).toMatchObject({
        number,
        id,
        time: NOW + 7,
        kind: "release",
        subject: "a\ufffdb/7",
        detail: { statements: ["line 7"] },
      });
      expect(record?.realm).toBeUndefined();
      expect(await store.decisions.get({ id })).toEqual(record);
      expect(await store.decisions.get({ id: "nothing" })).toBeUndefined();
      const blue = await store.decisions.list({ realm: "blue", limit: 100 });
      expect(blue.map(({ time }) => time - NOW)).toEqual([25, 20, 15, 10, 5, 0]);
      expect(blue[0]?.detail).toBeUndefined();
      const page = await store.decisions.list({ before: blue[1]!.number, kind: "attest", outcome: "denied", limit: 2 });
      expect(page.map(({ time }) => time - NOW)).toEqual([18, 12]);
      expect((await store.decisions.list({ realm: "", limit: 100 })).length).toBe(24);
    });

    test("leaves out the details of a decision that are too long", async () => {
      const { number } = await store.decisions.append({
        time: NOW,
        kind: "admin",
        outcome: "allowed",
        detail: { text: "x".repeat(70_000) },
      });
      expect((await store.decisions.get({ number }))?.detail).toEqual({ left_out: "70011 bytes" });
    });

    test("counts what was asked for", async () => {
      await store.usage.add(new Map([["a", 2]]), NOW);
      await store.usage.add(
        new Map([
          ["b", 1],
          ["a", 3],
        ]),
        NOW - 5,
      );
      expect(Object.fromEntries(await store.usage.all())).toEqual({ a: { count: 5, last: NOW }, b: { count: 1, last: NOW - 5 } });
    });

    test("answers that it is ready", async () => {
      expect(await idOf(() => store.ping())).toBe("done");
    });
  });
}
