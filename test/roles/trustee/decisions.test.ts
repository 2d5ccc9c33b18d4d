import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { get } from "node:http";
import { join } from "node:path";
import { makeAdminToken, parseDecision, parseDecisionList, type ShownDecision } from "../../../src/protocol/index.ts";
import { admin, b64url, expectOk, Guest, type KbsWorld, provision, refusal, START, startKbs } from "./kbs-world.ts";

const PATH = "resource/default/key/1";
const SECRET = "the-secret-of-this-test";
let world: KbsWorld;
let guest: Guest;

beforeAll(async () => {
  world = await startKbs({ collateralGraceSeconds: 60 });
});
afterAll(() => world.end());
beforeEach(async () => {
  await provision(world);
  await expectOk(admin(world, "POST", PATH, SECRET));
  guest = new Guest(world);
});

const bytesOf = async (answer: Promise<Response>) => new Uint8Array(await (await expectOk(answer)).arrayBuffer());
const list = async (query = "") => parseDecisionList(await bytesOf(admin(world, "GET", `cai/decisions${query}`)));
const show = async (name: string | number, query = "") =>
  parseDecision(await bytesOf(admin(world, "GET", `cai/decisions/${name}${query}`)));
const latest = async (kind: string): Promise<ShownDecision> => {
  const [found] = (await list(`?kind=${kind}&limit=1`)).decisions;
  return (await show(found!.number)).decision;
};
const setPolicy = (text: string, query = "") =>
  expectOk(admin(world, "POST", `resource-policy${query}`, JSON.stringify({ policy: b64url(text) })));

describe("an attestation's record", () => {
  test("says what the policy read, asked for and decided by, the collateral, and how the evidence was bound", async () => {
    await guest.attest();
    const { detail, ...columns } = await latest("attest");
    expect(columns).toMatchObject({ outcome: "allowed", tee: "tdx", level: "L1", client: "127.0.0.1" });
    expect(columns.digest).toMatch(/^[0-9a-f]{64}$/);
    expect(detail).toMatchObject({
      v: 1,
      binding: "tagged",
      fresh: "nonce",
      protocol: "0.4.0",
      switches: ["collateral_grace=60", "trust_anchor=1 simulated"],
      submods: { cpu0: { status: "affirming", vector: { configuration: 2, executables: 3, hardware: 2 } } },
      policies: [{ kind: "attestation", id: "default", sha384: columns.policyHash }],
      floor: [],
    });
    expect(detail?.collateral?.["cpu0"]).toMatchObject({ tcb_status: "UpToDate", tcb_eval_num: 20, pck_crl_num: 1, root_ca_crl_num: 1 });
    expect(detail?.claims).toContainEqual({ name: "tdx.quote.body.mr_td", value: "11".repeat(48) });
    const reference = detail?.references?.find(({ name }) => name === "tdx.mr_td");
    expect(reference).toEqual({ name: "tdx.mr_td", state: "matched", expires: START + 365 * 86_400 });
    expect(detail?.explanations?.map(({ query, value }) => [query, value])).toEqual([
      ["data.policy.configuration", 2],
      ["data.policy.executables", 3],
      ["data.policy.hardware", 2],
    ]);
  });

  test("of another machine names the value that differs and the statement that failed", async () => {
    await guest.attest({ mrTd: new Uint8Array(48) });
    const { detail, level } = await latest("attest");
    expect(level).toBe("L0");
    expect(detail?.references).toContainEqual(
      expect.objectContaining({ name: "tdx.mr_td", state: "differs", got: "00".repeat(48), failed: true }),
    );
    const failed = detail?.explanations?.find(({ query }) => query === "data.policy.executables");
    expect(JSON.stringify(failed)).toContain("claims[name] in allowed(platform, name)");
  });

  test("of evidence that does not verify says what the check expected", async () => {
    const opened = await guest.auth();
    await guest.attestAnswer(opened, guest.attestBody(opened, { primaryEvidence: { quote: "AAAA", cc_eventlog: null } }));
    const { outcome, error, tee, detail } = await latest("attest");
    expect([outcome, tee]).toEqual(["denied", "tdx"]);
    expect(error).toStartWith("tdx.");
    expect(detail?.reason?.message).toBeString();
    expect(detail).not.toHaveProperty("explanations");
  });

  test("of another body in an attested session, and of no attestation at all, is a denial (I3)", async () => {
    const { cookie } = await guest.attest();
    for (const [opened, id] of [
      [{ ...(await guest.auth()), cookie }, "kbs.session-used"],
      [await guest.auth(), "kbs.message-malformed"],
    ] as const) {
      await guest.attestAnswer(opened, "{");
      expect(await latest("attest")).toMatchObject({ outcome: "denied", error: id, client: "127.0.0.1" });
    }
  });

  test("marks what the client says of itself, takes only what is known, and no policy sees it (I18)", async () => {
    const opened = await guest.auth();
    const instance = { instance_id: "i-1", ip: "10.0.0.9\u001b[2J", password: SECRET, image_id: 7 };
    const headers = { cookie: opened.cookie, aainstanceinfo: JSON.stringify(instance), "x-forwarded-for": "203.0.113.9" };
    await expectOk(fetch(`${world.url}/kbs/v0/attest`, { method: "POST", body: guest.attestBody(opened), headers }));
    const { detail } = await latest("attest");
    expect(detail?.unverified).toEqual({ instance_id: "i-1", ip: "10.0.0.9 [2J", forwarded_for: "203.0.113.9" });
    expect(JSON.stringify(detail?.claims)).not.toContain("i-1");
  });
});

