import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { templates } from "../../../src/policy/index.ts";
import { EAR_PROFILE, reportDataOf, teeKeyJson } from "../../../src/protocol/index.ts";
import { type MintedClaims, signToken } from "../../../src/roles/trustee/attestation-token.ts";
import { loadTrusteeKeys } from "../../../src/roles/trustee/identity.ts";
import { Realms, readRealm } from "../../../src/roles/trustee/realm.ts";
import type { Store } from "../../../src/roles/trustee/store/index.ts";
import type { SigningTokenSigner } from "../../../src/roles/trustee/token-signers.ts";
import type { JsonObject } from "../../../src/system/index.ts";
import {
  admin,
  b64url,
  claimsOf,
  expectOk,
  Guest,
  type KbsWorld,
  machine,
  platform,
  provision,
  references,
  refusal,
  START,
  startKbs,
} from "./kbs-world.ts";
import { idOf, openData } from "./scratch.ts";

const ALLOW_ALL = "package policy\nimport rego.v1\nallow := true\n";
const GRADE_ALL = "package policy\nimport rego.v1\nhardware := 2\nexecutables := 3\nconfiguration := 2\n";
/** A machine with another kernel than the reference values name. */
const OTHER = { mrTd: new Uint8Array(48).fill(0x77) };

const post = (world: KbsWorld, path: string, body: object) => admin(world, "POST", path, JSON.stringify(body));
const declare = (world: KbsWorld, realm: string, content: object = {}) => expectOk(post(world, "cai/realms", { realm, ...content }));
const setPolicy = (world: KbsWorld, realm: string, text: string) =>
  expectOk(post(world, `resource-policy?realm=${realm}`, { policy: b64url(text) }));
const setGrading = (world: KbsWorld, realm: string, text: string, id = "default") =>
  expectOk(post(world, `attestation-policy?realm=${realm}`, { policy_id: id, policy: b64url(text) }));
const setReferences = (world: KbsWorld, realm: string, values: Record<string, unknown>) =>
  expectOk(post(world, `cai/references?realm=${realm}`, { references: Object.entries(values).map(([name, value]) => ({ name, value })) }));
const store = (world: KbsWorld, path: string) => expectOk(admin(world, "POST", `resource/${path}`, `secret of ${path}`));

