import { afterAll, describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cai, caiError, caiJson, removeScratch, stopAll } from "./cai.ts";
import { startWorld, type World } from "./world.ts";

let world: World;
afterAll(async () => {
  await stopAll();
  if (world !== undefined) removeScratch(world.folder);
});

/** What the trustee's token says of the machine. */
async function claims(): Promise<{ runtime_events: unknown; unproved_labels: Record<string, string[]>; level: string }> {
  const { token } = await caiJson(["agent", "token", ...world.agent]);
  const payload = JSON.parse(Buffer.from(String(token).split(".")[1]!, "base64url").toString());
  const { tdx } = payload.submods.cpu0["ear.veraison.annotated-evidence"];
  return { runtime_events: tdx.measured.runtime_events, unproved_labels: tdx.unproved_labels, level: payload.cai.level };
}

describe("a simulated machine and its event log", () => {
  test("shows in a token what booted, and what was recorded since by another process", async () => {
    world = await startWorld();
    const before = await claims();
    expect(before).toMatchObject({ runtime_events: [], level: "L1" });
    const references = JSON.parse(readFileSync(join(world.folder, "sim", "reference.json"), "utf8"));
    for (const part of ["shim", "grub", "kernel", "initrd", "kernel_cmdline"]) {
      expect(references[`measurement.${part}.SHA-384`]).toEqual(before.unproved_labels[part]);
    }
    const event = ["sim", "tdx", "extend", "example.com", "load-model", '{"id": "qwen"}', "--machine", world.machine];
    const { register, value } = await caiJson(event);
    expect([register, value]).toEqual(["rtmr_3", expect.stringMatching(/^[0-9a-f]{96}$/)]);
    // The boot is the same, so the policy still affirms.
    expect(await claims()).toMatchObject({
      runtime_events: [{ domain: "example.com", operation: "load-model", content: { id: "qwen" } }],
      level: "L1",
    });
  }, 60_000);

  test("takes an event from each of many processes at once", async () => {
    const count = ((await claims()).runtime_events as unknown[]).length;
    const extend = (i: number) => cai(["sim", "tdx", "extend", "example.com", "step", `${i}`, "--machine", world.machine]);
    const ended = await Promise.all([0, 1, 2, 3, 4, 5].map(extend));
    expect(ended.map(({ status }) => status)).toEqual([0, 0, 0, 0, 0, 0]);
    const events = (await claims()).runtime_events as { content: unknown }[];
    expect(
      events
        .slice(count)
        .map(({ content }) => content)
        .sort(),
    ).toEqual([0, 1, 2, 3, 4, 5]);
  }, 60_000);

  test("attests and shows its token with a log larger than any real machine's", async () => {
    const uri = "kbs:///default/key/large";
    await caiJson(["resource", "set", uri, "--random", "32", ...world.admin]);
    for (const letter of ["a", "b"]) {
      await caiJson(["sim", "tdx", "extend", "example.com", "large", letter.repeat(15_000), "--machine", world.machine]);
    }
    const { token } = await caiJson(["agent", "token", ...world.agent]);
    expect(String(token).length).toBeGreaterThan(150_000);
    await caiJson(["agent", "resource", "get", uri, ...world.agent]);
    const file = join(world.folder, "token");
    writeFileSync(file, String(token), { mode: 0o600 });
    // The trustee takes it; what it answers is for the machine that attested, and this client has another key.
    const { status, id } = await caiError(["agent", "resource", "get", uri, "--token-file", file, ...world.agent]);
    expect([status, id]).toEqual([3, "agent.response-not-for-us"]);
  }, 60_000);

  test("refuses an event that would be read as another", async () => {
    const refused = await caiError(["sim", "tdx", "extend", "two words", "operation", "content", "--machine", world.machine]);
    expect(refused).toMatchObject({ status: 2, id: "eventlog.event-invalid" });
    const lost = await caiError(["sim", "tdx", "extend", "d", "o", "c", "--machine", join(world.folder, "none.json")]);
    expect(lost).toMatchObject({ status: 2, id: "cli.input-unreadable" });
  });
});