describe("a release's record", () => {
  test("leads to the attestation that its token came from", async () => {
    const { cookie } = await guest.attest();
    const attest = await latest("attest");
    await guest.open(guest.get(PATH, { cookie }));
    const { decision, attestation } = await show((await latest("release")).id);
    expect(decision).toMatchObject({ outcome: "allowed", subject: "default/key/1", level: "L1" });
    expect(decision.detail?.attestation).toEqual({ decision: attest.id, client: "127.0.0.1" });
    expect(attestation?.number).toBe(attest.number);
    expect(decision.detail?.explanations?.[0]).toMatchObject({ policy: "resource", query: "data.policy.allow", outcome: "true" });
  });

  test("with a stolen token shows a second address (I20)", async () => {
    const { token } = await guest.attest();
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const options = { localAddress: "127.0.0.2", headers: { authorization: `Bearer ${token}` } };
      get(`${world.url}/kbs/v0/${PATH}`, options, (answer) => {
        answer.resume();
        resolve(answer.statusCode);
      }).on("error", reject);
    });
    expect(status).toBe(200);
    const { client, detail } = await latest("release");
    expect([client, detail?.attestation?.client]).toEqual(["127.0.0.2", "127.0.0.1"]);
  });

  test("of a denial names the statement of the resource policy that failed", async () => {
    const { cookie } = await guest.attest({ mrTd: new Uint8Array(48) });
    expect(await refusal(guest.get(PATH, { cookie }))).toBe("403 kbs.policy-denied");
    const { detail, error } = await latest("release");
    expect(error).toBe("kbs.policy-denied");
    expect(JSON.stringify(detail?.explanations)).toContain('cpu[\\"ear.status\\"] == \\"affirming\\"');
    expect(detail?.claims).toContainEqual({ name: 'submods.cpu0["ear.status"]', value: "warning" });
  });

  test("below the floor says so, and no policy was asked", async () => {
    const { cookie } = await guest.attest({ tdAttributes: Uint8Array.of(1, 0, 0, 0x10, 0, 0, 0, 0) });
    expect((await latest("attest")).detail?.floor).toEqual(["policy.debug"]);
    await guest.get(PATH, { cookie });
    const { error, detail } = await latest("release");
    expect(error).toBe("policy.debug");
    expect(detail).not.toHaveProperty("explanations");
  });
});

