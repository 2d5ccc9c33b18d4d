import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { appraise } from "../../../src/policy/index.ts";
import { formatExpiration, parseReferenceList } from "../../../src/roles/trustee/reference-message.ts";
import { ReferenceUsage } from "../../../src/roles/trustee/reference-usage.ts";
import type { Store } from "../../../src/roles/trustee/store/index.ts";
import { message } from "./admin-calls.ts";
import { admin, b64url, expectOk, Guest, type KbsWorld, provision, refusal, START, startKbs } from "./kbs-world.ts";
import { idOf } from "./scratch.ts";

const PATH = "resource/default/key/one";
let world: KbsWorld;
beforeAll(async () => {
  world = await startKbs();
  await provision(world);
  await expectOk(admin(world, "POST", PATH, "secret"));
});
afterAll(() => world.end());
beforeEach(() => {
  world.clock.now = START;
});

interface Row {
  readonly name: string;
  readonly value: unknown;
  readonly expiration: string;
  readonly expired: boolean;
  readonly uses: number;
  readonly last_used: string | null;
}
const post = (path: string, body: object) => admin(world, "POST", path, JSON.stringify(body));
const rows = async (realm = "") => (await (await expectOk(admin(world, "GET", `cai/references?realm=${realm}`))).json()) as Row[];
const row = async (name: string, realm = "") => (await rows(realm)).find((each) => each.name === name);

describe("the routes of reference values", () => {
  test("of the openanolis family are reached as behind its gateway, for administrators only", async () => {
    const token = async (method: string, target: string, body: string) => {
      const { makeAdminToken } = await import("../../../src/protocol/index.ts");
      return makeAdminToken(world.adminKey, world.trustee.tid, { method, target, body: new TextEncoder().encode(body) }, START);
    };
    const call = async (method: string, target: string, body = "", as = true) =>
      fetch(`${world.url}/api${target}`, {
        method,
        ...(as && { headers: { authorization: `Bearer ${await token(method, target, body)}` } }),
        ...(method !== "GET" && { body }),
      });
    const register = JSON.stringify({ message: message({ gateway: ["a"] }) });
    for (const prefix of ["/rvps", "/kbs/v0/rvps"]) {
      await expectOk(call("POST", `${prefix}/register`, register));
      expect(await (await expectOk(call("GET", `${prefix}/query`))).json()).toMatchObject({ gateway: ["a"] });
      await expectOk(call("DELETE", `${prefix}/delete/gateway`));
      expect(await refusal(call("POST", `${prefix}/set_reference_value_list`, '{"rv_list":[]}'))).toBe("501 kbs.provenance-unsupported");
      for (const [method, path] of [
        ["POST", "register"],
        ["GET", "query"],
        ["DELETE", "delete/x"],
        ["POST", "set_reference_value_list"],
      ] as const)
        expect(await refusal(call(method, `${prefix}/${path}`, "", false))).toBe("401 admin.unauthenticated");
    }
    expect(await refusal(fetch(`${world.url}/rvps/query`))).toBe("404 kbs.plugin-unknown");
  });

  test("take no value on the word of provenance that nobody verified", async () => {
    const slsa = JSON.stringify({ version: "0.1.0", type: "slsa", payload: '{"artifact_type":"x","slsa_provenance":["{}"]}' });
    expect(await refusal(post("rvps/register", { message: slsa }))).toBe("501 kbs.provenance-unsupported");
    expect(await refusal(admin(world, "POST", "reference-value", slsa))).toBe("501 kbs.provenance-unsupported");
  });

  test("that remove are silent about a name that is not there upstream's way, and say so in ours", async () => {
    await expectOk(admin(world, "DELETE", "rvps/delete/never"));
    expect(await refusal(admin(world, "DELETE", "cai/references/never"))).toBe("404 kbs.reference-missing");
  });

  test("keep each realm's values apart", async () => {
    await expectOk(post("cai/realms", { realm: "team" }));
    await expectOk(admin(world, "POST", "reference-value?realm=team", message({ theirs: 1 })));
    expect(await row("theirs")).toBeUndefined();
    expect(await row("theirs", "team")).toMatchObject({ value: 1 });
    expect(await row("tdx.mr_td", "team")).toBeUndefined();
    expect(await refusal(admin(world, "GET", "reference-value/theirs"))).toBe("404 kbs.reference-missing");
  });
});

