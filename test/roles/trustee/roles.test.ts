import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { request } from "node:http";
import { SignJWT } from "jose";
import { makeAdminToken } from "../../../src/protocol/index.ts";
import { ADMIN_RIGHTS, type AdminRight, isAdminRight, isRealmRight } from "../../../src/roles/trustee/rights.ts";
import { Role, roleContent } from "../../../src/roles/trustee/role.ts";
import { routerTable } from "../../../src/roles/trustee/router.ts";
import { makeTlsIdentity } from "../../tls-identity.ts";
import { CALLS, DENY, message, REFUSED } from "./admin-calls.ts";
import { admin, b64url, expectOk, type KbsWorld, provision, refusal, START, startKbs } from "./kbs-world.ts";
import { idOf } from "./scratch.ts";

const ALL_CALLS = [...CALLS, ...REFUSED];
const pem = (key: KeyObject) => key.export({ format: "pem", type: "spki" }) as string;

let world: KbsWorld;
const post = (path: string, body: object) => admin(world, "POST", path, JSON.stringify(body));

/** Makes a key with some roles, and gives the world as its holder sees it. */
async function holder(name: string, roles: string[] | undefined): Promise<KbsWorld> {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  await expectOk(post("cai/administrators", { name, administrator: { kind: "key", public_key: pem(publicKey), roles } }));
  return { ...world, adminKey: privateKey };
}

beforeAll(async () => {
  // Every switch that opens anything is on: none opens a write.
  world = await startKbs({ legacyOpenAttestationPolicy: true });
  await provision(world);
  for (const realm of ["teamA", "teamB", "a/b"]) await expectOk(post("cai/realms", { realm }));
  const roles = {
    "a-admin": { realm: "teamA", rights: "all" },
    "b-reader": { realm: "teamB", rights: ADMIN_RIGHTS.filter((right) => right.endsWith(".read")) },
    reader: { rights: ADMIN_RIGHTS.filter((right) => right.endsWith(".read")) },
    path: { rights: "all", endpoints: ["^/kbs/v0/resource/a"] },
    folder: { rights: "all", endpoints: ["^/kbs/v0/resource/a/.+$"] },
    coco: { rights: "all", endpoints: ["^/kbs/v0/.+$"] },
  };
  for (const [name, role] of Object.entries(roles)) await expectOk(post("cai/roles", { name, role }));
});
afterAll(() => world.end());

describe("every call that wants an administrator", () => {
  let reader: KbsWorld;
  let aAdmin: KbsWorld;
  let bReader: KbsWorld;
  beforeAll(async () => {
    reader = await holder("reader-key", ["reader"]);
    aAdmin = await holder("a-key", ["a-admin"]);
    bReader = await holder("b-key", ["b-reader"]);
  });

  const table = routerTable({
    store: {},
    keys: {},
    verifiers: new Map(),
  } as unknown as Parameters<typeof routerTable>[0]);

  test("is opened by a switch only where it reads, and no realm but the root's", async () => {
    const open = table.filter(({ legacyOpen }) => legacyOpen);
    expect(open.map(({ method, path }) => `${method} ${path}`)).toEqual([
      "GET /kbs/v0/resources",
      "GET /kbs/v0/attestation-policy/*",
      "GET /kbs/v0/attestation-policies",
      "GET /policy",
      "GET /policies",
      "GET /policy/*",
    ]);
    for (const path of ["resources", "attestation-policy/default", "attestation-policies"]) {
      expect((await fetch(`${world.url}/kbs/v0/${path}`)).status).toBe(200);
      expect(await refusal(fetch(`${world.url}/kbs/v0/${path}?realm=teamA`))).toBe("401 admin.unauthenticated");
    }
    expect(await refusal(fetch(`${world.url}/kbs/v0/resource-policy`))).toBe("401 admin.unauthenticated");
    await expectOk(post("cai/resources", { resources: [{ path: "teamB/x/y", value: b64url("v") }], replace: true }));
    const names = (await (await fetch(`${world.url}/kbs/v0/resources`)).json()) as { repository_name: string }[];
    expect(names.map((each) => each.repository_name)).not.toContain("teamB");
  });

  for (const [method, path, body] of ALL_CALLS) {
    const route = table.find(
      (each) =>
        each.method === method &&
        (each.path.endsWith("*") ? `/kbs/v0/${path}`.startsWith(each.path.slice(0, -1)) : each.path === `/kbs/v0/${path}`),
    );
    const right = String(route?.right);
    const wrong = ["403 admin.forbidden"];
    test(`${method} ${path} is refused without a token and to a foreign key, whatever switch is on`, async () => {
      if (route?.legacyOpen !== true) {
        const bare = fetch(`${world.url}/kbs/v0/${path}`, { method, ...(method !== "GET" && { body }) });
        expect(await refusal(bare)).toBe("401 admin.unauthenticated");
      }
      const foreign = { ...world, adminKey: generateKeyPairSync("ed25519").privateKey };
      expect(await refusal(admin(foreign, method, path, body))).toBe("401 admin.unauthenticated");
    });

    test(`${method} ${path} is refused to a role that may only read, and to one of another realm`, async () => {
      expect(isAdminRight(right)).toBe(true);
      if (!right.endsWith(".read")) {
        expect([await refusal(admin(reader, method, path, body))]).toEqual(wrong);
        expect([await refusal(admin(bReader, method, path, body))]).toEqual(wrong);
      }
      // What belongs to a realm is that of the role where the request names none; everything else is another's.
      const ofRealm = isRealmRight(right as AdminRight) || (method === "GET" && path.endsWith("resources"));
      expect([await refusal(admin(aAdmin, method, ofRealm ? `${path}?realm=teamB` : path, body))]).toEqual(wrong);
    });

    if (right.startsWith("role.")) {
      test(`${method} ${path} is refused to every role that something limits`, async () => {
        const coco = await holder("coco-key", ["coco"]);
        if (right === "role.write") expect([await refusal(admin(coco, method, path, body))]).toEqual(wrong);
        await expectOk(admin(world, "DELETE", "cai/administrators/coco-key"));
      });
    }
  }
});

