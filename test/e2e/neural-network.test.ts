import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { copyFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { caiJson, hasFuse, removeScratch, start, stopAll } from "./cai.ts";
import { startWorld, type World } from "./world.ts";

const NETWORK = "silero_vad_v5.onnx";

/** @returns what the network of a file gives for two seconds of sound, frame by frame */
function infer(path: string): number[] {
  const run = Bun.spawnSync([process.execPath, join(import.meta.dir, "voice-activity.ts"), path]);
  if (run.exitCode !== 0) throw new Error(run.stderr.toString());
  return JSON.parse(run.stdout.toString()) as number[];
}

describe.if(hasFuse)("a real neural network", () => {
  let world: World;
  beforeAll(async () => {
    world = await startWorld();
  });
  afterAll(async () => {
    await stopAll();
    removeScratch(world.folder);
  });

  test("gives from the mounted file the very outputs that it gives from the plain one", async () => {
    const plain = join(world.folder, "model");
    mkdirSync(plain);
    copyFileSync(join("node_modules/@ricky0123/vad-web/dist", NETWORK), join(plain, NETWORK));
    const enc = join(world.folder, "enc.tar");
    await caiJson(["model", "encrypt", plain, "-o", enc, "--resource", "kbs:///default/model/vad", ...world.admin]);
    const mountpoint = join(world.folder, "mnt");
    mkdirSync(mountpoint);
    const mount = await start(["agent", "mount", "--model", enc, mountpoint, ...world.agent]);
    const [expected, got] = [infer(join(plain, NETWORK)), infer(join(mountpoint, NETWORK))];
    expect(expected.length).toBe(62);
    expect(new Set(expected).size).toBeGreaterThan(10);
    expect(got).toEqual(expected);
    expect(await mount.kill("SIGTERM")).toBe(0);
  });
});
