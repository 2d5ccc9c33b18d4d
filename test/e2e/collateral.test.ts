import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cai, caiError, caiJson, removeScratch, type Started, scratch, start, stopAll } from "./cai.ts";

let folder: string;
let sim: string;
let pccs: Started;
let address: string;
beforeAll(async () => {
  folder = scratch();
  sim = join(folder, "sim");
  await caiJson(["sim", "tdx", "init", "--out", sim]);
  pccs = await start(["sim", "tdx", "pccs", "--machine", join(sim, "machine.json"), "--listen", "127.0.0.1:0"]);
  address = String(pccs.ready["url"]);
}, 60_000);
afterAll(async () => {
  await stopAll();
  removeScratch(folder);
});

const anchor = () => ["--trust-anchor", join(sim, "anchor.pem")];
const fmspc = ["--fmspc", "00cafe000000"];

/** A simulated trustee with these flags, and the flags of its administrator and of an agent. */
async function trustee(name: string, ...flags: string[]) {
  const data = join(folder, name);
  const { admin_key } = await caiJson(["trustee", "init", "--simulated", "--data", data]);
  const running = await start(["trustee", "serve", "--data", data, "--listen", "127.0.0.1:0", ...anchor(), ...flags]);
  const url = String(running.ready["url"]);
  const admin = ["--trustee", url, "--admin-key", String(admin_key)];
  const agent = ["--trustee", url, "--trustee-pin", String(running.ready["pin"]), "--simulated-tdx", join(sim, "machine.json")];
  return { running, data, admin, agent };
}

