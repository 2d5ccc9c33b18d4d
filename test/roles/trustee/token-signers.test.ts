import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { X509Certificate } from "node:crypto";
import fc from "fast-check";
import { type MintedClaims, signToken, verifyToken } from "../../../src/roles/trustee/attestation-token.ts";
import { initTrustee } from "../../../src/roles/trustee/init.ts";
import { scheduled, stateOf, TOKEN_LIFE } from "../../../src/roles/trustee/signer-schedule.ts";
import { TokenSigners } from "../../../src/roles/trustee/token-signers.ts";
import { admin, expectOk, Guest, type KbsWorld, provision, refusal, START, startKbs } from "./kbs-world.ts";
import { idOf, openData, scratchData } from "./scratch.ts";

const PATH = "resource/default/key/one";
interface Summary {
  kid: string;
  alg: string;
  state: string;
  until: number | null;
}

let world: KbsWorld;
beforeAll(async () => {
  world = await startKbs();
  await provision(world);
  await expectOk(admin(world, "POST", PATH, "secret"));
});
afterAll(() => world.end());

const list = async () => (await (await expectOk(admin(world, "GET", "cai/signers"))).json()) as Summary[];
const rotate = async (body: object = {}) =>
  ((await (await expectOk(admin(world, "POST", "cai/signers", JSON.stringify(body)))).json()) as { kid: string }).kid;
const published = async () =>
  ((await (await fetch(`${world.url}/.well-known/jwks.json`)).json()) as { keys: { kid: string; x: string; x5c: string[] }[] }).keys;
const signerOf = (token: string) =>
  (JSON.parse(Buffer.from(token.split(".")[0]!, "base64url").toString()) as { jwk: { x: string; x5c: string[] } }).jwk;
const opens = async (token: string) => refusal(new Guest(world).get(PATH, { attestation: token }));

describe("a token signer that is followed by another", () => {
  let now = START;
  beforeEach(() => {
    // Each test begins when everything before it has expired.
    now += 10_000;
    world.clock.now = now;
  });

  test("leaves its tokens good until the last has expired, and its key published so long", async () => {
    const { token } = await new Guest(world).attest();
    const [first] = await published();
    const kid = await rotate();
    const { token: later } = await new Guest(world).attest();
    const keys = await published();
    expect(keys.map((key) => key.kid)).toEqual([kid, first!.kid]);
    expect(signerOf(later).x).toBe(keys[0]!.x);
    expect(signerOf(token).x).toBe(first!.x);
    for (const each of [token, later]) expect(await opens(each)).toMatch(/^200 /);
    expect((await list()).map(({ state }) => state)).toEqual(["accepted", "signing"]);
    world.clock.now = now + TOKEN_LIFE - 1;
    expect(await opens(token)).toMatch(/^200 /);
    world.clock.now = now + TOKEN_LIFE;
    expect((await published()).map((key) => key.kid)).toEqual([kid]);
    expect(await opens(token)).toBe("401 kbs.token-signature");
  });

  test("stays under the same CA, whose certificate is all that relying parties pin", async () => {
    const before = signerOf((await new Guest(world).attest()).token);
    await rotate();
    const after = signerOf((await new Guest(world).attest()).token);
    expect(after.x5c[1]).toBe(before.x5c[1]!);
    const [leaf, ca] = after.x5c.map((der) => new X509Certificate(Buffer.from(der, "base64url")));
    expect([leaf!.ca, leaf!.checkIssued(ca!) && leaf!.verify(ca!.publicKey)]).toEqual([false, true]);
    expect(leaf!.validToDate.getTime()).toBeLessThanOrEqual(ca!.validToDate.getTime());
    const pem = await (await fetch(`${world.url}/certificate`)).text();
    expect(pem.match(/BEGIN CERTIFICATE/g)).toHaveLength(2);
    expect(new X509Certificate(pem).raw.equals(leaf!.raw)).toBe(true);
  });

  test("can be announced, published before it signs", async () => {
    const kid = await rotate({ from: now + 1000 });
    const upcoming = (await published()).find((key) => key.kid === kid);
    expect(signerOf((await new Guest(world).attest()).token).x).not.toBe(upcoming!.x);
    expect((await list()).map(({ state }) => state)).toEqual(["signing", "upcoming"]);
    world.clock.now = now + 1000;
    expect(signerOf((await new Guest(world).attest()).token).x).toBe(upcoming!.x);
  });

  test("can be distrusted at once", async () => {
    const { token } = await new Guest(world).attest();
    const kid = await rotate({ alone: true });
    expect((await published()).map((key) => key.kid)).toEqual([kid]);
    expect(await opens(token)).toBe("401 kbs.token-signature");
    expect((await list()).map(({ state }) => state)).toEqual(["signing"]);
  });

  test("is refused what cannot be: a time in the past or far ahead, another algorithm, and more than are kept", async () => {
    for (const from of [now - 1, now + 31 * 86_400]) {
      expect(await refusal(admin(world, "POST", "cai/signers", JSON.stringify({ from })))).toBe("400 kbs.signer-time");
    }
    for (const body of [{ alg: "none" }, { alg: "HS256" }, { more: 1 }]) {
      expect(await refusal(admin(world, "POST", "cai/signers", JSON.stringify(body)))).toBe("400 kbs.message-malformed");
    }
    let refused = "";
    for (let i = 1; refused === "" && i < 20; i++) {
      const answer = await admin(world, "POST", "cai/signers", JSON.stringify({ from: now + i }));
      if (answer.status !== 200) refused = ((await answer.json()) as { id: string }).id;
    }
    expect(refused).toBe("kbs.signers-too-many");
  });
});

