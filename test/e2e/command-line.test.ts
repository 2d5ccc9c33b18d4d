import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CAI, cai, caiError, removeScratch, scratch } from "./cai.ts";

const folder = scratch();
afterAll(() => removeScratch(folder));

/** Every verb, found as a user would: by the help of each group. */
async function verbs(path: string[] = []): Promise<string[][]> {
  const help = await cai([...path, "--help"]);
  const commands = /\nCommands:\n([\s\S]*?)\n\n/.exec(help.stdout)?.[1];
  if (commands === undefined) return [path];
  const names = commands.split("\n").map((line) => line.trim().split(/\s+/)[0] ?? "");
  return (await Promise.all(names.map((name) => verbs([...path, name])))).flat();
}

describe("the command line", () => {
  test("prints version and commit", async () => {
    const { status, stdout } = await cai(["--version"]);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^cai \d+\.\d+\.\d+ \([0-9a-f]{12}\)\n$/);
  });

  test("gives every verb a help with a synopsis, exit status and at least two examples", async () => {
    const all = await verbs();
    expect(all.length).toBeGreaterThan(15);
    for (const path of all) {
      const { status, stdout } = await cai([...path, "--help"]);
      expect(status).toBe(0);
      expect(stdout).toStartWith(`Usage: cai ${path.join(" ")}`);
      expect(stdout).toContain("Exit status:");
      expect(stdout.split("\nExamples:\n")[1]?.match(/^ {2}[^#\n]*\bcai /gm)?.length ?? 0).toBeGreaterThanOrEqual(2);
      expect(stdout).toContain("--json");
    }
  }, 30_000);

  test("refuses a misspelt command and names the nearest one", async () => {
    const { status, id, error } = await caiError(["modle", "encrypt"]);
    expect([status, id, error["expected"]]).toEqual([2, "cli.usage", "cai model"]);
  });

  test("refuses a misspelt flag and names the nearest one", async () => {
    const { status, id, error } = await caiError(["model", "encrypt", "x", "--output", "y", "--key-fil", "k"]);
    expect([status, id, error["expected"]]).toEqual([2, "cli.usage", "--key-file"]);
  });

  test("refuses an unknown key of a settings file and names the nearest one", async () => {
    const file = join(folder, "trustee.toml");
    writeFileSync(file, 'lisen = "127.0.0.1:0"\n');
    const { status, id, error } = await caiError(["trustee", "config", "--config", file]);
    expect([status, id, error["expected"]]).toEqual([2, "cli.setting-unknown", "listen"]);
  });

  test("takes a setting from its flag, then its variable, then the file, then its default, and says which", async () => {
    const file = join(folder, "settings.toml");
    writeFileSync(file, 'listen = "127.0.0.1:1001"\ndata = "from-file"\n');
    const run = async (args: string[], env: Record<string, string>) => {
      const { stdout } = await cai(["trustee", "config", "--config", file, "--json", ...args], { env });
      return (JSON.parse(stdout) as { listen: unknown }).listen;
    };
    expect(await run(["--listen", "127.0.0.1:1003"], { CAI_LISTEN: "127.0.0.1:1002" })).toEqual({
      value: ["127.0.0.1:1003"],
      source: "flag",
    });
    expect(await run([], { CAI_LISTEN: "127.0.0.1:1002" })).toEqual({ value: ["127.0.0.1:1002"], source: "environment" });
    expect(await run([], {})).toEqual({ value: ["127.0.0.1:1001"], source: "file" });
  });

  test("says that a result cannot be written, and minds nobody who reads no further", async () => {
    const shell = (script: string) => Bun.spawnSync(["bash", "-c", script], { env: { PATH: process.env["PATH"], CAI } });
    const full = shell('"$CAI" trustee config --json > /dev/full');
    expect([full.exitCode, JSON.parse(full.stderr.toString())]).toMatchObject([1, { error: { id: "cli.output-failed", got: "ENOSPC" } }]);
    const closed = shell('"$CAI" trustee config --json | true; echo $PIPESTATUS');
    expect([closed.stdout.toString(), closed.stderr.toString()]).toEqual(["0\n", ""]);
  });

  for (const [name, value] of [
    ["BUN_OPTIONS", "--smol"],
    ["BUN_INSPECT", ""],
    ["BUN_INSPECT_CONNECT_TO", ""],
    ["BUN_JSC_useJIT", "1"],
    ["BUN_CONFIG_VERBOSE_FETCH", "curl"],
    ["NODE_TLS_REJECT_UNAUTHORIZED", "0"],
  ] as const) {
    test(`refuses to start with ${name} (I38, I39)`, async () => {
      const { status, id, message } = await caiError(["--version"], { env: { [name]: value } });
      expect([status, id]).toEqual([2, "cli.unsafe-environment"]);
      expect(message).toContain(name);
    });
  }

  test("runs no code from the working directory (I38)", async () => {
    const hostile = join(folder, "hostile");
    mkdirSync(hostile);
    const marker = join(hostile, "ran");
    writeFileSync(join(hostile, "evil.ts"), `require("node:fs").writeFileSync(${JSON.stringify(marker)}, "");`);
    writeFileSync(join(hostile, "bunfig.toml"), 'preload = ["./evil.ts"]\n[run]\npreload = ["./evil.ts"]\n');
    writeFileSync(join(hostile, ".env"), "CAI_LOG=nonsense\nNODE_TLS_REJECT_UNAUTHORIZED=0\n");
    writeFileSync(join(hostile, "package.json"), '{"imports":{"#x":"./evil.ts"},"main":"./evil.ts"}');
    writeFileSync(join(hostile, "tsconfig.json"), '{"compilerOptions":{"jsxImportSource":"./evil"}}');
    const { status } = await cai(["trustee", "config"], { cwd: hostile });
    expect(status).toBe(0);
    expect(existsSync(marker)).toBe(false);
  });
});
