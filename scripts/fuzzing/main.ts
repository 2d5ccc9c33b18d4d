import { parseArgs } from "node:util";
import { fuzzPolicies } from "./policy.ts";
import { FuzzFinding, type FuzzReport, type FuzzSettings } from "./run.ts";
import { fuzzTdx } from "./tdx.ts";

const fuzzers: Record<string, (settings: FuzzSettings) => FuzzReport | Promise<FuzzReport>> = { policy: fuzzPolicies, tdx: fuzzTdx };

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { minutes: { type: "string", default: "1" }, seed: { type: "string" } },
});
const [name] = positionals;
const minutes = Number(values.minutes);
const seed = values.seed === undefined ? crypto.getRandomValues(new Uint32Array(1))[0]! : Number(values.seed);
if (name === undefined || !Object.hasOwn(fuzzers, name) || !(minutes > 0) || !Number.isInteger(seed)) {
  console.error(`usage: scripts/fuzz ${Object.keys(fuzzers).join("|")} [--minutes N] [--seed N]`);
  process.exit(2);
}

console.log(`seed ${seed}, ${minutes} min`);
const end = performance.now() + minutes * 60_000;
try {
  const { slowest, ...counts } = await fuzzers[name]!({ seed, goesOn: () => performance.now() < end });
  console.log(JSON.stringify(counts));
  console.log(`slowest case: ${slowest.milliseconds.toFixed(0)} ms\n${slowest.text.slice(0, 2000)}`);
} catch (error) {
  if (!(error instanceof FuzzFinding)) throw error;
  console.error(error.message);
  process.exit(1);
}