describe("what a refused machine is told", () => {
  afterEach(() => provision(world));

  test("is the same byte for byte whatever the reason is, but for the decision (I27)", async () => {
    const policies = [
      "package policy\ndefault allow := false\n",
      "package policy\nimport rego.v1\nallow if input.nothing\n",
      'package policy\nimport rego.v1\ndefault allow := false\nallow if input.submods.cpu0["ear.status"] == "warning"\n',
      "package policy\nimport rego.v1\nallow if 1 / 0 == 1\n",
      'package policy\nallow := "true"\n',
    ];
    const answers = new Set<string>();
    const reasons = new Set<string>();
    const { cookie } = await guest.attest();
    const refuse = async (path: string, session: string) => {
      const answer = await guest.get(path, { cookie: session });
      const text = await answer.text();
      const { decision } = JSON.parse(text) as { decision: string };
      answers.add(`${answer.status} ${answer.headers.get("content-type")} ${text.replace(decision, "-")}`);
      reasons.add(JSON.stringify((await show(decision)).decision.detail?.reason));
    };
    for (const policy of policies) {
      await setPolicy(policy);
      await refuse(PATH, cookie);
      await refuse("resource/no/such/key", cookie);
    }
    await provision(world);
    const other = await guest.attest({ mrTd: new Uint8Array(48) });
    await refuse(PATH, other.cookie);
    expect([...answers]).toHaveLength(1);
    expect(reasons.size).toBeGreaterThan(4);
  });
});

describe("an administrator's change", () => {
  test("of who may do what, of realms, deny rows and signers says what was changed, not only that something was", async () => {
    const key = generateKeyPairSync("ed25519").publicKey.export({ format: "pem", type: "spki" });
    const content = { realm: "noted", rights: ["resource.read"] };
    const calls: [method: string, path: string, body: object | undefined, change: object][] = [
      ["POST", "cai/realms", { realm: "noted", description: "d" }, { declared: "noted", created: true, description: "d" }],
      ["POST", "cai/roles", { name: "some", role: content }, { role: "some", ...content }],
      [
        "POST",
        "cai/administrators",
        { name: "one", administrator: { kind: "key", public_key: key, roles: ["some"] } },
        { administrator: "one", kind: "key", roles: ["some"] },
      ],
      ["DELETE", "cai/administrators/one", undefined, { removed: "one" }],
      ["DELETE", "cai/roles/some", undefined, { removed: "some" }],
      ["POST", "cai/denials?realm=noted", { kind: "ppid", value: "AB" }, { denied: "ppid/ab" }],
      ["DELETE", "cai/denials/ppid/ab?realm=noted", undefined, { removed: "ppid/ab" }],
      ["DELETE", "cai/realms/noted", undefined, { removed: "noted" }],
      ["POST", "cai/signers", { from: START + 86_400 }, { alg: "ES256", from: START + 86_400, alone: false }],
    ];
    for (const [method, path, body, change] of calls) {
      await expectOk(admin(world, method, path, body && JSON.stringify(body)));
      const { detail } = (await show((await latest("admin")).number)).decision;
      expect([path, detail?.change]).toEqual([path, expect.objectContaining(change)]);
    }
  });

  test("of a policy is recorded with the digests before and after", async () => {
    await setPolicy("package policy\ndefault allow := false\n");
    const first = await latest("admin");
    await setPolicy("package policy\nallow := true\n");
    const { detail, digest } = await latest("admin");
    expect(detail?.administrator?.role).toBe("admin");
    expect(detail?.change).toMatchObject({ policy: "resource", id: "default", before: first.detail?.change?.["after"] });
    expect(detail?.change?.["after"]).not.toEqual(detail?.change?.["before"]);
    expect(digest).toMatch(/^[0-9a-f]{64}$/);
  });

  test("of reference values is recorded with their names", async () => {
    await provision(world);
    const [, before] = (await list("?kind=admin&limit=2")).decisions;
    expect((await show(before!.number)).decision.detail?.change).toEqual({
      replaced: ["tdx.mr_td", "tdx.rtmr_0", "tdx.rtmr_1", "tdx.rtmr_2", "tdx.rtmr_3"],
    });
  });

  test("of a secret is recorded by its place and size: not even a digest tells it (I27)", async () => {
    await expectOk(admin(world, "POST", PATH, "1234"));
    const { detail, digest } = await latest("admin");
    expect(detail?.change).toEqual({ resources: [{ path: "default/key/1", size: 4 }] });
    expect(digest).toBeUndefined();
  });

  test("that was refused is a denial", async () => {
    await admin(world, "POST", PATH, "v", "x.y.z");
    expect(await latest("admin")).toMatchObject({ outcome: "denied", error: "admin.unauthenticated" });
  });
});

