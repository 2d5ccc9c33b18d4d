import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { copyFileSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openanolis } from "../roles/trustee/import/old-world.ts";
import { cai, caiError, caiJson, removeScratch, stopAll } from "./cai.ts";
import { serveAgain, startWorld, type World } from "./world.ts";

const URI = "kbs:///default/key/backed-up";
let world: World;
let data: string;
let file: string;

beforeAll(async () => {
  world = await startWorld();
  data = join(world.folder, "trustee");
  file = join(world.folder, "monday.backup");
  await caiJson(["resource", "set", URI, "--random", "32", ...world.admin]);
}, 60_000);
afterAll(async () => {
  await stopAll();
  removeScratch(world.folder);
});

async function secretOf(agent: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await cai(["agent", "resource", "get", URI, ...agent, "--json"]);
  if (status !== 0) throw new Error(stderr);
  return stdout;
}

describe("a backup of a trustee that serves", () => {
  test("is restored into a trustee of the same identity, which releases the same secrets", async () => {
    const before = await secretOf(world.agent);
    const made = await caiJson(["trustee", "backup", "--data", data, "-o", file]);
    expect(made).toMatchObject({ file, world: "simulated", rows: { resources: 1 } });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(await world.trustee.kill("SIGKILL")).not.toBe(0);

    const restored = join(world.folder, "restored");
    copyFileSync(`${data}.master`, `${restored}.master`);
    const place = ["--data", restored, "--simulated"];
    expect(await caiJson(["trustee", "restore", file, "--check", ...place])).toMatchObject({ restored: false, rows: { resources: 1 } });
    expect(existsSync(restored)).toBe(false);
    expect(await caiJson(["trustee", "restore", file, ...place])).toMatchObject({ restored: true, pin: world.pin });
    const again = await serveAgain(restored, join(world.folder, "sim"));
    const agent = ["--trustee", String(again.ready["url"]), ...world.agent.slice(2)];
    expect(await secretOf(agent)).toBe(before);
    expect(await caiError(["trustee", "restore", file, ...place])).toMatchObject({ status: 2, id: "trustee.data-in-use" });
    await again.kill("SIGTERM");
    expect(await caiError(["trustee", "restore", file, ...place])).toMatchObject({ status: 2, id: "store.not-empty" });
  }, 60_000);

  test("is refused where it was changed, is of another world, or has another key, with its id and status", async () => {
    const other = join(world.folder, "other");
    const restore = (path: string, ...more: string[]) => caiError(["trustee", "restore", path, "--data", other, ...more]);
    expect(await restore(file, "--simulated")).toMatchObject({ status: 2, id: "store.master-key-missing" });
    copyFileSync(`${data}.master`, `${other}.master`);
    const bent = readFileSync(file);
    bent[bent.length - 100]! ^= 1;
    writeFileSync(`${file}.bent`, bent);
    expect(await restore(`${file}.bent`, "--simulated")).toMatchObject({ status: 3, id: "store.backup-tampered" });
    expect(await restore(file)).toMatchObject({ status: 2, id: "trustee.world-mismatch" });
    writeFileSync(`${other}.master`, `${"5a".repeat(32)}\n`);
    expect(await restore(file, "--simulated")).toMatchObject({ status: 2, id: "store.backup-key-wrong" });
    expect(await caiError(["trustee", "backup", "--data", data, "-o", file])).toMatchObject({ status: 2, id: "cli.output-exists" });
  });
});

test("an import that left something behind ends with 1, after its report", async () => {
  const old = join(world.folder, "old");
  mkdirSync(old);
  const { config, asConfig } = openanolis(old);
  const place = ["--data", join(world.folder, "imported")];
  await caiJson(["trustee", "init", ...place]);
  const args = ["trustee", "import", config, "--as-config", asConfig, "--root", old, ...place];
  const { status, id, stdout } = await caiError(args);
  expect([status, id]).toEqual([1, "trustee.import-incomplete"]);
  expect(JSON.parse(stdout)).toMatchObject({
    counts: { resource: { taken: 3 }, "reference value": { taken: 2, refused: 1, "left out": 1 } },
  });
  expect(await caiError(["trustee", "import", ...place])).toMatchObject({ status: 2, id: "cli.usage" });
  const missing = await caiError(["trustee", "import", "--resources", join(old, "nowhere"), ...place]);
  expect(missing).toMatchObject({ status: 1, id: "trustee.import-unreadable" });
});
