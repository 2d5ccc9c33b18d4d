import { describe, expect, test } from "bun:test";
import { createHash, generateKeyPairSync } from "node:crypto";
import { type Answer, ask, valuesOf, verdict } from "./http.ts";
import { openAsUpstream } from "./jwe.ts";
import { Peer } from "./peer.ts";
import { ALLOW_ALL, adminToken, manage, serveFamilies, setResourcePolicy } from "./trustee.ts";

const { oa, cc, each } = serveFamilies();

const b64url = (text: string) => Buffer.from(text).toString("base64url");
const json = (answer: Answer) => JSON.parse(answer.body.toString()) as unknown;
const rvps = (values: object) => ({ version: "0.1.0", type: "sample", payload: Buffer.from(JSON.stringify(values)).toString("base64") });

/** A change that succeeded: exactly 200, nothing in the body (trustee.md §2.3, §12.1.10). */
function expectDone(answer: Answer): void {
  expect([answer.status, answer.body.toString()]).toEqual([200, ""]);
}

describe.each(each)("§2.3 an administrator of a trustee that answers as %s", (family, subject) => {
  const call = (method: string, path: string, body?: string) => manage(subject(), method, path, body);

  test("sets a resource by its raw bytes, lists it, and deletes it", async () => {
    const answer = await call("POST", "resource/default/key/admin", "raw bytes");
    expectDone(answer);
    expect(valuesOf(answer, "content-type")).toEqual(["text/xml"]);
    const list = await call("GET", "resources");
    expect(valuesOf(list, "content-type")).toEqual(["application/json"]);
    expect(json(list)).toContainEqual({ repository_name: "default", resource_type: "key", resource_tag: "admin" });
    const guest = new Peer(subject().url);
    const { cookie } = await guest.attest();
    expect(openAsUpstream((await guest.get("resource/default/key/admin", { Cookie: cookie })).body, guest.key).plaintext).toBe("raw bytes");
    expectDone(await call("DELETE", "resource/default/key/admin"));
    expect(verdict(await call("DELETE", "resource/default/key/admin"))).toBe("404 PluginInternalError kbs.resource-missing");
  });

  test("sets the resource policy in base64url, and reads it in the form of the family", async () => {
    const text = `${ALLOW_ALL}# read again\n`;
    expectDone(await call("POST", "resource-policy", JSON.stringify({ policy: b64url(text) })));
    const answer = await call("GET", "resource-policy");
    if (family === "coco") {
      expect([valuesOf(answer, "content-type"), answer.body.toString()]).toEqual([["application/json"], '["resource-policy"]']);
    } else {
      expect([valuesOf(answer, "content-type"), answer.body.toString()]).toEqual([["text/xml"], b64url(text)]);
    }
    expect((await call("GET", "cai/resource-policy")).body.toString()).toBe(b64url(text));
  });

  test("sets, reads, lists and deletes attestation policies", async () => {
    const text = "package policy\nimport rego.v1\nhardware := 2\n";
    for (const type of [{ type: "rego" }, {}]) {
      expectDone(await call("POST", "attestation-policy", JSON.stringify({ ...type, policy_id: "mine_1-a", policy: b64url(text) })));
    }
    const one = await call("GET", "attestation-policy/mine_1-a");
    expect([valuesOf(one, "content-type"), one.body.toString()]).toEqual([["application/json"], b64url(text)]);
    const digest = createHash("sha384").update(text).digest("base64url");
    expect(json(await call("GET", "attestation-policies"))).toMatchObject({ "mine_1-a": digest });
    expectDone(await call("DELETE", "attestation-policy/mine_1-a"));
    expect(verdict(await call("GET", "attestation-policy/mine_1-a"))).toBe("404 AttestationError kbs.policy-missing");
    expect(verdict(await call("DELETE", "attestation-policy/default"))).toBe(
      `${family === "coco" ? 401 : 409} AttestationError kbs.policy-protected`,
    );
  });

  test("registers reference values by the routes of both families", async () => {
    expectDone(await call("POST", "rvps/register", JSON.stringify({ message: JSON.stringify(rvps({ "by-oa": ["a"] })) })));
    expectDone(await call("POST", "reference-value", JSON.stringify(rvps({ "by/cc": "b" }))));
    expect(json(await call("GET", "rvps/query"))).toMatchObject({ "by-oa": ["a"], "by/cc": "b" });
    expect(json(await call("GET", "reference-value/by/cc"))).toBe("b");
    expectDone(await call("DELETE", "rvps/delete/by-oa"));
    expect(json(await call("GET", "rvps/query"))).not.toHaveProperty("by-oa");
  });

  test("names policies by letters, digits, _ and - alone, for writing and for reading", async () => {
    const refused = `${family === "coco" ? 401 : 400} AttestationError kbs.policy-id-invalid`;
    for (const id of ["", ".", "..", "../default", "a/b", "a b", "a.b", "ä", "a\0", "x".repeat(200)]) {
      const policy = JSON.stringify({ policy_id: id, policy: b64url("package policy\nhardware := 2\n") });
      expect(verdict(await call("POST", "attestation-policy", policy))).toBe(refused);
    }
    for (const id of ["a%2fb", "%2e%2e%2fdefault", "a.b", "a/b", "default%00"]) {
      expect(verdict(await call("GET", `attestation-policy/${id}`))).toBe(refused);
      expect(verdict(await call("DELETE", `attestation-policy/${id}`))).toBe(refused);
    }
  });
});