describe("the schedule of signers", () => {
  const rows = fc.array(fc.record({ from: fc.integer({ min: 0, max: 50 }), alone: fc.boolean() }), { minLength: 1, maxLength: 8 });

  test("has exactly one that signs at any time from the first on", () => {
    fc.assert(
      fc.property(rows, fc.integer({ min: 0, max: 100 }), (made, now) => {
        const all = scheduled(made.map((row, sequence) => ({ ...row, sequence })));
        const begun = made.some(({ from }) => from <= now);
        expect(all.filter(({ schedule }) => stateOf(schedule, now) === "signing")).toHaveLength(begun ? 1 : 0);
      }),
    );
  });

  test("takes nothing of a signer from before one that stands alone, and everything for a token's life otherwise", () => {
    fc.assert(
      fc.property(rows, (made) => {
        for (const { row, schedule } of scheduled(made.map((each, sequence) => ({ ...each, sequence })))) {
          const later = made.some(
            ({ from, alone }, sequence) => alone && (from > row.from || (from === row.from && sequence > row.sequence)),
          );
          if (!later) expect(schedule.acceptedUntil).toBe(schedule.until + TOKEN_LIFE);
          else expect(schedule.acceptedUntil).toBeLessThanOrEqual(Math.max(...made.filter(({ alone }) => alone).map(({ from }) => from)));
        }
      }),
    );
  });
});

describe("the private key of a signer", () => {
  test("is destroyed when it signs no more, and is there again for nobody", async () => {
    const { dataDir, remove } = scratchData();
    await initTrustee({ dataDir, simulated: true, clock: () => START });
    const store = await openData(dataDir, START);
    try {
      const signers = new TokenSigners(store, "openanolis");
      const names = async () => (await store.ownKeys.names()).filter((name) => /sign/.test(name));
      expect(await names()).toEqual(["token-signer"]);
      const announced = await signers.rotate({ alg: "ES256", from: START + 10, alone: false, now: START });
      expect(await names()).toEqual([`signer/${announced}`, "token-signer"]);
      await signers.forget(START + 9);
      expect(await names()).toHaveLength(2);
      await signers.forget(START + 10);
      expect(await names()).toEqual([`signer/${announced}`]);
      expect(await signers.accepted("ES256", START + 10 + TOKEN_LIFE - 1)).toHaveLength(2);
      await signers.forget(START + 10 + TOKEN_LIFE);
      expect([...(await store.rows("signers")).keys()]).toEqual([announced]);
      const again = new TokenSigners(store, "openanolis");
      expect((await again.signing("ES256", START + 1000)).kid).toBe(announced);
    } finally {
      await store.close();
      remove();
    }
  });

  test("of simple tokens is one, also where several ask for the first at once", async () => {
    const { dataDir, remove } = scratchData();
    await initTrustee({ dataDir, simulated: true, clock: () => START });
    const store = await openData(dataDir, START);
    try {
      const replicas = Array.from({ length: 4 }, () => new TokenSigners(store, "openanolis"));
      const kids = await Promise.all(replicas.map(async (signers) => (await signers.signing("RS384", START)).kid));
      expect(new Set(kids).size).toBe(1);
      expect((await store.ownKeys.names()).filter((name) => name.startsWith("signer/"))).toEqual([`signer/${kids[0]}`]);
    } finally {
      await store.close();
      remove();
    }
  });

  test("that another replica goes on signing with is believed for a minute, by the time in the token", async () => {
    const { dataDir, remove } = scratchData();
    await initTrustee({ dataDir, simulated: true, clock: () => START });
    const store = await openData(dataDir, START);
    try {
      const signers = new TokenSigners(store, "openanolis");
      const old = await signers.signing("ES256", START);
      await signers.rotate({ alg: "ES256", from: START, alone: false, now: START });
      const accepted = await signers.accepted("ES256", START);
      const token = (iat: number) => signToken(old, { iat } as MintedClaims);
      expect(verifyToken(accepted, token(START + 59))).toEqual({ iat: START + 59 });
      expect(await idOf(() => verifyToken(accepted, token(START + 60)))).toBe("kbs.token-signature");
    } finally {
      await store.close();
      remove();
    }
  });
});