describe("a role of one realm", () => {
  let aAdmin: KbsWorld;
  beforeAll(async () => {
    aAdmin = await holder("a-second", ["a-admin"]);
  });

  test("acts on its realm without naming it, as clients of both families do", async () => {
    await expectOk(admin(aAdmin, "POST", "resource/teamA/k/one", "v"));
    await expectOk(admin(aAdmin, "POST", "resource-policy", JSON.stringify({ policy: b64url(`${DENY}# of A\n`) })));
    await expectOk(admin(aAdmin, "POST", "reference-value", message({ mine: ["a"] })));
    expect(await (await expectOk(admin(aAdmin, "GET", "rvps/query"))).json()).toEqual({ mine: ["a"] });
    const policyOf = async (as: KbsWorld, path: string) =>
      Buffer.from(await (await expectOk(admin(as, "GET", path))).text(), "base64url").toString();
    expect(await policyOf(aAdmin, "resource-policy")).toEndWith("# of A\n");
    expect(await policyOf(world, "resource-policy?realm=teamA")).toEndWith("# of A\n");
    expect(await policyOf(world, "resource-policy")).not.toEndWith("# of A\n");
    expect(await (await expectOk(admin(aAdmin, "GET", "resources"))).json()).toEqual([
      { repository_name: "teamA", resource_type: "k", resource_tag: "one" },
    ]);
  });

  test("acts on its realm at the attestation service, too, and on no other", async () => {
    const call = async (as: KbsWorld, method: string, target: string, body = "") => {
      const bytes = new TextEncoder().encode(body);
      const token = await makeAdminToken(as.adminKey, as.trustee.tid, { method, target, body: bytes }, START);
      const headers = { authorization: `Bearer ${token}` };
      return fetch(`${as.url}${target}`, { method, headers, ...(method !== "GET" && { body }) });
    };
    const policy = JSON.stringify({ policy_id: "mine", policy: b64url("package policy\nhardware := 2\n") });
    await expectOk(call(aAdmin, "POST", "/policy", policy));
    const ids = async (as: KbsWorld) =>
      ((await (await expectOk(admin(as, "GET", "attestation-policies"))).json()) as Record<string, string>) ?? {};
    expect([Object.keys(await ids(aAdmin)), Object.keys(await ids(world))]).toEqual([["default", "mine"], ["default"]]);
    expect((await call(aAdmin, "POST", "/policy?realm=teamB", policy)).status).toBe(403);
    expect((await call(aAdmin, "DELETE", "/policy/mine?realm=teamB")).status).toBe(403);
    expect((await fetch(`${world.url}/policy`, { method: "POST", body: policy })).status).toBe(401);
    await expectOk(call(aAdmin, "DELETE", "/policy/mine"));
  });

  test("reaches no resource of another realm, also not among its own", async () => {
    expect(await refusal(admin(aAdmin, "DELETE", "resource/teamAB/k/one"))).toBe("403 admin.forbidden");
    const resources = ["teamA/k/two", "teamB/k/two"].map((path) => ({ path, value: b64url("v") }));
    expect(await refusal(admin(aAdmin, "POST", "cai/resources", JSON.stringify({ resources })))).toBe("403 admin.forbidden");
    await expectOk(post("cai/realms", { realm: "teamA/inner" }));
    expect(await refusal(admin(aAdmin, "POST", "resource/teamA/inner/k", "v"))).toBe("403 admin.forbidden");
  });

  test("has rights that there are, and whoever asks for another one is told which", async () => {
    const answer = await post("cai/roles", { name: "x", role: { rights: ["resource.reed"] } });
    expect(answer.status).toBe(400);
    const { id, detail } = (await answer.json()) as { id: string; detail: string };
    expect(id).toBe("kbs.message-malformed");
    expect(detail).toContain("/role/rights/0: ");
    for (const right of ADMIN_RIGHTS) if (right !== "role.write") expect(detail).toContain(`"${right}"`);
  });

  test("is a role of a realm that there is", async () => {
    expect(await refusal(post("cai/roles", { name: "x", role: { realm: "nobody", rights: "all" } }))).toBe("404 kbs.realm-missing");
  });
});

