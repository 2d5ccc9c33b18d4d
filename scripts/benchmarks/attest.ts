import { readFileSync } from "node:fs";
import { createKbsClient } from "../../src/roles/agent/index.ts";
import { createLogger } from "../../src/system/index.ts";
import { simulatedTdxAttester } from "../../src/tee/tdx/index.ts";
import { removeScratch } from "../../test/e2e/cai.ts";
import { startWorld } from "../../test/e2e/world.ts";
import { CAI, type Figure, run } from "./measure.ts";

const ATTESTATIONS = 10_000;
const CLIENTS = 8;
const RESOURCE = "kbs:///default/key/bench";

/** Full simulated attestations with release (auth, attest, GET) against one trustee, client and trustee on the same cores; then its memory. */
export async function benchAttest(): Promise<Figure[]> {
  const { url, machine, trustee, admin, folder } = await startWorld();
  try {
    run([CAI, "resource", "set", RESOURCE, "--random", "32", ...admin]);
    const attester = simulatedTdxAttester(machine);
    let left = ATTESTATIONS;
    const loop = async () => {
      const client = createKbsClient({ trustee: new URL(url), attester, logger: createLogger("error") });
      while (left-- > 0) {
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
    await trustee.kill("SIGTERM");
    removeScratch(folder);
  }
}