describe("the list of decisions", () => {
  test("is newest first, without details, in parts", async () => {
    await guest.attest();
    const { decisions, next } = await list("?limit=2");
    expect(decisions.map(({ number }) => number)).toEqual([decisions[0]!.number, decisions[0]!.number - 1]);
    expect(decisions.some((one) => "detail" in one)).toBe(false);
    expect(next).toBe(decisions[1]!.number);
    expect((await list(`?limit=2&before=${next}`)).decisions[0]?.number).toBe(next! - 1);
    expect(await list("?before=2")).toEqual({ decisions: [expect.objectContaining({ number: 1 })] });
  });

  test("can be of one kind, outcome and time", async () => {
    await guest.attest();
    world.clock.now = START + 10;
    await guest.attest({ mrTd: new Uint8Array(48) });
    await guest.attestAnswer(await guest.auth(), "{}");
    const kinds = new Set((await list("?kind=attest&outcome=allowed")).decisions.map(({ kind, outcome }) => `${kind} ${outcome}`));
    expect([...kinds]).toEqual(["attest allowed"]);
    const since = (await list(`?since=${START + 10}`)).decisions;
    expect(since.length).toBeGreaterThan(0);
    for (const { time } of since) expect(time).toBe(START + 10);
    for (const { time } of (await list(`?until=${START + 10}&limit=1000`)).decisions) expect(time).toBeLessThan(START + 10);
    world.clock.now = START;
  });

  test("refuses what it does not understand", async () => {
    for (const query of ["?limit=0", "?limit=1001", "?limit=x", "?kind=other", "?outcome=maybe", "?since=-1", "?before=1e3"]) {
      expect(await refusal(admin(world, "GET", `cai/decisions${query}`))).toBe("400 kbs.message-malformed");
    }
    for (const name of ["0", "999999", "aaaaaaaaaaaaaaaa", "x", "%31"]) {
      expect(await refusal(admin(world, "GET", `cai/decisions/${name}`))).toBe("404 kbs.decision-missing");
    }
  });

  test("is for administrators", async () => {
    for (const path of ["cai/decisions", "cai/decisions/1"]) {
      expect(await refusal(fetch(`${world.url}/kbs/v0/${path}`))).toBe("401 admin.unauthenticated");
      const token = await makeAdminToken(world.adminKey, "A".repeat(43), { method: "GET", target: "/x", body: new Uint8Array() }, START);
      expect((await admin(world, "GET", path, "", token)).status).toBe(401);
    }
  });

  test("of a realm has that realm's only, and its records by number or id too (I21, I27)", async () => {
    for (const realm of ["tenant", "other"]) await expectOk(admin(world, "POST", "cai/realms", JSON.stringify({ realm })));
    await setPolicy("package policy\nallow := false\n", "?realm=tenant");
    const own = (await list("?realm=tenant")).decisions;
    expect(own.map(({ realm }) => realm)).toEqual(["tenant"]);
    const [{ number, id }] = own as [ShownDecision];
    expect((await show(number, "?realm=tenant")).decision.id).toBe(id);
    expect((await show(id)).decision.number).toBe(number);
    for (const name of [number, id, 1]) {
      expect(await refusal(admin(world, "GET", `cai/decisions/${name}?realm=other`))).toBe("404 kbs.decision-missing");
    }
  });
});

test("neither records nor log nor database hold the secret, the keys or the tokens of these tests (I27)", async () => {
  const { token, cookie } = await guest.attest();
  await guest.open(guest.get(PATH, { cookie }));
  await setPolicy(`package policy\nimport rego.v1\ndefault allow := false\nallow if data.query.pin == "${"0".repeat(8)}"\n`);
  await guest.get(`${PATH}?pin=${SECRET}`, { cookie });
  const { decisions } = await list("?limit=1000");
  const records = await Promise.all(decisions.map(({ number }) => show(number)));
  const files = ["trustee.db", "trustee.db-wal"].map((name) => readFileSync(join(world.dataDir, name)).toString("latin1"));
  const written = [JSON.stringify(records), world.log.join("\n"), ...files];
  for (const text of written) for (const secret of [SECRET, cookie.split("=")[1]!]) expect(text.includes(secret)).toBe(false);
  expect(JSON.stringify(records)).not.toContain(token);
  await provision(world);
});
