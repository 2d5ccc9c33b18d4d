import { afterAll, afterEach, describe, expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { hasFuse, removeScratch, scratch } from "./cai.ts";
import { commandsIn, freePort, mistakesOf, Pasted } from "./pasted.ts";

const folder = scratch();
const port = await freePort();
const readme = new Pasted("README.md", folder, port);

afterEach(async () => {
  for (const status of await readme.end()) expect(status).toBe(0);
});
afterAll(() => removeScratch(folder));

describe("the README", () => {
  test.if(hasFuse)(
    "tells a story by hand that works as pasted",
    async () => {
      mkdirSync(folder, { recursive: true });
      await readme.runUntil("trustee", "ready at", { CAI_LISTEN: `127.0.0.1:${port}` });
      expect(await readme.run("owner")).toMatchObject({ status: 0 });
      await readme.runUntil("agent", "is mounted at");
      expect(Bun.spawnSync(["cmp", join(folder, "model/weights.bin"), join(folder, "mnt/weights.bin")]).exitCode).toBe(0);
      const other = await readme.run("other", { CAI_TRUSTEE: `http://127.0.0.1:${port}` });
      expect(other.status).toBe(3);
      expect(other.output).toContain("kbs.policy-denied");
      const verified = await readme.run("verify");
      expect(verified).toMatchObject({ status: 0 });
      expect(verified.output).toContain("assurance:   L1");
      expect(verified.output).toContain("runtime event: example.com load-config sha256:abcd");
      expect(await readme.run("offline")).toMatchObject({ status: 0 });
      expect(Bun.spawnSync(["diff", "-r", join(folder, "model"), join(folder, "copy")]).exitCode).toBe(0);
    },
    120_000,
  );

  test("says why a policy denied a release, in the very words of the command", async () => {
    const shown = /<!-- output: policy -->\n```\n([\s\S]*?)```/.exec(readme.text)?.[1];
    const { status, output } = await readme.run("policy", {}, process.cwd());
    expect(output).toEndWith(`\nfalse\n${shown}`);
    expect(status).toBe(0);
  });

  test("names no command that does not exist, and no flag that its command does not have", () => {
    const commands = commandsIn(readme.text.replace(/^## Not there yet$[\s\S]*?(?=^## )/m, ""));
    expect(commands.length).toBeGreaterThan(25);
    expect(commands.flatMap(mistakesOf)).toEqual([]);
  }, 60_000);
});
