import { afterAll, expect, test } from "bun:test";
import { closeSync, constants, openSync, readFileSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { CAI, caiJson, removeScratch, scratch } from "./cai.ts";

const folder = scratch();
afterAll(() => removeScratch(folder));

/** @returns the end of a pipe to write to, once somebody reads from it; undefined where the child ended before */
async function writable(path: string, child: Bun.Subprocess): Promise<number | undefined> {
  for (;;) {
    try {
      return openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
    } catch (error) {
      if ((error as { code?: string }).code !== "ENXIO") throw error;
      if (child.exitCode !== null) return undefined;
      await Bun.sleep(1);
    }
  }
}

test("a verb that is given the master key leaves no core file with it, from before it reads the key (I27, I30)", async () => {
  const data = join(folder, "data");
  await caiJson(["trustee", "init", "--data", data]);
  const pipe = join(folder, "passphrase");
  expect(Bun.spawnSync(["mkfifo", "-m", "600", pipe]).exitCode).toBe(0);
  writeFileSync(join(folder, "values.json"), "[]");
  const verbs = [
    ["init", "--data", join(folder, "other")],
    ["import", "--reference-values", join(folder, "values.json"), "--data", data],
    ["backup", "-o", join(folder, "backup"), "--data", data],
    ["rekey", "--data", data],
  ];
  for (const verb of verbs) {
    const command = [CAI, "trustee", ...verb, "--master-key", `passphrase:${pipe}`];
    const child = Bun.spawn(command, { stdin: "ignore", stdout: "ignore", stderr: "ignore" });
    const end = await writable(pipe, child);
    const limits = readFileSync(`/proc/${child.pid}/limits`, "utf8");
    expect([verb[0], /^Max core file size\s+(\S+)\s+(\S+)/m.exec(limits)?.slice(1)]).toEqual([verb[0], ["0", "0"]]);
    writeSync(end!, "short");
    closeSync(end!);
    expect(await child.exited).not.toBe(0);
  }
}, 60_000);
