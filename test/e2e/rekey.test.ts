import { afterAll, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { openData, withData } from "../../src/roles/trustee/data.ts";
import { hasPostgres, postgres } from "../postgres-server.ts";
import { CAI, caiJson, removeScratch, scratch } from "./cai.ts";

const folder = scratch();
afterAll(() => removeScratch(folder));

const SECRETS = 1500;
const KILLS = 12;

const databases = [
  { name: "SQLite", newStore: async () => undefined },
  ...(hasPostgres ? [{ name: "PostgreSQL", newStore: async () => (await postgres()).newDatabase() }] : []),
];

describe.each(databases)("a rekey of a trustee in $name", ({ name, newStore }) => {
  test("that is killed at any moment leaves a store that opens, with the old key or the new one", async () => {
    const dataDir = join(folder, name);
    const store = await newStore();
    const place = ["--data", dataDir, ...(store === undefined ? [] : ["--store", store])];
    await caiJson(["trustee", "init", ...place]);
    const secret = randomBytes(64);
    await withData({ dataDir, store }, async (open) => {
      await open.resources.putAll(
        Array.from({ length: SECRETS }, (_, i) => ({ path: `a/b/s${i}`, value: i === 0 ? secret : randomBytes(500) })),
        false,
      );
    });
    const key = () => readFileSync(`${dataDir}.master`, "utf8");
    const keys = new Set([key()]);
    let killed = 0;
    const started = performance.now();
    await caiJson(["trustee", "rekey", ...place]);
    const whole = performance.now() - started;
    keys.add(key());
    for (let i = 0; i < KILLS; i++) {
      const child = Bun.spawn([CAI, "trustee", "rekey", ...place], { stdin: "ignore", stdout: "ignore", stderr: "ignore" });
      // From the first instruction to after the last: where exactly it dies differs from run to run, and none of it may matter.
      const timer = setTimeout(() => child.kill("SIGKILL"), (whole * 1.1 * i) / KILLS);
      if ((await child.exited) !== 0) killed++;
      clearTimeout(timer);
      const { store: open } = await openData({ dataDir, store });
      expect(Buffer.from((await open.resources.get("a/b/s0"))!).equals(secret)).toBe(true);
      expect((await open.resources.list()).length).toBe(SECRETS);
      await open.close();
    }
    expect(killed).toBeGreaterThan(0);
    await caiJson(["trustee", "rekey", ...place]);
    keys.add(key());
    expect(keys.size).toBe(3);
    expect(existsSync(`${dataDir}.master.new`)).toBe(false);
  }, 240_000);
});