describe("a path that a role must reach (I21)", () => {
  const role = (...endpoints: string[]) => new Role("r", roleContent.parse({ rights: "all", endpoints }));
  const reaches = (patterns: string[], path: string) => idOf(async () => role(...patterns).require("resource.write", path));

  test("is the whole one: a prefix opens nothing behind it", async () => {
    for (const path of ["/kbs/v0/resource/ab/c/d", "/kbs/v0/resource/a/b/c", "/x/kbs/v0/resource/a", "/kbs/v0/resource/a\n"])
      expect(await reaches(["^/kbs/v0/resource/a"], path)).not.toBe("done");
    expect(await reaches(["^/kbs/v0/resource/a"], "/kbs/v0/resource/a")).toBe("done");
    expect(await reaches(["/kbs/v0/resource/a/.+"], "/kbs/v0/resource/a/b/c")).toBe("done");
    expect(await reaches(["/kbs/v0/x|/kbs/v0/resource/a"], "/kbs/v0/resource/a/b/c")).toBe("admin.forbidden");
  });

  test("has one reading: dot segments, encoded separators and empty segments are refused", async () => {
    for (const tail of ["a/../b/c", "a/%2e%2e/b", "a/%2E/b", "a%2fb/c/d", "a%2Fb", "a/%5cb", "a//b", "a/%00", "a/%", "./a", "a/"])
      expect([tail, await reaches(["^/kbs/v0/resource/.*$"], `/kbs/v0/resource/${tail}`)]).toEqual([tail, "kbs.path-invalid"]);
    expect(await reaches(["^/kbs/v0/rvps/delete/a b$"], "/kbs/v0/rvps/delete/a%20b")).toBe("done");
  });

  test("is matched in linear time, however the expression looks", async () => {
    expect(await reaches(["(a|a)*(a|aa)*b"], `/${"a".repeat(8000)}`)).toBe("admin.forbidden");
  });

  test("is held against the wire as it was sent", async () => {
    const folder = await holder("folder-key", ["folder"]);
    const only = await holder("path-key", ["path"]);
    await expectOk(admin(folder, "POST", "resource/a/x/y", "v"));
    expect(await refusal(admin(folder, "POST", "resource/ab/x/y", "v"))).toBe("403 admin.forbidden");
    expect(await refusal(admin(folder, "GET", "resources"))).toBe("403 admin.forbidden");
    for (const path of ["resource/ab/x/y", "resource/a/x/y"])
      expect(await refusal(admin(only, "POST", path, "v"))).toBe("403 admin.forbidden");
    const token = await new SignJWT({ iat: START, exp: START + 60 }).setProtectedHeader({ alg: "EdDSA" }).sign(folder.adminKey);
    for (const path of ["a/../ab/x/y", "a/%2e%2e/ab/x", "a%2f..%2fab/x/y", "%61b/x/y", "a/x/%2e%2e", "a//x/y"]) {
      expect(await raw("POST", `/kbs/v0/resource/${path}`, token)).toMatch(
        /^(403 admin\.forbidden|404 kbs\.(path-invalid|plugin-unknown))$/,
      );
    }
  });
});

