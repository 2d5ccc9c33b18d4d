import { rmSync } from "node:fs";
import { join } from "node:path";
import { CAI, type Figure, median, run, spread, timed, writeRandomFile } from "./measure.ts";

const BYTES = 2 * 1024 ** 3;
const RUNS = 5;

/** How fast a 2 GiB file is encrypted, as a whole process, from and to memory-backed storage. */
export function benchEncrypt(folder: string): Figure[] {
  const plain = join(folder, "plain.bin");
  writeRandomFile(plain, BYTES);
  const once = () => {
    const seconds = timed([CAI, "model", "encrypt", plain, "-o", join(folder, "bench.tar"), "--key-file", join(folder, "bench.key")]);
    rmSync(join(folder, "bench.tar"));
    rmSync(join(folder, "bench.key"));
    return BYTES / seconds / 1e9;
  };
  once();
  const rates = Array.from({ length: RUNS }, once);
  rmSync(plain);
  const cores = run(["nproc"]).trim();
  return [
    {
      name: "encrypt 2 GiB",
      value: `${median(rates).toFixed(2)} GB/s`,
      target: ">= 1 GB/s",
      met: median(rates) >= 1,
      detail: `with digests, ${cores} cores, ${RUNS} runs, GB/s: ${spread(rates)}`,
    },
  ];
}
