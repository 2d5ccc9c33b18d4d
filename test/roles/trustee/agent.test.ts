import { afterAll, beforeAll, expect, test } from "bun:test";
import { createKbsClient } from "../../../src/roles/agent/index.ts";
import { createLogger } from "../../../src/system/index.ts";
import type { Attester } from "../../../src/tee/index.ts";
import { admin, expectOk, type KbsWorld, machine, platform, provision, startKbs } from "./kbs-world.ts";

const URI = "kbs:///default/key/one";
let world: KbsWorld;
beforeAll(async () => {
  world = await startKbs();
  await provision(world);
  await expectOk(admin(world, "POST", "resource/default/key/one", "secret"));
});
afterAll(() => world.end());

const attester = (quote: Partial<Parameters<typeof platform.quote>[0]> = {}): Attester => ({
  tee: "tdx",
  simulated: true,
  detect: async () => true,
  evidence: async (reportData) => ({
    quote: Buffer.from(platform.quote({ ...machine, ...quote, reportData })).toString("base64"),
    cc_eventlog: null,
  }),
});

const client = (quote?: Parameters<typeof attester>[0], tid = world.trustee.tid) =>
  createKbsClient({
    trustee: new URL(world.url),
    pin: { kind: "tid", tid },
    attester: attester(quote),
    retry: { attempts: 1 },
    logger: createLogger("silent"),
  });

test("the agent of this program gets its secret, every answer checked against the pin", async () => {
  expect(new TextDecoder().decode(await client().resource(URI))).toBe("secret");
});

test("the agent is told which of its faults it was", async () => {
  await expect(client({ mrTd: new Uint8Array(48) }).resource(URI)).rejects.toMatchObject({ id: "agent.resource-denied" });
  await expect(client().resource("kbs:///no/such/key")).rejects.toMatchObject({ id: "agent.resource-not-found" });
  await expect(client({}, "A".repeat(43)).resource(URI)).rejects.toMatchObject({ id: "agent.trustee-mismatch" });
});

test("a thief with the agent's token gets an answer that opens for the agent's key only (I20)", async () => {
  const { token, privateKey } = await client().attest();
  await expect(client().resourceWithToken(URI, token)).rejects.toMatchObject({ id: "agent.response-not-for-us" });
  expect(new TextDecoder().decode(await client().resourceWithToken(URI, token, privateKey))).toBe("secret");
});
