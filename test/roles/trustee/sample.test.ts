import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { templates } from "../../../src/policy/index.ts";
import { rcarRuntimeData, runtimeDataDigest } from "../../../src/protocol/index.ts";
import { createTrustee, initTrustee } from "../../../src/roles/trustee/index.ts";
import { createLogger, type JsonObject } from "../../../src/system/index.ts";
import { admin, b64url, claimsOf, expectOk, Guest, type KbsWorld, type Opened, refusal, startKbs } from "./kbs-world.ts";
import { idOf, scratchData } from "./scratch.ts";

const PATH = "resource/default/key/one";
const REGISTER = "757146c3a428077e234d60cd0aee9c52d3d9802a14bcc93a33a7373d11a93dda";
let world: KbsWorld;

beforeAll(async () => {
  world = await startKbs({ acceptSample: true });
  const values = { "sample.svn": ["1"], "sample.measure_register": [REGISTER], "sample.launch_digest": ["abcde"] };
  const payload = Buffer.from(JSON.stringify(values)).toString("base64");
  await expectOk(admin(world, "POST", "reference-value", JSON.stringify({ version: "0.1.0", type: "sample", payload })));
  await expectOk(admin(world, "POST", "resource-policy", JSON.stringify({ policy: b64url(templates["affirming-sample"]) })));
  await expectOk(admin(world, "POST", PATH, "worthless"));
});
afterAll(() => world.end());

/** Evidence as sample attesters of either family make it: the digest of the runtime data, nothing signed. */
function evidenceOf(guest: Guest, { nonce }: Opened, members: JsonObject = {}): JsonObject {
  const digest = runtimeDataDigest(rcarRuntimeData({ nonce, teeKey: guest.teeKey, additionalEvidence: "" }), "sha384");
  return { svn: "1", report_data: Buffer.from(digest).toString("base64"), ...members };
}

const authOf = (guest: Guest) => guest.auth({ tee: "sample", "extra-params": "foo" });

describe("where the operator takes sample evidence, a sample guest", () => {
  test.each([
    ["with a register", { measure_register: REGISTER, cc_eventlog: null }],
    ["without one", {}],
  ])("%s completes RCAR and gets a resource (trustee.md §12.1)", async (_, members) => {
    const guest = new Guest(world);
    const opened = await authOf(guest);
    const body = guest.attestBody(opened, { primaryEvidence: evidenceOf(guest, opened, members) });
    const { token } = (await (await expectOk(guest.attestAnswer(opened, body))).json()) as { token: string };
    const claims = claimsOf(token) as { simulated: boolean; cai: object; submods: { cpu0: Record<string, JsonObject> } };
    expect([claims.simulated, claims.cai]).toMatchObject([true, { world: "simulated", binding: "plain", level: "L0" }]);
    expect<unknown>(claims.submods.cpu0["ear.status"]).toBe("affirming");
    expect(claims.submods.cpu0["ear.veraison.annotated-evidence"]).toMatchObject({ init_data: null, sample: { simulated: true } });
    expect((await guest.open(guest.get(PATH, { cookie: opened.cookie }))).text).toBe("worthless");
  });

  test("that claims another version or register gets nothing", async () => {
    for (const members of [{ svn: "0" }, { measure_register: "00".repeat(32) }]) {
      const guest = new Guest(world);
      const opened = await authOf(guest);
      await expectOk(guest.attestAnswer(opened, guest.attestBody(opened, { primaryEvidence: evidenceOf(guest, opened, members) })));
      expect(await refusal(guest.get(PATH, { cookie: opened.cookie }))).toBe("403 kbs.policy-denied");
    }
  });

  test("with evidence for another nonce is refused", async () => {
    const guest = new Guest(world);
    const [first, second] = [await authOf(guest), await authOf(guest)];
    const body = guest.attestBody(second, { primaryEvidence: evidenceOf(guest, first) });
    expect(await refusal(guest.attestAnswer(second, body))).toBe("502 sample.report-data-mismatch");
  });

  test("cannot claim init data, which its evidence does not bind (security.md I18)", async () => {
    const guest = new Guest(world);
    const opened = await authOf(guest);
    const initData = { format: "toml", body: 'version = "0.1.0"\nalgorithm = "sha384"\n[data]\nname = "value"\n' } as const;
    const body = guest.attestBody(opened, { initData, primaryEvidence: evidenceOf(guest, opened) });
    const { token } = (await (await expectOk(guest.attestAnswer(opened, body))).json()) as { token: string };
    const { submods } = claimsOf(token) as { submods: { cpu0: Record<string, JsonObject> } };
    expect(submods.cpu0["ear.veraison.annotated-evidence"]).toMatchObject({ init_data: null, init_data_claims: null });
  });
});

describe("sample evidence is refused", () => {
  test("by a trustee that was not told to take it, at attest: auth tells gateways that it is there (trustee.md §8.1, I11)", async () => {
    for (const simulated of [true, false]) {
      const other = await startKbs({ simulated });
      try {
        const guest = new Guest(other);
        const opened = await authOf(guest);
        const body = guest.attestBody(opened, { primaryEvidence: evidenceOf(guest, opened) });
        expect(await refusal(guest.attestAnswer(opened, body))).toBe("502 kbs.tee-unsupported");
        expect(await refusal(guest.attestAnswer(opened, body))).toBe("502 kbs.nonce-spent");
        expect(await refusal(guest.authAnswer({ tee: "sampledevice" }))).toBe("502 kbs.tee-unsupported");
      } finally {
        await other.end();
      }
    }
  });

  test("by a production store, which does not even start (I11)", async () => {
    const logger = createLogger("error", true, () => undefined);
    const { dataDir, remove } = scratchData();
    try {
      expect(await idOf(() => createTrustee({ dataDir, acceptSample: true, logger }))).toBe("trustee.simulated-evidence");
      await initTrustee({ dataDir, simulated: false });
      expect(await idOf(() => createTrustee({ dataDir, acceptSample: true, logger }))).toBe("trustee.simulated-evidence");
    } finally {
      remove();
    }
  });
});

test("taking sample evidence is said at the start, with a warning", () => {
  expect(world.log.some((line) => line.includes("sample evidence is accepted") && line.includes("warn"))).toBe(true);
});