describe("two realms and the root (I21)", () => {
  let world: KbsWorld;
  beforeAll(async () => {
    world = await startKbs();
    await provision(world);
    for (const realm of ["teamA", "teamB"]) await declare(world, realm);
    for (const path of ["teamA/k/one", "teamB/k/one", "other/k/one", "teamAB/k/one"]) await store(world, path);
  });
  afterAll(() => world.end());

  const get = async (guest: Guest, cookie: string, path: string) => {
    const answer = await guest.get(`resource/${path}`, { cookie });
    return answer.status === 200 ? (await guest.open(Promise.resolve(answer))).text : refusal(Promise.resolve(answer));
  };

  test("a new realm takes nothing over: it releases nothing and has no reference values", async () => {
    const guest = new Guest(world);
    const { cookie } = await guest.attest();
    expect(await get(guest, cookie, "other/k/one")).toBe("secret of other/k/one");
    expect(await get(guest, cookie, "teamAB/k/one")).toBe("secret of teamAB/k/one");
    expect(await get(guest, cookie, "teamA/k/one")).toBe("403 kbs.policy-denied");
    expect(await (await expectOk(admin(world, "GET", "rvps/query?realm=teamA"))).json()).toEqual({});
    const policy = Buffer.from(await (await expectOk(admin(world, "GET", "resource-policy?realm=teamA"))).text(), "base64url").toString();
    expect(policy).toBe(templates["deny-all"]);
  });

  test("what one realm loosens and adds changes no verdict of another", async () => {
    await setPolicy(world, "teamB", templates["affirming-simulated"]);
    await setReferences(world, "teamB", references);
    await setPolicy(world, "teamA", ALLOW_ALL);
    await setGrading(world, "teamA", GRADE_ALL);
    await setReferences(world, "teamA", { "tdx.mr_td": ["77".repeat(48)] });
    const other = new Guest(world);
    const session = await other.attest(OTHER);
    expect(await get(other, session.cookie, "teamA/k/one")).toBe("secret of teamA/k/one");
    expect(await get(other, session.cookie, "teamB/k/one")).toBe("403 kbs.policy-denied");
    expect(await get(other, session.cookie, "other/k/one")).toBe("403 kbs.policy-denied");
    const honest = new Guest(world);
    const { cookie } = await honest.attest();
    expect(await get(honest, cookie, "teamB/k/one")).toBe("secret of teamB/k/one");
  });

  test("a realm's policy sees the realm's own grades, not those that the token was minted with", async () => {
    await setGrading(world, "teamA", GRADE_ALL.replace("hardware := 2", "hardware := 31"));
    await setPolicy(
      world,
      "teamA",
      `package policy
       import rego.v1
       allow if {
         input.submods.cpu0["ear.trustworthiness-vector"].hardware == 31
         input.cai.level == "L0"
       }`,
    );
    const guest = new Guest(world);
    const { cookie, token } = await guest.attest();
    expect((claimsOf(token)["cai"] as JsonObject)["level"]).toBe("L1");
    expect(await get(guest, cookie, "teamA/k/one")).toBe("secret of teamA/k/one");
  });

  test("a reference value that is withdrawn refuses a live session at its next use (I16)", async () => {
    const guest = new Guest(world);
    const { cookie } = await guest.attest();
    await expectOk(admin(world, "DELETE", "cai/references/tdx.rtmr_1?realm=teamB"));
    expect(await get(guest, cookie, "teamB/k/one")).toBe("403 kbs.policy-denied");
    expect(await get(guest, cookie, "other/k/one")).toBe("secret of other/k/one");
    await expectOk(admin(world, "DELETE", "cai/references/tdx.rtmr_1"));
    expect(await get(guest, cookie, "other/k/one")).toBe("403 kbs.policy-denied");
    await provision(world);
    expect(await get(guest, cookie, "other/k/one")).toBe("secret of other/k/one");
  });

  test("a token ends when the policy that RCAR appraises under changes, and not when a realm's does (I19)", async () => {
    const guest = new Guest(world);
    const { cookie } = await guest.attest();
    await setGrading(world, "teamB", `${templates["attestation-simulated"]}\n# newer`);
    expect(await get(guest, cookie, "other/k/one")).toBe("secret of other/k/one");
    await expectOk(
      post(world, "attestation-policy", { policy_id: "default", policy: b64url(`${templates["attestation-simulated"]}\n# newer`) }),
    );
    expect(await get(guest, cookie, "other/k/one")).toBe("401 kbs.token-policy");
    expect(await get(guest, cookie, "teamB/k/one")).toBe("401 kbs.token-policy");
  });

  test("a secret is listed with its size and the realm that it is of", async () => {
    const list = (await (await expectOk(admin(world, "GET", "cai/resources"))).json()) as object[];
    expect(list).toContainEqual({ path: "teamA/k/one", size: 21, realm: "teamA" });
    expect(list).toContainEqual({ path: "teamAB/k/one", size: 22, realm: "" });
    const own = (await (await expectOk(admin(world, "GET", "resources?realm=teamA"))).json()) as object[];
    expect(own).toEqual([{ repository_name: "teamA", resource_type: "k", resource_tag: "one" }]);
  });

  test("only an empty realm is removed, and its policies with it", async () => {
    await declare(world, "gone");
    await store(world, "gone/k/one");
    expect(await refusal(admin(world, "DELETE", "cai/realms/gone"))).toBe("409 kbs.realm-not-empty");
    await expectOk(admin(world, "DELETE", "resource/gone/k/one"));
    await setReferences(world, "gone", { a: 1 });
    expect(await refusal(admin(world, "DELETE", "cai/realms/gone"))).toBe("409 kbs.realm-not-empty");
    await expectOk(admin(world, "DELETE", "cai/references/a?realm=gone"));
    await expectOk(post(world, "cai/denials?realm=gone", { kind: "ppid", value: "aa" }));
    expect(await refusal(admin(world, "DELETE", "cai/realms/gone"))).toBe("409 kbs.realm-not-empty");
    await expectOk(admin(world, "DELETE", "cai/denials/ppid/aa?realm=gone"));
    await expectOk(post(world, "cai/roles", { name: "gone-admin", role: { realm: "gone", rights: "all" } }));
    expect(await refusal(admin(world, "DELETE", "cai/realms/gone"))).toBe("409 kbs.realm-not-empty");
    await expectOk(admin(world, "DELETE", "cai/roles/gone-admin"));
    await setPolicy(world, "gone", ALLOW_ALL);
    await expectOk(admin(world, "DELETE", "cai/realms/gone"));
    expect(await refusal(admin(world, "GET", "resource-policy?realm=gone"))).toBe("404 kbs.realm-missing");
    await declare(world, "gone");
    const policy = await (await expectOk(admin(world, "GET", "resource-policy?realm=gone"))).text();
    expect(Buffer.from(policy, "base64url").toString()).toBe(templates["deny-all"]);
    expect(await refusal(admin(world, "DELETE", "cai/realms/never"))).toBe("404 kbs.realm-missing");
  });

  test("declaring a realm again changes what is said of it and none of its policies", async () => {
    await setPolicy(world, "teamA", ALLOW_ALL);
    const answer = await declare(world, "teamA", { description: "the first team" });
    expect(await answer.json()).toEqual({ realm: "teamA", created: false, resources: 1 });
    const policy = await (await expectOk(admin(world, "GET", "resource-policy?realm=teamA"))).text();
    expect(Buffer.from(policy, "base64url").toString()).toBe(ALLOW_ALL);
    const list = (await (await expectOk(admin(world, "GET", "cai/realms"))).json()) as object[];
    expect(list).toContainEqual({ realm: "teamA", resources: 1, description: "the first team" });
  });

  test("a realm that is not declared, and a name that is no prefix, are refused", async () => {
    expect(await refusal(post(world, "resource-policy?realm=nobody", { policy: b64url(ALLOW_ALL) }))).toBe("404 kbs.realm-missing");
    for (const realm of ["a/../b", "/a", "a/", "a//b", ".a", "a/b/c/d", "a\u001fb", "ä"]) {
      expect(await refusal(admin(world, "GET", `rvps/query?realm=${encodeURIComponent(realm)}`))).toBe("404 kbs.path-invalid");
      expect(await refusal(post(world, "cai/realms", { realm }))).toBe("400 kbs.message-malformed");
    }
  });
});

