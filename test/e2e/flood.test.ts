import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { SimulatedPlatform, simulatedPccs } from "../../src/tee/tdx/index.ts";
import { Guest, platform, refusal } from "../roles/trustee/kbs-world.ts";
import { caiJson, removeScratch, scratch, start, stopAll } from "./cai.ts";

/** Requests that one set of collateral takes: TCB info, QE identity, both revocation lists. */
const ONE_SET = 4;
const LANES = 8;
const ATTACKS_PER_LANE = 25;

let folder: string;
let url: string;
let asked = 0;
let service: ReturnType<typeof Bun.serve>;

beforeAll(async () => {
  folder = scratch();
  const issued = SimulatedPlatform.create({ seed: new Uint8Array(32).fill(3), now: Math.floor(Date.now() / 1000) });
  const answer = simulatedPccs((tee) => issued.collateral(tee));
  service = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch(request) {
      asked++;
      return answer(request);
    },
  });
  writeFileSync(join(folder, "anchor.pem"), platform.anchorPem);
  const data = join(folder, "trustee");
  await caiJson(["trustee", "init", "--simulated", "--data", data]);
  const source = ["--trust-anchor", join(folder, "anchor.pem"), "--collateral-source", `http://127.0.0.1:${service.port}`];
  const trustee = await start(["trustee", "serve", "--data", data, "--listen", "127.0.0.1:0", ...source]);
  url = String(trustee.ready["url"]);
}, 60_000);
afterAll(async () => {
  await stopAll();
  await service.stop(true);
  removeScratch(folder);
});

const foreign = SimulatedPlatform.create({ seed: new Uint8Array(32).fill(9), now: Math.floor(Date.now() / 1000) });

/** One byte of the quote in an attest body is another: of the report, the signature, the QE report, the certificates. */
function bent(body: string, at: number): string {
  const message = JSON.parse(body) as { "tee-evidence": { primary_evidence: { quote: string } } };
  const evidence = message["tee-evidence"].primary_evidence;
  const quote = Buffer.from(evidence.quote, "base64");
  quote[at]! ^= 1;
  evidence.quote = quote.toString("base64");
  return JSON.stringify(message);
}

/** Attests with evidence that nothing speaks for, one after the other. @returns what the trustee answered */
async function attacks(lane: number): Promise<string[]> {
  const guest = new Guest({ url });
  const outcomes: string[] = [];
  for (let i = 0; i < ATTACKS_PER_LANE; i++) {
    const opened = await guest.auth();
    const honest = guest.attestBody(opened);
    const places = [184, 640, 780, 1500] as const;
    const body = i % 5 === 0 ? guest.attestBody(opened, {}, {}, foreign) : bent(honest, places[(i + lane) % places.length]!);
    outcomes.push(await refusal(guest.attestAnswer(opened, body)));
  }
  return outcomes;
}

const flood = async (): Promise<string[]> => (await Promise.all(Array.from({ length: LANES }, (_, lane) => attacks(lane)))).flat();

describe("a flood of evidence that nothing speaks for (I40)", () => {
  test("makes a trustee ask no source of collateral, while an honest machine is attested", async () => {
    const refused = /^\d{3} (tdx\.(quote-signature-invalid|qe-report-signature-invalid|pck-chain-invalid|untrusted-root)|kbs\.busy)$/;
    const alone = await flood();
    expect(alone).toHaveLength(LANES * ATTACKS_PER_LANE);
    for (const outcome of alone) expect(outcome).toMatch(refused);
    expect(asked).toBe(0);

    const [beside, { token }] = await Promise.all([flood(), new Guest({ url }).attest()]);
    for (const outcome of beside) expect(outcome).toMatch(refused);
    expect(token.split(".")).toHaveLength(3);
    expect(asked).toBe(ONE_SET);
  });
});
