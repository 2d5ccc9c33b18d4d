import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { denialName, denialOf } from "../../../src/roles/trustee/denial.ts";
import type { JsonObject } from "../../../src/system/index.ts";
import { admin, b64url, claimsOf, expectOk, Guest, type KbsWorld, provision, refusal, startKbs } from "./kbs-world.ts";

const PATH = "resource/default/key/one";
let world: KbsWorld;
let facts: { identifiers: { kind: string; value: string }[] };
let evidence: JsonObject;
beforeAll(async () => {
  world = await startKbs();
  await provision(world, "allow-all");
  await expectOk(admin(world, "POST", PATH, "secret"));
  await expectOk(admin(world, "POST", "cai/realms", JSON.stringify({ realm: "team" })));
  const allow = JSON.stringify({ policy: b64url("package policy\nimport rego.v1\nallow := true\n") });
  await expectOk(admin(world, "POST", "resource-policy?realm=team", allow));
  await expectOk(admin(world, "POST", "resource/team/key/one", "theirs"));
  const claims = claimsOf((await new Guest(world).attest()).token);
  facts = ((claims["cai"] as JsonObject)["facts"] as JsonObject)["cpu0"] as unknown as typeof facts;
  evidence = ((claims["submods"] as JsonObject)["cpu0"] as JsonObject)["ear.veraison.annotated-evidence"] as JsonObject;
});
afterAll(() => world.end());

const deny = (kind: string, value: string, realm = "") =>
  expectOk(admin(world, "POST", `cai/denials?realm=${realm}`, JSON.stringify({ kind, value, reason: "stolen" })));
const lift = (kind: string, value: string, realm = "") => expectOk(admin(world, "DELETE", `cai/denials/${kind}/${value}?realm=${realm}`));

