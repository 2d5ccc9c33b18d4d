import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createKbsClient } from "../../src/roles/agent/index.ts";
import { createLogger } from "../../src/system/index.ts";
import { loadSimulatedTd, simulatedTdxAttester } from "../../src/tee/tdx/index.ts";
import { CAI, type Figure, run } from "./measure.ts";

const ATTESTATIONS = 10_000;
const CLIENTS = 8;
const RESOURCE = "kbs:///default/key/bench";

/** Full simulated attestations with release (auth, attest, GET) against one trustee, client and trustee on the same cores; then its memory. */
export async function benchAttest(folder: string): Promise<Figure[]> {
  const [sim, data] = [join(folder, "sim"), join(folder, "trustee")];
  run([CAI, "sim", "tdx", "init", "--out", sim]);
  run([CAI, "trustee", "init", "--simulated", "--data", data]);
  const trustee = Bun.spawn(
    [
      CAI,
      "trustee",
      "serve",
      "--data",
      data,
      "--listen",
      "127.0.0.1:0",
      "--trust-anchor",
      join(sim, "anchor.pem"),
      "--collateral",
      join(sim, "collateral.json"),
      "--json",
    ],
    { stdout: "pipe", stderr: "ignore" },
  );
  try {
    const { value } = await trustee.stdout.getReader().read();
    const { url } = JSON.parse(new TextDecoder().decode(value)) as { url: string };
    const admin = ["--trustee", url, "--admin-key", join(data, "admin.key")];
    run([CAI, "reference", "set", "--file", join(sim, "reference.json"), ...admin]);
    run([CAI, "policy", "set", "resource", "--template", "affirming-simulated", ...admin]);
    run([CAI, "resource", "set", RESOURCE, "--random", "32", ...admin]);
    const attester = simulatedTdxAttester(await loadSimulatedTd(join(sim, "machine.json")));
    let left = ATTESTATIONS;
    const loop = async () => {
      while (left-- > 0) {
        const client = createKbsClient({ trustee: new URL(url), attester, logger: createLogger("error") });
        await client.attest();
        const key = await client.resource(RESOURCE);
        if (key.length !== 32) throw new Error("the released key is not the stored one");
      }
    };
    const start = performance.now();
    await Promise.all(Array.from({ length: CLIENTS }, loop));
    const rate = ATTESTATIONS / ((performance.now() - start) / 1000);
    const rss = Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${trustee.pid}/status`, "utf8"))?.[1]) / 1024;
    return [
      {
        name: "attestation with release",
        value: `${rate.toFixed(0)}/s`,
        target: ">= 300/s",
        met: rate >= 300,
        detail: `${ATTESTATIONS} attestations, ${CLIENTS} clients, keep-alive HTTP, client on the same cores`,
      },
      {
        name: `trustee RSS after ${ATTESTATIONS}`,
        value: `${rss.toFixed(0)} MB`,
        target: "< 150 MB",
        met: rss < 150,
        detail: "VmRSS of the serving process",
      },
    ];
  } finally {
    trustee.kill("SIGTERM");
    await trustee.exited;
  }
}