function raw(method: string, path: string, token: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(world.url);
    const call = request({ hostname, port, path, method, headers: { authorization: `Bearer ${token}` } }, (answer) => {
      let text = "";
      answer.on("data", (part: Buffer) => {
        text += part.toString();
      });
      answer.on("end", () => resolve(`${answer.statusCode} ${text === "" ? "" : (JSON.parse(text) as { id: string }).id}`));
    });
    call.on("error", reject);
    call.end("v");
  });
}

describe("a key with restricted roles", () => {
  const sign = (as: KbsWorld, claims: Record<string, unknown> = {}) =>
    new SignJWT({ iat: START, exp: START + 60, ...claims }).setProtectedHeader({ alg: "EdDSA" }).sign(as.adminKey);
  const call = async (as: KbsWorld, claims?: Record<string, unknown>) =>
    refusal(admin(as, "POST", "resource/z/y/x", "v", await sign(as, claims)));

  test("does not act above them by leaving the role out, or by naming another", async () => {
    const one = await holder("one-role", ["reader"]);
    for (const claims of [undefined, { role: "reader" }, { role: "admin" }, { role: "coco" }, { role: "none" }])
      expect(await call(one, claims)).toBe("403 admin.forbidden");
    const two = await holder("two-roles", ["reader", "coco"]);
    expect(await call(two)).toBe("403 admin.forbidden");
    expect(await call(two, { role: "reader" })).toBe("403 admin.forbidden");
    expect(await call(two, { role: "coco" })).toStartWith("200");
  });

  test("acts below its rights where the token says so, also one with every right", async () => {
    expect(await call(world, { role: "reader" })).toBe("403 admin.forbidden");
    expect(await call(world, { role: "nobody" })).toBe("403 admin.forbidden");
    expect(await call(world, { role: "admin" })).toStartWith("200");
  });

  test("loses them with its row, at once", async () => {
    const gone = await holder("gone", ["coco"]);
    expect(await call(gone)).toStartWith("200");
    await expectOk(admin(world, "DELETE", "cai/administrators/gone"));
    expect(await call(gone)).toBe("401 admin.unauthenticated");
  });
});