describe("a deny row (I16, F4)", () => {
  test("refuses a live session and a token at their next use, under every policy", async () => {
    const guest = new Guest(world);
    const { cookie, token } = await guest.attest();
    expect((await guest.open(guest.get(PATH, { cookie }))).text).toBe("secret");
    const ppid = facts.identifiers.find(({ kind }) => kind === "ppid")!.value;
    await deny("ppid", ppid.toUpperCase());
    expect(await refusal(guest.get(PATH, { cookie }))).toBe("403 policy.platform-denied");
    expect(await refusal(guest.get(PATH, { attestation: token }))).toBe("403 policy.platform-denied");
    await lift("ppid", ppid);
    expect((await guest.open(guest.get(PATH, { cookie }))).text).toBe("secret");
  });

  test("lowers the grade of evidence that comes while it holds, so that verifiers without a floor refuse, too", async () => {
    const ppid = facts.identifiers.find(({ kind }) => kind === "ppid")!.value;
    await deny("ppid", ppid);
    const guest = new Guest(world);
    const { cookie, token } = await guest.attest();
    const claims = claimsOf(token) as { submods: { cpu0: JsonObject }; cai: JsonObject };
    expect(claims.submods.cpu0["ear.trustworthiness-vector"]).toMatchObject({ hardware: 97 });
    expect(claims.cai["floor"]).toEqual(["policy.platform-denied"]);
    expect(await refusal(guest.get(PATH, { cookie }))).toBe("403 policy.platform-denied");
    await lift("ppid", ppid);
  });

  test("may name a machine by each of its names, and what runs on it", async () => {
    const guest = new Guest(world);
    const { cookie } = await guest.attest();
    expect(facts.identifiers.map(({ kind }) => kind)).toEqual(["ppid", "pck-serial", "platform-instance"]);
    const body = ((evidence["tdx"] as JsonObject)["quote"] as JsonObject)["body"] as JsonObject;
    const rows = [
      ...facts.identifiers.map(({ kind, value }) => [kind, value]),
      ["measurement", String(body["mr_td"])],
      ["measurement", String(body["rtmr_2"])],
      ["init-data", "00"],
    ] as [string, string][];
    for (const [kind, value] of rows) {
      await deny(kind, value);
      expect([kind, await refusal(guest.get(PATH, { cookie }))]).toEqual([kind, "403 policy.platform-denied"]);
      await lift(kind, value);
      expect((await guest.get(PATH, { cookie })).status).toBe(200);
    }
  });

  test("of a realm holds there only, one of the root everywhere", async () => {
    const ppid = facts.identifiers.find(({ kind }) => kind === "ppid")!.value;
    const guest = new Guest(world);
    const { cookie } = await guest.attest();
    await deny("ppid", ppid, "team");
    expect(await refusal(guest.get("resource/team/key/one", { cookie }))).toBe("403 policy.platform-denied");
    expect((await guest.get(PATH, { cookie })).status).toBe(200);
    await lift("ppid", ppid, "team");
    await deny("ppid", ppid);
    expect(await refusal(guest.get("resource/team/key/one", { cookie }))).toBe("403 policy.platform-denied");
    await lift("ppid", ppid);
  });

  test("tells the refused guest neither the row nor its reason (I27)", async () => {
    const ppid = facts.identifiers.find(({ kind }) => kind === "ppid")!.value;
    const guest = new Guest(world);
    const { cookie } = await guest.attest();
    await deny("ppid", ppid);
    const answer = await guest.get(PATH, { cookie });
    const { decision, ...rest } = (await answer.json()) as Record<string, string>;
    expect(decision).toMatch(/^[a-z2-7]+$/);
    expect(rest).toEqual({
      type: "https://github.com/confidential-containers/kbs/errors/PolicyDeny",
      detail: "Access denied by policy",
      id: "policy.platform-denied",
    });
    await lift("ppid", ppid);
  });

  test("is listed with its reason, is replaced by one of the same name, and is gone when it is removed", async () => {
    await deny("chip-id", "AABB");
    await deny("chip-id", "aabb");
    const list = (await (await expectOk(admin(world, "GET", "cai/denials"))).json()) as JsonObject[];
    expect(list).toEqual([{ kind: "chip-id", value: "aabb", reason: "stolen", time: world.clock.now }]);
    await lift("chip-id", "AABB");
    expect(await refusal(admin(world, "DELETE", "cai/denials/chip-id/aabb"))).toBe("404 kbs.denial-missing");
    expect(await refusal(admin(world, "DELETE", "cai/denials/chip-id"))).toBe("404 kbs.denial-missing");
  });

  test("of another form is refused", async () => {
    for (const row of [
      { kind: "chip-id", value: "" },
      { kind: "x", value: "aa" },
      { kind: "ppid", value: "xyz" },
      { kind: "trustee", value: "none" },
      {},
    ])
      expect(await refusal(admin(world, "POST", "cai/denials", JSON.stringify(row)))).toBe("400 kbs.message-malformed");
  });
});

describe("the evidence that a row names", () => {
  const none = { identifiers: [], initData: "", members: {} };
  const row = (kind: string, value: string) => ({ ...denialName.parse({ kind, value }), time: 0 });

  test("is one whose log says that it turned to a trustee", () => {
    const tid = `tid:${"A".repeat(43)}`;
    const members = { measured: { runtime_events: [{ domain: "cai", operation: "trustee", content: tid }] } };
    expect(denialOf([row("trustee", tid)], { ...none, members })?.value).toBe(tid);
    expect(denialOf([row("trustee", `tid:${"B".repeat(43)}`)], { ...none, members })).toBeUndefined();
  });

  test("is one whose init data has that digest, whatever the size of the platform's field", () => {
    const digest = "ab".repeat(32);
    expect(denialOf([row("init-data", digest)], { ...none, initData: digest + "00".repeat(16) })).toBeDefined();
    expect(denialOf([row("init-data", digest)], { ...none, initData: `${digest}01${"00".repeat(15)}` })).toBeUndefined();
  });

  test("is named by a serial number in either case, with or without leading zeros", () => {
    const identifiers = [{ kind: "pck-serial" as const, value: "ab1" }];
    expect(denialOf([row("pck-serial", "00AB1")], { ...none, identifiers })).toBeDefined();
    expect(denialOf([row("ppid", "0ab1")], { ...none, identifiers })).toBeUndefined();
  });
});
