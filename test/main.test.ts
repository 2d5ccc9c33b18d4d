import { describe, expect, test } from "bun:test";
import { resolve } from "node:path";

const MAIN = resolve(import.meta.dir, "../src/main.ts");

/** Runs the program from its source. */
function cai(...args: string[]): { status: number; stdout: string; id: string | undefined } {
  const { exitCode, stdout, stderr } = Bun.spawnSync([process.execPath, MAIN, ...args], { stdin: "ignore" });
  return {
    status: exitCode,
    stdout: stdout.toString(),
    id: /cai: ([\w.-]+):|"id":"([\w.-]+)"/.exec(stderr.toString())?.slice(1).find(Boolean),
  };
}

describe("the command tree", () => {
  test("refuses a flag before the verb, which would otherwise not run and seem to have succeeded", () => {
    for (const args of [
      ["--json", "model", "verify", "enc.tar"],
      ["model", "--json", "verify", "enc.tar"],
      ["--key-file=k", "model", "verify", "enc.tar"],
      ["agent", "resource", "-x"],
    ]) {
      expect(cai(...args)).toEqual({ status: 2, stdout: "", id: "cli.usage" });
    }
  });

  test("shows a group's help where that is asked for, or no verb is named", () => {
    for (const args of [[], ["--help"], ["model", "-h"], ["model"]]) {
      const { status, stdout } = cai(...args);
      expect([status, stdout.includes("Commands:")]).toEqual([0, true]);
    }
  });
});
