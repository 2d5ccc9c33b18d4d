// Runs the voice-activity network of the file named on the command line over two seconds of a rising tone, and prints the
// probability of each frame. A program of its own, for the runtime that it loads replaces globals of the process.
import { readFileSync } from "node:fs";
import * as ort from "onnxruntime-web";

const SAMPLE_RATE = 16_000;
const FRAME = 512;
const FRAMES = 62;

ort.env.wasm.numThreads = 1;
const session = await ort.InferenceSession.create(readFileSync(process.argv[2]!));
let state = new ort.Tensor("float32", new Float32Array(256), [2, 1, 128]);
const probabilities: number[] = [];
for (let frame = 0; frame < FRAMES; frame++) {
  const audio = Float32Array.from({ length: FRAME }, (_, i) => Math.sin(((frame * FRAME + i) * (80 + frame)) / SAMPLE_RATE) * 0.6);
  const input = new ort.Tensor("float32", audio, [1, FRAME]);
  const result = await session.run({ input, state, sr: new ort.Tensor("int64", BigInt64Array.of(BigInt(SAMPLE_RATE)), []) });
  probabilities.push((result["output"]!.data as Float32Array)[0]!);
  state = result["stateN"] as typeof state;
}
console.log(JSON.stringify(probabilities));