describe("§2.1 an administrator's token", () => {
  const presented = (token: string | undefined, headers: Record<string, string> = {}) =>
    ask(oa().url, {
      target: "/kbs/v0/resources",
      headers: { ...(token !== undefined && { Authorization: `Bearer ${token}` }), ...headers },
    });
  const seconds = () => Math.floor(Date.now() / 1000);

  test("of the frontend and of the historic client opens what it may, again and again", async () => {
    const historic = adminToken(oa().adminKey, { nbf: seconds() }, { typ: undefined });
    for (const token of [adminToken(oa().adminKey), historic, historic]) expect((await presented(token)).status).toBe(200);
  });

  test("is refused where key, algorithm, form or time is another", async () => {
    const stranger = generateKeyPairSync("ed25519").privateKey;
    const [header = "", claims = "", signature = ""] = adminToken(oa().adminKey).split(".");
    const none = Buffer.from('{"alg":"none"}').toString("base64url");
    const hmac = Buffer.from('{"alg":"HS256"}').toString("base64url");
    const cases: Record<string, readonly string[]> = {
      "admin.unauthenticated": [
        adminToken(stranger),
        adminToken(cc().adminKey),
        `${none}.${claims}.`,
        `${none}.${claims}.${signature}`,
        `${hmac}.${claims}.${signature}`,
        `${header}.${claims}.`,
        `${header}.${claims}`,
        "x",
        adminToken(oa().adminKey, { exp: seconds() - 3600, iat: seconds() - 7200 }),
        adminToken(oa().adminKey, { iat: seconds() + 3600 }),
        adminToken(oa().adminKey, { nbf: seconds() + 3600 }),
      ],
      "admin.token-unbounded": [adminToken(oa().adminKey, { exp: undefined }), adminToken(oa().adminKey, { exp: seconds() + 86_400 })],
      "admin.token-mismatch": [adminToken(oa().adminKey, { aud: "another" }), adminToken(oa().adminKey, { htm: "POST" })],
    };
    for (const [id, tokens] of Object.entries(cases)) {
      for (const token of tokens) expect(verdict(await presented(token))).toBe(`401 AdminAuth ${id}`);
    }
  });

  test("is neither a cookie nor an attestation token, nor the other way round", async () => {
    await setResourcePolicy(oa(), ALLOW_ALL);
    const { cookie, token } = await new Peer(oa().url).attest();
    expect(verdict(await presented(undefined, { Cookie: cookie }))).toBe("401 AdminAuth admin.unauthenticated");
    expect(verdict(await presented(token))).toBe("401 AdminAuth admin.unauthenticated");
    expect(verdict(await presented(undefined, { Attestation: token }))).toBe("401 AdminAuth admin.unauthenticated");
    const headers = { Authorization: `Bearer ${adminToken(oa().adminKey)}` };
    const answer = await ask(oa().url, { target: "/kbs/v0/resource/default/key/one", headers });
    expect(verdict(answer)).toBe("401 TokenVerifierError kbs.token-malformed");
  });
});

test("§1.2 every call of an administrator is refused without a token, whatever upstream leaves open (I23)", async () => {
  const calls = [
    "POST attestation-policy",
    "GET attestation-policy/default",
    "DELETE attestation-policy/default",
    "GET attestation-policies",
    "POST resource-policy",
    "GET resource-policy",
    "GET rvps/query",
    "POST rvps/register",
    "DELETE rvps/delete/x",
    "POST reference-value",
    "GET reference-value/x",
    "GET resources",
    "POST resource/a/b/c",
    "DELETE resource/a/b/c",
    "GET resource/pubkey",
    "POST resource/reload",
    "POST resource/rewrap",
    "POST resource/rotate",
  ];
  for (const [subject, variant] of [
    [oa(), "AdminAuth"],
    [cc(), "AdminAuthAccess"],
  ] as const) {
    for (const prefix of ["/kbs/v0/", "/api/kbs/v0/"]) {
      for (const call of calls) {
        const [method = "", path = ""] = call.split(" ");
        const answer = await ask(subject.url, { method, target: prefix + path, ...(method === "POST" && { body: "{}" }) });
        expect(`${call}: ${verdict(answer)}`).toBe(`${call}: 401 ${variant} admin.unauthenticated`);
      }
    }
  }
});

test("§1.2 the health check has no prefix and needs no right", async () => {
  expect((await ask(oa().url, { target: "/healthz" })).status).toBe(200);
});