describe("a value with an end of its own", () => {
  const put = (references: object[], merge = false) => post("cai/references", { references, merge });

  test("is shown until then, and afterwards as expired, and policies see it no more", async () => {
    await expectOk(put([{ name: "short", value: ["a"], expiration: formatExpiration(START + 100) }]));
    expect(await row("short")).toMatchObject({ expiration: "2027-01-15T08:01:40Z", expired: false });
    world.clock.now = START + 100;
    expect(await row("short")).toMatchObject({ expired: true });
    expect(await refusal(admin(world, "GET", "reference-value/short"))).toBe("404 kbs.reference-missing");
  });

  test("grows where it is merged, keeping the later end, and is replaced otherwise", async () => {
    const later = formatExpiration(START + 500);
    await expectOk(put([{ name: "list", value: ["a"], expiration: later }]));
    await expectOk(put([{ name: "list", value: ["b"], expiration: formatExpiration(START + 100) }], true));
    expect(await row("list")).toMatchObject({ value: ["a", "b"], expiration: later });
    await expectOk(put([{ name: "list", value: ["c"] }]));
    expect(await row("list")).toMatchObject({ value: ["c"], expiration: formatExpiration(START + 365 * 86_400) });
  });

  test("has a date of the one form, and one to come", async () => {
    const list = (expiration: unknown) => JSON.stringify({ references: [{ name: "a", value: 1, expiration }] });
    for (const wrong of [
      "2027-08-01",
      "2027-08-01T00:00:00",
      "2027-08-01T00:00:00+00:00",
      "2027-08-01T00:00:00.5Z",
      "2027-02-30T00:00:00Z",
      5,
    ])
      expect(await idOf(async () => parseReferenceList(list(wrong), 0))).toBe("kbs.reference-invalid");
    expect(await idOf(async () => parseReferenceList(list(formatExpiration(START)), START))).toBe("kbs.reference-invalid");
    expect(parseReferenceList(list("2027-08-01T00:00:00Z"), 0).values[0]?.expires).toBe(Date.UTC(2027, 7, 1) / 1000);
  });

  test("reads back as it was written, whatever second", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 253_402_300_799 }), (expires) => {
        const body = JSON.stringify({ references: [{ name: "a", value: 1, expiration: formatExpiration(expires) }] });
        expect(parseReferenceList(body, 0).values[0]?.expires).toBe(expires);
      }),
    );
  });
});

describe("the uses of reference values", () => {
  test("are counted where policies ask, at attestation and at release, and a value that nobody asks for has none", async () => {
    await expectOk(admin(world, "POST", "reference-value", message({ "tdx.mrtd": ["typo"] })));
    const before = (await row("tdx.rtmr_1"))?.uses ?? 0;
    const guest = new Guest(world);
    const { cookie } = await guest.attest();
    expect(await row("tdx.rtmr_1")).toMatchObject({ uses: before + 1, last_used: formatExpiration(START) });
    world.clock.now = START + 10;
    expect((await guest.open(guest.get(PATH, { cookie }))).text).toBe("secret");
    expect(await row("tdx.rtmr_1")).toMatchObject({ uses: before + 2, last_used: formatExpiration(START + 10) });
    expect(await row("tdx.mrtd")).toMatchObject({ uses: 0, last_used: null });
  });

  test("are counted for the realm whose policy asked", async () => {
    await expectOk(post("cai/realms", { realm: "own" }));
    const policy = 'package policy\nimport rego.v1\nhardware := 2 if query_reference_value("mine") == 1\ndefault hardware := 97\n';
    await expectOk(post("attestation-policy?realm=own", { policy_id: "default", policy: b64url(policy) }));
    await expectOk(admin(world, "POST", "reference-value?realm=own", message({ mine: 1 })));
    await expectOk(admin(world, "POST", "reference-value", message({ mine: 1 })));
    const { cookie } = await new Guest(world).attest();
    expect(await refusal(new Guest(world).get("resource/own/k/one", { cookie }))).toBe("403 kbs.policy-denied");
    expect(await row("mine", "own")).toMatchObject({ uses: 1 });
    expect(await row("mine")).toMatchObject({ uses: 0 });
  });

  test("are those of names that exist: a policy that asks for what evidence names fills no table", () => {
    const asked: string[] = [];
    const grade = (policyText: string) =>
      appraise({
        policyText,
        policyId: "p",
        evidence: { name: "host's choice" },
        floor: [],
        references: { a: 1, b: 2 },
        onReference: (name) => asked.push(name),
      });
    grade(
      'package policy\nimport rego.v1\nhardware := 2 if query_reference_value(input.name) == null\nconfiguration := query_reference_value("a")\n',
    );
    expect(asked).toEqual(["a"]);
    asked.length = 0;
    grade("package policy\nimport rego.v1\nhardware := data.reference.b\n");
    expect([...new Set(asked)]).toEqual(["b"]);
    asked.length = 0;
    grade("package policy\nimport rego.v1\nhardware := count([v | some v in data.reference])\n");
    expect([...new Set(asked)].sort()).toEqual(["a", "b"]);
  });

  test("are written down together, and what could not be is only a count", async () => {
    const written: ReadonlyMap<string, number>[] = [];
    const usage = new ReferenceUsage({
      usage: { add: async (counts: ReadonlyMap<string, number>) => written.push(counts) },
    } as unknown as Store);
    for (let i = 0; i < 100; i++) {
      const count = usage.counting("team");
      for (const name of ["a", "a", "b"]) count(name);
    }
    await usage.flush(1);
    await usage.flush(2);
    expect(written).toHaveLength(1);
    expect([...written[0]!.values()]).toEqual([100, 100]);
  });
});