describe("an identity provider's token (trustee.md §2.2)", () => {
  const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const provider = (members: object) => ({ kind: "identity-provider", roles: ["coco", "reader"], ...members });
  const add = (name: string, administrator: object) => expectOk(post("cai/administrators", { name, administrator }));
  const token = (claims: Record<string, unknown>, header: Record<string, unknown> = {}, key: KeyObject = ec.privateKey) =>
    new SignJWT({ role: "coco", iat: START, exp: START + 3600, ...claims }).setProtectedHeader({ alg: "ES256", ...header }).sign(key);
  const call = async (...given: Parameters<typeof token>) => refusal(admin(world, "POST", "resource/i/d/p", "v", await token(...given)));

  test("acts by the role that it names, again and again, where it is for this trustee", async () => {
    await add("idp", provider({ issuer: "cai-idp", audience: "kbs", public_key: pem(ec.publicKey) }));
    const good = { iss: "cai-idp", aud: ["other", "kbs"], jti: "same" };
    for (let i = 0; i < 2; i++) expect(await call(good)).toStartWith("200");
    expect(await call({ ...good, role: "reader" })).toBe("403 admin.forbidden");
    expect(await call({ ...good, role: undefined })).toBe("403 admin.forbidden");
    expect(await call({ ...good, role: "admin" })).toBe("403 admin.forbidden");
    expect(await call({ ...good, iss: "another" })).toBe("401 admin.token-mismatch");
    expect(await call({ ...good, aud: "another" })).toBe("401 admin.token-mismatch");
    expect(await call({ iss: "cai-idp" })).toBe("401 admin.token-mismatch");
    expect(await call({ ...good, exp: undefined })).toBe("401 admin.token-unbounded");
    expect(await call({ ...good, exp: START - 61 })).toBe("401 admin.unauthenticated");
    expect(await call(good, { jwk: rsa.publicKey.export({ format: "jwk" }), alg: "RS256" }, rsa.privateKey)).toBe(
      "401 admin.unauthenticated",
    );
  });

  test("without an audience of its own must name this trustee, where it names any", async () => {
    const own = generateKeyPairSync("ec", { namedCurve: "P-384" });
    await add("no-audience", provider({ public_key: pem(own.publicKey) }));
    const es384 = (claims: object) => call(claims as Record<string, unknown>, { alg: "ES384" }, own.privateKey);
    expect(await es384({})).toStartWith("200");
    expect(await es384({ aud: world.trustee.tid })).toStartWith("200");
    expect(await es384({ aud: "account" })).toBe("401 admin.token-mismatch");
  });

  test("is found by its key id in a set, whose own secret and symmetric keys count for nothing", async () => {
    const secret = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const set = {
      keys: [
        { ...rsa.publicKey.export({ format: "jwk" }), kid: "r", use: "sig" },
        { kty: "oct", kid: "o", k: "AAAA" },
        { ...secret.publicKey.export({ format: "jwk" }), kid: "enc", use: "enc" },
      ],
    };
    await add("set", provider({ jwk_set: JSON.stringify(set) }));
    for (const alg of ["RS256", "PS384"]) expect(await call({}, { alg, kid: "r" }, rsa.privateKey)).toStartWith("200");
    expect(await call({}, { alg: "RS256" }, rsa.privateKey)).toStartWith("200");
    expect(await call({}, { alg: "RS256", kid: "x" }, rsa.privateKey)).toBe("401 admin.unauthenticated");
    expect(await call({}, { kid: "enc" }, secret.privateKey)).toBe("401 admin.unauthenticated");
  });

  test("is checked with keys that are fetched, directly or by discovery, and no more often than they must be", async () => {
    const { cert, key } = makeTlsIdentity([{ ip: Uint8Array.of(127, 0, 0, 1) }]);
    const asked: string[] = [];
    const signers = [generateKeyPairSync("ed25519"), generateKeyPairSync("ed25519")];
    let served = [signers[0]!];
    const set = () => JSON.stringify({ keys: served.map((each) => ({ ...each.publicKey.export({ format: "jwk" }), kid: kidOf(each) })) });
    const kidOf = (pair: (typeof signers)[number]) => `k${signers.indexOf(pair)}`;
    const server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      tls: { cert, key },
      fetch(called) {
        const { pathname, origin } = new URL(called.url);
        asked.push(pathname);
        if (pathname === "/realm/.well-known/openid-configuration") return Response.json({ jwks_uri: `${origin}/certs` });
        return pathname === "/certs" ? new Response(set()) : new Response("", { status: 404 });
      },
    });
    const other = await startKbs();
    const later = async (index: number, seconds: number) => {
      other.clock.now = START + seconds;
      const claims = { role: "writer", iat: START + seconds, exp: START + seconds + 60 };
      const jwt = await token(claims, { alg: "EdDSA", kid: `k${index}` }, signers[index]!.privateKey);
      return refusal(admin(other, "POST", "resource/i/d/p", "v", jwt));
    };
    try {
      const administrator = provider({ jwk_set_uri: `https://127.0.0.1:${server.port}/realm`, ca: cert, roles: ["writer"] });
      const body = (value: object) => JSON.stringify(value);
      await expectOk(admin(other, "POST", "cai/roles", body({ name: "writer", role: { rights: ["resource.write"] } })));
      await expectOk(admin(other, "POST", "cai/administrators", body({ name: "fetched", administrator })));
      expect(await later(0, 0)).toStartWith("200");
      expect(await later(0, 1)).toStartWith("200");
      expect(asked).toEqual(["/realm", "/realm/.well-known/openid-configuration", "/certs"]);
      served = [signers[1]!];
      expect(await later(1, 5)).toBe("401 admin.unauthenticated");
      expect(asked.length).toBe(3);
      expect(await later(1, 31)).toStartWith("200");
      expect(await later(0, 32)).toBe("401 admin.unauthenticated");
      expect(asked.length).toBe(6);
      server.stop(true);
      expect(await later(1, 700)).toBe("401 admin.unauthenticated");
    } finally {
      server.stop(true);
      await other.end();
    }
  });

  test("needs a row of a known form", async () => {
    const rows = [
      provider({}),
      provider({ public_key: pem(ec.publicKey), jwk_set: '{"keys":[]}' }),
      provider({ jwk_set: '{"keys":[]}' }),
      provider({ jwk_set_uri: "http://127.0.0.1/x" }),
      provider({ jwk_set_uri: "https://x", ca: "none" }),
      { kind: "identity-provider", public_key: pem(generateKeyPairSync("ed25519").publicKey) },
      { kind: "key", public_key: pem(generateKeyPairSync("x25519").publicKey) },
      { kind: "key", public_key: generateKeyPairSync("ed25519").privateKey.export({ format: "pem", type: "pkcs8" }) },
      { kind: "key", public_key: pem(generateKeyPairSync("ed25519").publicKey), roles: [] },
    ];
    for (const administrator of rows) {
      expect(await refusal(post("cai/administrators", { name: "bad", administrator }))).toBe("400 kbs.message-malformed");
    }
  });
});

