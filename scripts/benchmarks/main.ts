import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { benchAttest } from "./attest.ts";
import { benchAuth } from "./auth.ts";
import { benchEncrypt } from "./encrypt.ts";
import { type Figure, run } from "./measure.ts";
import { benchMount } from "./mount.ts";
import { benchPolicy } from "./policy.ts";
import { benchStartup } from "./startup.ts";
import { benchStore } from "./store.ts";
import { benchTdx } from "./tdx.ts";
import { benchTrustee } from "./trustee.ts";

const benchmarks: Record<string, (folder: string) => Figure[] | Promise<Figure[]>> = {
  startup: benchStartup,
  encrypt: benchEncrypt,
  mount: benchMount,
  attest: benchAttest,
  auth: benchAuth,
  policy: benchPolicy,
  tdx: benchTdx,
  trustee: benchTrustee,
  store: benchStore,
};

const chosen = process.argv.slice(2);
const unknown = chosen.find((name) => !Object.hasOwn(benchmarks, name));
if (unknown !== undefined) {
  console.error(`scripts/bench: no benchmark ${unknown}; there are ${Object.keys(benchmarks).join(", ")}`);
  process.exit(2);
}
const folder = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "cai-bench-"));
const figures: Figure[] = [];
try {
  console.log(
    `machine: ${run(["nproc"]).trim()} cores, Linux ${run(["uname", "-r"]).trim()}, Bun ${Bun.version}${Bun.which("gocryptfs") ? `, ${run(["gocryptfs", "-version"]).split(";")[0]?.trim()}` : ""}`,
  );
  for (const name of chosen.length > 0 ? chosen : Object.keys(benchmarks)) {
    for (const figure of await benchmarks[name]!(folder)) {
      figures.push(figure);
      console.log(
        `${figure.met ? "met " : "MISS"}  ${figure.name.padEnd(34)} ${figure.value.padEnd(20)} target ${figure.target.padEnd(18)} ${figure.detail}`,
      );
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.exitCode = figures.every((figure) => figure.met) ? 0 : 1;
