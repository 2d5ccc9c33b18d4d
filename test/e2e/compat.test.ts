import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { cai, caiError, caiJson, removeScratch, scratch, stopAll } from "./cai.ts";
import { serveAgain } from "./world.ts";

let folder: string;
let admin: string[];
let agent: string[];

beforeAll(async () => {
  folder = scratch();
  const [sim, data] = [join(folder, "sim"), join(folder, "trustee")];
  await caiJson(["sim", "tdx", "init", "--out", sim]);
  const adminKey = String((await caiJson(["trustee", "init", "--simulated", "--data", data]))["admin_key"]);
  writeFileSync(join(data, "trustee.toml"), 'compat = "coco"\nprotocol_versions = "0.3.0"\n');
  const trustee = await serveAgain(data, sim);
  const url = String(trustee.ready["url"]);
  admin = ["--trustee", url, "--admin-key", adminKey];
  agent = ["--trustee", url, "--trustee-pin", String(trustee.ready["pin"]), "--simulated-tdx", join(sim, "machine.json")];
  await caiJson(["reference", "set", "--file", join(sim, "reference.json"), ...admin]);
}, 60_000);
afterAll(async () => {
  await stopAll();
  removeScratch(folder);
});

describe("a trustee whose settings file says that it answers as the CoCo family", () => {
  test("names the setting and where it came from", async () => {
    const { stdout } = await cai(["trustee", "config", "--data", join(folder, "trustee")]);
    expect(stdout).toMatch(/compat\s+coco\s+file/);
    expect(stdout).toMatch(/protocol-versions\s+0\.3\.0\s+file/);
  });

  test("is administered by the same verbs", async () => {
    const file = join(folder, "secret");
    writeFileSync(file, "a secret");
    await caiJson(["resource", "set", "kbs:///default/key/one", "--file", file, ...admin]);
    await caiJson(["policy", "set", "resource", "--template", "affirming-simulated", ...admin]);
    const { stdout, status } = await cai(["policy", "get", "resource", ...admin]);
    expect([status, stdout.startsWith("#") || stdout.includes("package policy")]).toEqual([0, true]);
    const missing = await caiError(["resource", "rm", "kbs:///default/key/none", ...admin]);
    expect(missing.id).toBe("kbs.resource-missing");
  });

  test("gives the agent its secret, and tells it of a denial at the first attempt", async () => {
    const got = await cai(["agent", "resource", "get", "kbs:///default/key/one", ...agent]);
    expect([got.status, got.stdout]).toEqual([0, "a secret"]);
    await caiJson(["policy", "set", "resource", "--template", "deny-all", ...admin]);
    const denied = await caiError(["agent", "resource", "get", "kbs:///default/key/one", ...agent]);
    expect([denied.status, denied.id]).toEqual([3, "agent.resource-denied"]);
  });
});