describe("the rows of administrators and roles", () => {
  test("always keep a key with every right", async () => {
    expect(await refusal(admin(world, "DELETE", "cai/administrators/admin"))).toBe("409 admin.last-administrator");
    const { publicKey } = generateKeyPairSync("ed25519");
    const narrow = { kind: "key", public_key: pem(publicKey), roles: ["reader"] };
    expect(await refusal(post("cai/administrators", { name: "admin", administrator: narrow }))).toBe("409 admin.last-administrator");
    await holder("second", undefined);
    await expectOk(admin(world, "DELETE", "cai/administrators/second"));
    expect(await refusal(admin(world, "DELETE", "cai/administrators/second"))).toBe("404 admin.administrator-missing");
  });

  test("never hold one key twice: it would have the rights of whichever is found first", async () => {
    const { publicKey } = generateKeyPairSync("ed25519");
    const row = { kind: "key", public_key: pem(publicKey) };
    await expectOk(post("cai/administrators", { name: "twice", administrator: { ...row, roles: ["reader"] } }));
    expect(await refusal(post("cai/administrators", { name: "again", administrator: row }))).toBe("400 kbs.message-malformed");
    await expectOk(post("cai/administrators", { name: "twice", administrator: { ...row, roles: ["coco"] } }));
  });

  test("keep a role that somebody has, and give none that is not there", async () => {
    expect(await refusal(admin(world, "DELETE", "cai/roles/reader"))).toBe("409 admin.role-in-use");
    expect(await refusal(admin(world, "DELETE", "cai/roles/never"))).toBe("404 admin.role-missing");
    const { publicKey } = generateKeyPairSync("ed25519");
    const administrator = { kind: "key", public_key: pem(publicKey), roles: ["never"] };
    expect(await refusal(post("cai/administrators", { name: "x", administrator }))).toBe("404 admin.role-missing");
  });

  test("of roles of another form are refused: nobody is given the right to give rights alone", async () => {
    for (const [name, role] of [
      ["x", { rights: ["role.write"] }],
      ["x", { rights: [] }],
      ["x", { rights: ["everything"] }],
      ["x", { rights: "all", endpoints: ["("] }],
      ["x", { rights: "all", endpoints: [] }],
      ["x", { rights: "all", realm: "a/../b" }],
      ["a/b", { rights: "all" }],
      ["admin", { rights: ["resource.read"] }],
    ] as const)
      expect(await refusal(post("cai/roles", { name, role }))).toBe("400 kbs.message-malformed");
  });

  test("are shown without anything secret, the plain key of the first administrator like the others", async () => {
    const rows = (await (await expectOk(admin(world, "GET", "cai/administrators"))).json()) as { name: string; kind: string }[];
    expect(rows.find(({ name }) => name === "admin")).toMatchObject({ kind: "key", public_key: expect.stringContaining("PUBLIC KEY") });
    const roles = (await (await expectOk(admin(world, "GET", "cai/roles"))).json()) as object[];
    expect(roles[0]).toEqual({ name: "admin", rights: "all" });
  });
});

test("a role of the root realm removes no reference value of another realm by a name that spells its place in the store (I21)", async () => {
  await expectOk(post("cai/roles", { name: "root-only", role: { realm: "", rights: "all" } }));
  const root = await holder("root-key", ["root-only"]);
  await expectOk(post("cai/references?realm=teamB", { references: [{ name: "kept", value: ["a"] }] }));
  for (const path of ["cai/references/teamB%1Fkept", "rvps/delete/teamB%1Fkept"]) {
    expect(await refusal(admin(root, "DELETE", path))).toMatch(/ kbs\.reference-invalid$/);
  }
  expect(await (await expectOk(admin(world, "GET", "reference-value/kept?realm=teamB"))).json()).toEqual(["a"]);
  await expectOk(admin(world, "DELETE", "cai/references/kept?realm=teamB"));
});