describe("the realm of a path", () => {
  const realmsOf = (...declared: string[]) =>
    new Realms({ rows: async () => new Map(declared.map((name) => [name, "{}"])) } as unknown as Store);
  const of = (realms: Realms, path: string) => {
    const [repository = "", type = "", tag = ""] = path.split("/");
    return realms.of({ repository, type, tag });
  };

  test("is that of the longest declared prefix in whole segments", async () => {
    const realms = realmsOf("a", "a/b", "a/b/c", "ab/x");
    const expected = { "a/x/y": "a", "a/b/x": "a/b", "a/b/c": "a/b/c", "ab/b/c": "", "ab/x/c": "ab/x", "a/bc/d": "a", "aa/b/c": "" };
    for (const [path, realm] of Object.entries(expected)) expect([path, await of(realms, path)]).toEqual([path, realm]);
    expect(await of(realmsOf(), "a/b/c")).toBe("");
  });

  test("is never read from a text with another meaning", async () => {
    for (const text of ["..", "a/..", "%2e%2e", "a%2fb", "a b", "a/./b", "x".repeat(257)])
      expect(await idOf(async () => readRealm(text))).toBe("kbs.path-invalid");
    expect([readRealm(null), readRealm(""), readRealm("a/b")]).toEqual(["", "", "a/b"]);
  });
});

