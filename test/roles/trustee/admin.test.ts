import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { generateKeyPairSync } from "node:crypto";
import { request } from "node:http";
import { SignJWT } from "jose";
import { makeAdminToken } from "../../../src/protocol/index.ts";
import { isAdminRight } from "../../../src/roles/trustee/rights.ts";
import { routerTable } from "../../../src/roles/trustee/router.ts";
import { CALLS, DENY, message, REFUSED } from "./admin-calls.ts";
import { admin, b64url, expectOk, Guest, type KbsWorld, provision, refusal, START, startKbs } from "./kbs-world.ts";

let world: KbsWorld;
beforeAll(async () => {
  world = await startKbs();
});
afterAll(() => world.end());
beforeEach(() => {
  world.clock.now = START;
});

function bare(method: string, path: string, body: string, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${world.url}/kbs/v0/${path}`, { method, headers, ...(method !== "GET" && { body }) });
}

describe("the router table", () => {
  // The handlers are never called, so nothing of what they work with is needed to read the table.
  const table = routerTable({
    store: {},
    keys: {},
    verifiers: new Map(),
  } as unknown as Parameters<typeof routerTable>[0]);

  test("has no writing line that lacks an administrator: what is open mints tokens and challenges only (I23)", () => {
    const open = table
      .filter(({ method, right }) => method !== "GET" && !isAdminRight(right))
      .map(({ method, path, right }) => `${method} ${path} ${right}`);
    expect(open).toEqual(["POST /kbs/v0/auth public", "POST /kbs/v0/attest session", "POST /challenge public", "POST /attestation public"]);
  });

  test("opens to everybody health, who it is, its description, auth, and the attestation service without its policies only", () => {
    expect(table.filter(({ right }) => right === "public").map(({ path }) => path)).toEqual([
      "/healthz",
      "/livez",
      "/readyz",
      "/kbs/v0/cai/ca",
      "/kbs/v0/cai/identity",
      "/kbs/v0/auth",
      "/challenge",
      "/attestation",
      "/certificate",
      "/.well-known/jwks.json",
      "/jwks",
      "/.well-known/openid-configuration",
      "/status",
      "/openapi.json",
    ]);
    expect(table.filter(({ right }) => right === "local").map(({ path }) => path)).toEqual(["/metrics"]);
  });

  test("bounds every body", () => {
    for (const { bodyLimit } of table) expect(bodyLimit).toBeLessThanOrEqual(4 * 1024 * 1024);
  });

  test("has every administrator's line in the calls that are tried below", () => {
    const tried = new Set([...CALLS, ...REFUSED].map(([method, path]) => `${method} ${path}`));
    for (const { method, path, right } of table) {
      // Those of the attestation service are tried in a test of their own.
      if (!isAdminRight(right) || !/^\/(?:kbs\/v0|rvps)\//.test(path)) continue;
      const prefix = `${method} ${path.replace(/^(?:\/kbs\/v0)?\//, "").replace(/\*$/, "")}`;
      expect([...tried].some((call) => call.startsWith(prefix))).toBe(true);
    }
  });
});