describe("collateral", () => {
  test("is fetched by a trustee, kept, and serves after a restart when the service is away", async () => {
    const own = await start(["sim", "tdx", "pccs", "--machine", join(sim, "machine.json"), "--listen", "127.0.0.1:0"]);
    const source = ["--collateral-source", String(own.ready["url"])];
    const first = await trustee("fetching", ...source);
    await caiJson(["agent", "token", ...first.agent]);
    const [row] = (await caiJson(["collateral", "ls", ...first.admin]))["collateral"] as Record<string, unknown>[];
    expect(row).toMatchObject({ tee: "tdx", fmspc: "00cafe000000", simulated: true, expired: false, origin: own.ready["url"] });
    expect(await own.kill("SIGTERM")).toBe(0);
    await first.running.kill("SIGTERM");
    const again = await start(["trustee", "serve", "--data", first.data, "--listen", "127.0.0.1:0", ...anchor(), ...source]);
    const agent = ["--trustee", String(again.ready["url"]), "--trustee-pin", String(again.ready["pin"])];
    await caiJson(["agent", "token", ...agent, "--simulated-tdx", join(sim, "machine.json")]);
  });

  test("travels as one file to a trustee that fetches nothing, which takes no edited one", async () => {
    const online = await trustee("online", "--collateral-source", address);
    await caiJson(["agent", "token", ...online.agent]);
    const file = join(folder, "export.json");
    await caiJson(["collateral", "export", "-o", file, ...online.admin]);
    const offline = await trustee("offline", "--collateral-source", "none");
    expect(await caiError(["agent", "token", ...offline.agent])).toMatchObject({ status: 3 });
    expect(offline.running.log()).toContain("trustee.collateral-missing");
    const imported = await caiJson(["collateral", "import", file, ...offline.admin]);
    expect(imported["imported"]).toHaveLength(1);
    await caiJson(["agent", "token", ...offline.agent]);
    const edited = readFileSync(file, "utf8").replace(/"tcb_info_signature": "../, '"tcb_info_signature": "zz');
    expect(await caiError(["collateral", "import", "-", ...offline.admin])).toMatchObject({ status: 2, id: "tdx.collateral-malformed" });
    writeFileSync(join(folder, "edited.json"), edited);
    expect(await caiError(["collateral", "import", join(folder, "edited.json"), ...offline.admin])).toMatchObject({
      id: "tdx.collateral-malformed",
    });
  });

  test("is saved for a quote or a kind of platform, and only where the manufacturer signed it", async () => {
    const file = join(folder, "fetched.json");
    const quote = join(folder, "quote.json");
    const { quote: hex } = await caiJson(["sim", "tdx", "quote", "--machine", join(sim, "machine.json"), "--report-data", "00"]);
    writeFileSync(quote, Buffer.from(String(hex), "hex"));
    for (const what of [[quote], fmspc]) {
      const saved = await caiJson(["collateral", "fetch", ...what, "--source", address, ...anchor(), "-o", file]);
      expect(saved["collateral"]).toHaveLength(1);
      const [row] = (await caiJson(["collateral", "ls", file, ...anchor()]))["collateral"] as Record<string, unknown>[];
      expect(row).toMatchObject({ fmspc: "00cafe000000", tcb_evaluation_number: 20 });
    }
    const printed = await cai(["collateral", "fetch", ...fmspc, "--source", file, ...anchor()]);
    expect(JSON.parse(printed.stdout)).toHaveProperty("cai_collateral", 1);
    const unsigned = join(folder, "unsigned.json");
    expect(await caiError(["collateral", "fetch", ...fmspc, "--source", address, "-o", unsigned])).toMatchObject({
      status: 3,
      id: "tdx.untrusted-root",
    });
    expect(existsSync(unsigned)).toBe(false);
    const nowhere = ["collateral", "fetch", ...fmspc, "--source", address, ...anchor(), "-o", join(file, "below-a-file")];
    expect(await caiError(nowhere)).toMatchObject({ status: 1, id: "cli.output-failed" });
    expect(await caiError(["collateral", "ls", file])).toMatchObject({ status: 3, id: "tdx.untrusted-root" });
  });

  test("that nobody has is told with every source that was asked", async () => {
    const closed = "http://127.0.0.1:1";
    const list = `${address},${closed}`;
    const other = ["--fmspc", "00aabbccddee", ...anchor()];
    expect(await caiError(["collateral", "fetch", ...other, "--source", address])).toMatchObject({
      status: 3,
      id: "tdx.collateral-unknown",
    });
    const both = await caiError(["collateral", "fetch", ...other, "--source", list]);
    expect(both).toMatchObject({ status: 4, id: "tdx.collateral-unavailable" });
    expect(both.message).toContain(`${address}: tdx.collateral-unknown`);
    expect(both.message).toContain(`${closed}: net.unreachable`);
    expect(await caiError(["collateral", "fetch", "--source", address])).toMatchObject({ status: 2, id: "cli.usage" });
    expect(await caiError(["collateral", "fetch", "--fmspc", "xyz"])).toMatchObject({ status: 2, id: "cli.setting-invalid" });
    expect(await caiError(["collateral", "ls"])).toMatchObject({ status: 2, id: "cli.usage" });
  });

  test("can be asked for by the evaluation numbers that the service lists", async () => {
    const { numbers } = await caiJson(["collateral", "numbers", "--source", address, ...anchor()]);
    expect(numbers).toEqual([{ number: 20, recovery_event: "2025-08-13T00:00:00Z", tcb_date: "2025-08-13T00:00:00Z" }]);
    const fetch = (update: string) => ["collateral", "fetch", ...fmspc, "--source", address, "--update", update, ...anchor()];
    expect(JSON.parse((await cai(fetch("20"))).stdout)).toMatchObject({ sets: [{ update: 20 }] });
    expect(await caiError(fetch("19"))).toMatchObject({ status: 3, id: "tdx.collateral-unknown" });
  });

  test("is listed for people, too", async () => {
    const { stdout } = await cai(["collateral", "ls", join(sim, "collateral.json"), ...anchor()]);
    expect(stdout).toMatch(/TEE +FMSPC +CA +EDITION/);
    expect(stdout.trim().split("\n")).toHaveLength(2);
    expect(stdout).toMatch(/tdx \(simulated\) +00cafe000000 +platform +standard +20 +2025-08-13/);
  });

  test("settings that cannot be are named at the start", async () => {
    const serve = (...flags: string[]) =>
      caiError(["trustee", "serve", "--data", join(folder, "bad"), "--listen", "127.0.0.1:0", ...flags]);
    expect(await serve("--collateral-source", "nobody")).toMatchObject({ status: 2, id: "cli.setting-invalid" });
    expect(await serve("--collateral-update", "late")).toMatchObject({ status: 2, id: "cli.setting-invalid" });
    expect(await serve("--collateral", join(folder, "none.json"))).toMatchObject({ status: 2, id: "trustee.collateral-unreadable" });
    expect(await caiError(["sim", "tdx", "pccs", "--machine", join(sim, "machine.json"), "--listen", "0.0.0.0:0"])).toMatchObject({
      status: 2,
      id: "cli.setting-invalid",
    });
  });
});