describe("a token of the attestation service (I6, I19)", () => {
  let world: KbsWorld;
  let signer: SigningTokenSigner;
  let mint: (
    cai: Partial<MintedClaims["cai"]>,
    runtimeData?: (key: JsonObject) => JsonObject,
    policyId?: string,
  ) => Promise<[Guest, string]>;
  beforeAll(async () => {
    world = await startKbs();
    await provision(world, "allow-all");
    await expectOk(post(world, "attestation-policy", { policy_id: "lax", policy: b64url(GRADE_ALL) }));
    await declare(world, "open", { accept_as_tokens: { policy_ids: ["strict"] } });
    await expectOk(
      post(world, "attestation-policy", { policy_id: "strict", policy: b64url(`${templates["attestation-simulated"]}\n# strict`) }),
    );
    await setPolicy(world, "open", ALLOW_ALL);
    for (const path of ["open/k/one", "other/k/one"]) await store(world, path);
    const { token } = await new Guest(world).attest();
    const minted = claimsOf(token) as unknown as MintedClaims;
    const opened = await openData(world.dataDir);
    const keys = await loadTrusteeKeys(opened);
    const hashes = new Map((await opened.policies.list("", "attestation")).map(({ id, text }) => [id, hash(text)]));
    signer = await keys.tokens.signing("ES256", START);
    await opened.close();
    mint = async (cai, runtimeData = (key) => ({ challenge_token: "jwt", "tee-pubkey": key }), policyId = "strict") => {
      const guest = new Guest(world);
      const cpu0 = minted.submods["cpu0"]!;
      const evidence = {
        ...cpu0["ear.veraison.annotated-evidence"],
        runtime_data_claims: runtimeData(guest.teeKey as unknown as JsonObject),
      };
      const claims = {
        ...minted,
        eat_profile: EAR_PROFILE,
        submods: { cpu0: { ...cpu0, "ear.appraisal-policy-id": policyId, "ear.veraison.annotated-evidence": evidence } },
        cai: { ...minted.cai, use: "as", fresh: "challenge", policy_hash: hashes.get(policyId)!, ...cai },
      } as MintedClaims;
      return [guest, signToken(signer, claims)];
    };
  });
  afterAll(() => world.end());

  const hash = (text: string) => new Bun.CryptoHasher("sha384").update(text).digest("hex");
  const get = async ([guest, token]: [Guest, string], path: string) => {
    const answer = await guest.get(path, { authorization: `Bearer ${token}` });
    return answer.status === 200 ? (await guest.open(Promise.resolve(answer))).text : refusal(Promise.resolve(answer));
  };

  test("opens nothing but in a realm that names its policy", async () => {
    expect(await get(await mint({}), "resource/other/k/one")).toBe("401 kbs.token-use");
    expect(await get(await mint({}), "resource/open/k/one")).toBe("secret of open/k/one");
  });

  test("opens nothing under another policy id, an older text of it, without the service's challenge, or in another form", async () => {
    const refused = async (...given: Parameters<typeof mint>) => get(await mint(...given), "resource/open/k/one");
    expect(await refused({}, undefined, "lax")).toBe("401 kbs.token-policy");
    expect(await refused({}, undefined, "default")).toBe("401 kbs.token-policy");
    expect(await refused({ policy_hash: "ab".repeat(48) })).toBe("401 kbs.token-policy");
    expect(await refused({ fresh: "none" })).toBe("401 kbs.token-not-fresh");
    expect(await refused({ world: "production" })).toBe("401 kbs.token-issuer");
    expect(await refused({ tid: "A".repeat(43) })).toBe("401 kbs.token-issuer");
    for (const form of [
      (key: JsonObject) => ({ "tee-pubkey": key }),
      (key: JsonObject) => ({ nonce: "n", "tee-pubkey": key }),
      (key: JsonObject) => ({ challenge_token: "jwt", "tee-pubkey": key, "pubkey-hash": "x" }),
    ])
      expect(await refused({}, form)).toMatch(/kbs\.evidence-purpose$/);
  });

  test("that the service itself made over its challenge opens the realm's resources, and deny rows hold for it, too", async () => {
    const challenge = await (await fetch(`${world.url}/challenge`, { method: "POST", body: "{}" })).json();
    const jwt = (challenge as { "extra-params": { jwt: string } })["extra-params"].jwt;
    const guest = new Guest(world);
    const structured = { challenge_token: jwt, "tee-pubkey": teeKeyJson(guest.teeKey) };
    const quote = Buffer.from(platform.quote({ ...machine, reportData: reportDataOf(structured, "sha384") })).toString("base64");
    const evidence = Buffer.from(JSON.stringify({ quote, cc_eventlog: null })).toString("base64url");
    const request = { tee: "tdx", evidence, runtime_data: { structured }, runtime_data_hash_algorithm: "sha384" };
    const attest = async (policy: string) => {
      const body = JSON.stringify({ verification_requests: [request], policy_ids: [policy] });
      return (await expectOk(fetch(`${world.url}/attestation`, { method: "POST", body }))).text();
    };
    const token = await attest("strict");
    expect(await get([guest, token], "resource/open/k/one")).toBe("secret of open/k/one");
    expect(await get([guest, token], "resource/other/k/one")).toBe("401 kbs.token-use");
    expect(await get([guest, await attest("lax")], "resource/open/k/one")).toBe("401 kbs.token-policy");
    const mrTd = Buffer.from(machine.mrTd).toString("hex");
    await expectOk(post(world, "cai/denials?realm=open", { kind: "measurement", value: mrTd }));
    expect(await get([guest, token], "resource/open/k/one")).toBe("403 policy.platform-denied");
    await expectOk(admin(world, "DELETE", `cai/denials/measurement/${mrTd}?realm=open`));
  });

  test("opens nothing where another machine, or a device of another run, stands beside the key (I1, I7)", async () => {
    const [guest, token] = await mint({});
    const other = new Guest(world).teeKey as unknown as JsonObject;
    const claims = claimsOf(token) as unknown as MintedClaims;
    const cpu0 = claims.submods["cpu0"]!;
    const own = cpu0["ear.veraison.annotated-evidence"]["runtime_data_claims"] as JsonObject;
    const beside = async (name: string, runtimeData: JsonObject) => {
      const added = {
        ...cpu0,
        "ear.veraison.annotated-evidence": { ...cpu0["ear.veraison.annotated-evidence"], runtime_data_claims: runtimeData },
      };
      const facts = { ...claims.cai.facts, [name]: claims.cai.facts["cpu0"]! };
      const signed = signToken(signer, { ...claims, submods: { cpu0, [name]: added }, cai: { ...claims.cai, facts } });
      return get([guest, signed], "resource/open/k/one");
    };
    expect(await beside("gpu0", own)).toBe("secret of open/k/one");
    expect(await beside("cpu1", own)).toMatch(/ kbs\.evidence-class$/);
    expect(await beside("gpu0", { ...own, "tee-pubkey": other })).toMatch(/ kbs\.evidence-purpose$/);
    expect(await beside("gpu0", { ...own, challenge_token: "another" })).toMatch(/ kbs\.evidence-purpose$/);
    expect(await beside("gpu0", { challenge_token: "jwt" })).toMatch(/ kbs\.evidence-purpose$/);
  });

  test("of RCAR opens the realm's resources as before", async () => {
    const guest = new Guest(world);
    const { cookie } = await guest.attest();
    expect((await guest.open(guest.get("resource/open/k/one", { cookie }))).text).toBe("secret of open/k/one");
  });
});

