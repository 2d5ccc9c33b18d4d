import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { copyFileSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as ort from "onnxruntime-web";
import { caiJson, hasFuse, removeScratch, start, stopAll } from "./cai.ts";
import { startWorld, type World } from "./world.ts";

const NETWORK = "silero_vad_v5.onnx";
const SAMPLE_RATE = 16_000n;
const FRAME = 512;
const STATE = [2, 1, 128];

/** Runs the voice-activity network over two seconds of a rising tone. @returns the probability of each frame */
async function infer(path: string): Promise<number[]> {
  ort.env.wasm.numThreads = 1;
  const session = await ort.InferenceSession.create(readFileSync(path));
  let state = new ort.Tensor("float32", new Float32Array(256), STATE);
  const probabilities: number[] = [];
  for (let frame = 0; frame < 62; frame++) {
    const audio = Float32Array.from({ length: FRAME }, (_, i) => Math.sin(((frame * FRAME + i) * (80 + frame)) / 16_000) * 0.6);
    const result = await session.run({
      input: new ort.Tensor("float32", audio, [1, FRAME]),
      state,
      sr: new ort.Tensor("int64", BigInt64Array.of(SAMPLE_RATE), []),
    });
    const output = result["output"]!.data as Float32Array;
    probabilities.push(output[0]!);
    state = result["stateN"] as typeof state;
  }
  await session.release();
  return probabilities;
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
    const [expected, got] = [await infer(join(plain, NETWORK)), await infer(join(mountpoint, NETWORK))];
    expect(expected.length).toBe(62);
    expect(new Set(expected).size).toBeGreaterThan(10);
    expect(got).toEqual(expected);
    expect(await mount.kill("SIGTERM")).toBe(0);
  });
});