describe("an administrator's call (I23, I24)", () => {
  test("succeeds with 200 where its token is for exactly this request", async () => {
    for (const [method, path, body] of CALLS)
      expect([path, (await expectOk(admin(world, method, path, body))).status]).toEqual([path, 200]);
  });

  for (const [method, path, body] of CALLS) {
    describe(`${method} ${path}`, () => {
      const call = (token: string) => refusal(admin(world, method, path, body, token));
      const target = `/kbs/v0/${path}`;
      const bytes = new TextEncoder().encode(body);
      const honest = { method, target, body: bytes };
      const make = (change: Partial<typeof honest>, tid = world.trustee.tid, key = world.adminKey) =>
        makeAdminToken(key, tid, { ...honest, ...change }, START);

      test("is refused without a token, with a cookie only, and with a scheme other than Bearer", async () => {
        const session = `kbs-session-id=${"0".repeat(32)}`;
        for (const headers of [{}, { cookie: session }, { authorization: "Basic YWRtaW46YWRtaW4=" }] as Record<string, string>[]) {
          expect(await refusal(bare(method, path, body, headers))).toMatch(/^401 (admin\.unauthenticated|kbs\.token-missing)$/);
        }
      });

      test("is refused with a foreign key", async () => {
        expect(await call(await make({}, undefined, generateKeyPairSync("ed25519").privateKey))).toBe("401 admin.unauthenticated");
      });

      test("is refused with a token for another method, path, query, body or trustee", async () => {
        const changes = [
          { method: "PUT" },
          { target: `${target}x` },
          { target: `${target}?a=b` },
          { body: new TextEncoder().encode(`${body}x`) },
        ];
        for (const change of changes) expect(await call(await make(change))).toBe("401 admin.token-mismatch");
        expect(await call(await make({}, "A".repeat(43)))).toBe("401 admin.token-mismatch");
      });

      test("is refused when the token is used again", async () => {
        const token = await make({});
        await admin(world, method, path, body, token);
        expect(await call(token)).toBe("401 admin.token-replayed");
      });

      test("is refused with a token that has expired or has no expiry, and with another role", async () => {
        const sign = (claims: Record<string, unknown>) => new SignJWT(claims).setProtectedHeader({ alg: "EdDSA" }).sign(world.adminKey);
        expect(await call(await sign({ iat: START - 900, exp: START - 600 }))).toBe("401 admin.unauthenticated");
        expect(await call(await sign({ iat: START }))).toBe("401 admin.token-unbounded");
        expect(await call(await sign({ iat: START, exp: START + 86_400 }))).toBe("401 admin.token-unbounded");
        expect(await call(await sign({ iat: START, exp: START + 60, role: "auditor" }))).toBe("403 admin.forbidden");
      });
    });
  }

  test("may come with an upstream token over loopback, again and again", async () => {
    const token = await new SignJWT({ iat: START, exp: START + 7200 })
      .setProtectedHeader({ alg: "EdDSA", typ: "JWT" })
      .sign(world.adminKey);
    for (let i = 0; i < 2; i++) expect((await admin(world, "GET", "resources", "", token)).status).toBe(200);
  });

  test("is not taken for another one by a query that names another one", async () => {
    const body = JSON.stringify({ policy_id: "other", policy: b64url("package policy\nimport rego.v1\nallow := true\n") });
    const token = await makeAdminToken(
      world.adminKey,
      world.trustee.tid,
      { method: "POST", target: "/kbs/v0/attestation-policy", body: new TextEncoder().encode(body) },
      START,
    );
    const elsewhere = fetch(`${world.url}/%6bbs/v0/resource-policy?/kbs/v0/attestation-policy`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}` },
      body,
    });
    expect(await refusal(elsewhere)).toBe("401 admin.token-mismatch");
  });

  test("is refused while the clock is behind the trustee's records, as every token could be a used one (I15, I24)", async () => {
    const other = await startKbs();
    try {
      const [method, path, body] = CALLS[0]!;
      await expectOk(admin(other, method, path, body));
      other.clock.now = START - 301;
      expect(await refusal(admin(other, method, path, body))).toBe("503 trustee.clock-behind");
      other.clock.now = START - 300;
      await expectOk(admin(other, method, path, body));
    } finally {
      await other.end();
    }
  });

  test("is never satisfied by an attestation token", async () => {
    const { token } = await new Guest(world).attest();
    expect(await refusal(admin(world, "DELETE", "resource/a/b/c", "", token))).toBe("401 admin.unauthenticated");
  });
});

describe("resources", () => {
  test("are listed, replaced one by one, and deleted", async () => {
    for (const value of ["one", "two"]) await expectOk(admin(world, "POST", "resource/list/b/c", value));
    const list = (await (await expectOk(admin(world, "GET", "resources"))).json()) as object[];
    expect(list).toContainEqual({ repository_name: "list", resource_type: "b", resource_tag: "c" });
    await expectOk(admin(world, "DELETE", "resource/list/b/c"));
    expect(await refusal(admin(world, "DELETE", "resource/list/b/c"))).toBe("404 kbs.resource-missing");
  });

  test("of names that cannot be are refused", async () => {
    for (const path of ["resource/a/b", "resource/a/b/c/d", "resource/a/.b/c", "resource/a/b/%63"]) {
      expect(await refusal(admin(world, "POST", path, "v"))).toBe("404 kbs.path-invalid");
    }
  });

  test("are reached by one spelling only: dot segments and encoded letters name nothing", async () => {
    const raw = (path: string) =>
      new Promise<string>((resolve, reject) => {
        const { hostname, port } = new URL(world.url);
        const call = request({ hostname, port, path, method: "GET" }, (answer) => {
          let text = "";
          answer.on("data", (part: Buffer) => {
            text += part.toString();
          });
          answer.on("end", () => resolve(`${answer.statusCode} ${(JSON.parse(text) as { id: string }).id}`));
        });
        call.on("error", reject);
        call.end();
      });
    for (const path of [
      "/kbs/v0/resource/a/../b/c/d",
      "/kbs/v0/%72esource/a/b/c",
      "/kbs/v0/resource/a/%2e%2e/c",
      "/kbs/v0//resource/a/b/c",
    ]) {
      expect(await raw(path)).toMatch(/^404 kbs\.(path-invalid|plugin-unknown)$|^401 kbs\.token-missing$/);
    }
    expect(await raw("/kbs/v0/%72esource/a/b/c")).toBe("404 kbs.path-invalid");
  });

  test("are stored several at a time, all or none", async () => {
    const batch = (resources: unknown, members = {}) => admin(world, "POST", "cai/resources", JSON.stringify({ resources, ...members }));
    const entry = (path: string, text = "v") => ({ path, value: b64url(text) });
    await expectOk(batch([entry("m/m/key"), entry("m/m/key.root")]));
    expect(await refusal(batch([entry("m/m/new"), entry("m/m/key")]))).toBe("409 kbs.resource-exists");
    const names = async () =>
      ((await (await expectOk(admin(world, "GET", "resources"))).json()) as { resource_tag: string }[]).map((each) => each.resource_tag);
    expect(await names()).not.toContain("new");
    await expectOk(batch([entry("m/m/new"), entry("m/m/key")], { replace: true }));
    expect(await names()).toContain("new");
    for (const wrong of [
      [],
      [entry("m/m")],
      [{ path: "m/m/x", value: "%%" }],
      [entry("m/m/x"), entry("m/m/x")],
      [{ path: "m/m/x" }],
      "x",
    ]) {
      expect(await refusal(batch(wrong))).toMatch(/kbs\.(message-malformed|path-invalid)$/);
    }
    expect(await refusal(batch([entry("m/m/x")], { replcae: true }))).toBe("400 kbs.message-malformed");
  });

  test("beyond the limit of a body are refused, announced or not", async () => {
    const body = "x".repeat(2 * 1024 * 1024 + 1);
    expect(await refusal(bare("POST", "resource/a/b/c", body))).toBe("413 kbs.request-too-large");
    const stream = new ReadableStream({
      start(controller) {
        for (let i = 0; i < 3; i++) controller.enqueue(new Uint8Array(1024 * 1024));
        controller.close();
      },
    });
    const chunked = fetch(`${world.url}/kbs/v0/resource/a/b/c`, { method: "POST", body: stream });
    expect(await refusal(chunked)).toBe("413 kbs.request-too-large");
  });
});

describe("policies", () => {
  const put = (text: string, id = "p") =>
    admin(world, "POST", "attestation-policy", JSON.stringify({ policy_id: id, policy: b64url(text) }));

  test("come back as they were set, with their digests in the list", async () => {
    await expectOk(put("package policy\nhardware := 2\n"));
    expect(await (await expectOk(admin(world, "GET", "attestation-policy/p"))).text()).toBe(b64url("package policy\nhardware := 2\n"));
    const list = (await (await expectOk(admin(world, "GET", "attestation-policies"))).json()) as Record<string, string>;
    expect(Object.keys(list)).toEqual(["default", "p"]);
    expect(list["p"]).toMatch(/^[\w-]{64}$/);
    await expectOk(admin(world, "DELETE", "attestation-policy/p"));
    expect(await refusal(admin(world, "GET", "attestation-policy/p"))).toBe("404 kbs.policy-missing");
    expect(await refusal(admin(world, "DELETE", "attestation-policy/p"))).toBe("404 kbs.policy-missing");
  });

  test("that do not compile are refused with the place, and the one before stays", async () => {
    await expectOk(admin(world, "POST", "resource-policy", JSON.stringify({ policy: b64url(DENY) })));
    const answer = await admin(world, "POST", "resource-policy", JSON.stringify({ policy: b64url("package policy\nallow := {") }));
    const { id, detail } = (await answer.json()) as { id: string; detail: string };
    expect([answer.status >= 400, id]).toEqual([true, "policy.parse-error"]);
    expect(detail).toMatch(/\d+:\d+|line/);
    expect(await refusal(put("package policy\nx := y\n"))).toMatch(/policy\.(compile|parse)-error$/);
    expect(await (await expectOk(admin(world, "GET", "resource-policy"))).text()).toBe(b64url(DENY));
  });

  test("in force are never deleted", async () => {
    expect(await refusal(admin(world, "DELETE", "attestation-policy/default"))).toBe("409 kbs.policy-protected");
  });

  test("of ids that cannot be are refused, for writing and for reading", async () => {
    for (const id of ["", "a/b", "..", "a.b", "ä", "x".repeat(129)])
      expect(await refusal(put("package policy\nhardware := 2\n", id))).toBe("400 kbs.policy-id-invalid");
    for (const id of ["a%2fb", "a.b", "a/b"])
      expect(await refusal(admin(world, "GET", `attestation-policy/${id}`))).toBe("400 kbs.policy-id-invalid");
  });
});

describe("reference values", () => {
  const all = async () => (await (await expectOk(admin(world, "GET", "rvps/query"))).json()) as Record<string, unknown>;

  test("registered grow, set are replaced, deleted are gone, and end after 12 months", async () => {
    const register = (values: object) => expectOk(admin(world, "POST", "rvps/register", JSON.stringify({ message: message(values) })));
    await register({ grows: ["a"] });
    await register({ grows: ["b"] });
    expect((await all())["grows"]).toEqual(["a", "b"]);
    await expectOk(admin(world, "POST", "reference-value", message({ grows: ["c"], "with space/and:colon": 7 })));
    expect((await all())["grows"]).toEqual(["c"]);
    const one = admin(world, "GET", `reference-value/${encodeURIComponent("with space/and:colon")}`);
    expect(await (await expectOk(one)).json()).toBe(7);
    expect(await refusal(admin(world, "GET", "reference-value/none"))).toBe("404 kbs.reference-missing");
    await expectOk(admin(world, "DELETE", "rvps/delete/grows"));
    expect((await all())["grows"]).toBeUndefined();
    world.clock.now = START + 366 * 86_400;
    expect(await all()).toEqual({});
  });

  test("in another form are refused", async () => {
    world.clock.now = START + 366 * 86_400;
    for (const [path, body] of [
      ["reference-value", "{"],
      ["rvps/register", "{}"],
      ["rvps/register", message({ a: 1 })],
    ] as const) {
      expect(await refusal(admin(world, "POST", path, body))).toBe("400 kbs.reference-invalid");
    }
  });
});

test("the health check answers without any right", async () => {
  expect((await fetch(`${world.url}/healthz`)).status).toBe(200);
});

test("an allowed and a denied write are both records", async () => {
  const recorded = await startKbs();
  try {
    await provision(recorded);
    await admin(recorded, "POST", "resource/a/b/c", "v", "x.y.z");
    const lines = recorded.log.map((line) => JSON.parse(line) as Record<string, unknown>).filter((line) => line["message"] === "admin");
    expect(lines.map(({ outcome, subject, error }) => [outcome, subject, error])).toEqual([
      ["allowed", "POST /kbs/v0/reference-value", undefined],
      ["allowed", "POST /kbs/v0/resource-policy", undefined],
      ["denied", "POST /kbs/v0/resource/a/b/c", "admin.unauthenticated"],
    ]);
  } finally {
    await recorded.end();
  }
});