test("nothing is released in the future of a token, whatever realm", async () => {
  const world = await startKbs();
  try {
    await provision(world, "allow-all");
    await declare(world, "r");
    await setPolicy(world, "r", ALLOW_ALL);
    await store(world, "r/k/one");
    const guest = new Guest(world);
    const { cookie, token } = await guest.attest();
    world.clock.now = START + 301;
    expect(await refusal(guest.get("resource/r/k/one", { cookie }))).toBe("401 kbs.token-missing");
    expect(await refusal(guest.get("resource/r/k/one", { attestation: token }))).toBe("401 kbs.token-expired");
  } finally {
    await world.end();
  }
});

test("the realm of any path is a declared prefix of its segments, and no longer one is declared (property)", async () => {
  const segment = fc.constantFrom("a", "ab", "b", "a.b", "c");
  const path = fc.tuple(segment, segment, segment);
  const prefix = fc.array(segment, { minLength: 1, maxLength: 3 }).map((parts) => parts.join("/"));
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(prefix, { maxLength: 8 }), path, async (declared, [repository, type, tag]) => {
      const realms = new Realms({ rows: async () => new Map(declared.map((name) => [name, "{}"])) } as unknown as Store);
      const covering = declared.filter((name) => `${repository}/${type}/${tag}/`.startsWith(`${name}/`));
      const longest = covering.sort((one, other) => other.length - one.length)[0] ?? "";
      expect(await realms.of({ repository, type, tag })).toBe(longest);
    }),
  );
});
