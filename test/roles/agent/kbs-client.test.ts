import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { rcarRuntimeData, reportDataOf } from "../../../src/protocol/index.ts";
import { createKbsClient, type KbsClientSettings } from "../../../src/roles/agent/kbs-client.ts";
import { CaiError, createLogger, type JsonObject } from "../../../src/system/index.ts";
import { OTHER_TID, utf8 } from "../../protocol/samples.ts";
import { asyncRejection, rejection } from "../../rejection.ts";
import { FakeAttester, FakeTrustee, newTeeKey, refuse } from "./fake-trustee.ts";

const URI = "kbs:///default/model/qwen";
const OTHER_URI = "kbs:///default/model/other";
const SECRET = utf8("a key of thirty-two bytes, almost");

let trustee: FakeTrustee;
let attester: FakeAttester;
let logged: string[];

beforeEach(() => {
  trustee = newTrustee("cai");
  attester = new FakeAttester();
  logged = [];
});
afterEach(async () => {
  await trustee.stop();
});

function newTrustee(family: "cai" | "upstream"): FakeTrustee {
  const made = new FakeTrustee(family);
  made.resources.set(URI, SECRET);
  made.resources.set(OTHER_URI, utf8("another secret"));
  return made;
}

function client(settings: Partial<KbsClientSettings> = {}) {
  return createKbsClient({
    trustee: trustee.url,
    attester,
    logger: createLogger("debug", false, (line) => logged.push(line)),
    retry: { attempts: 3, pauseMs: 0 },
    ...settings,
  });
}
const pinned = () => client({ pin: { kind: "tid", tid: trustee.signer.tid } });
const both = [
  ["that pins the trustee", () => pinned()],
  ["on loopback without a pin", () => client()],
] as const;

describe("the way to a resource", () => {
  test.each(both)("an agent %s asks, is told 401, attests and gets the secret", async (_name, make) => {
    const kbs = make();
    expect(await kbs.resource(URI)).toEqual(SECRET);
    expect(trustee.requests).toEqual([
      "GET /resource/default/model/qwen",
      "POST /auth",
      "POST /attest with session",
      "GET /resource/default/model/qwen with session",
    ]);
    expect(await kbs.resource(OTHER_URI)).toEqual(utf8("another secret"));
    expect(trustee.requests).toHaveLength(5);
  });

  test("the evidence is over tagged report data of this trustee, this nonce and a fresh key", async () => {
    const kbs = pinned();
    const first = await kbs.attest();
    const second = await kbs.attest();
    expect(first.teeKey).not.toEqual(second.teeKey);
    expect(trustee.attestations.map(({ tid }) => tid)).toEqual([trustee.signer.tid, trustee.signer.tid]);
    for (const [index, sent] of trustee.attestations.entries()) {
      expect(attester.reportData[index]).toEqual(reportDataOf(rcarRuntimeData(sent), "sha384"));
    }
    expect(first.tagged).toBe(true);
  });

  test("init data is sent as the exact text that was measured", async () => {
    const initData = { format: "toml" as const, body: 'version = "0.1.0"\n' };
    await client({ initData }).attest();
    expect(trustee.attestations[0]?.initData).toEqual(initData);
  });

  test("an upstream trustee is served untagged and unsigned, and the log says so", async () => {
    await trustee.stop();
    trustee = newTrustee("upstream");
    expect(await client().resource(URI)).toEqual(SECRET);
    expect(trustee.attestations[0]?.tid).toBeUndefined();
    expect(logged.join("\n")).toContain("binding=plain");
  });

  test("a session that ended is replaced by a new one, once", async () => {
    const kbs = pinned();
    await kbs.resource(URI);
    let refused = false;
    trustee.misbehaviour.instead = (method) => {
      if (method !== "GET" || refused) return undefined;
      refused = true;
      return refuse("kbs.token-expired", "resource");
    };
    expect(await kbs.resource(URI)).toEqual(SECRET);
    expect(trustee.attestations).toHaveLength(2);
  });

  test("neither secret nor token nor cookie is logged", async () => {
    const { token, cookie } = await pinned().attest();
    await pinned().resource(URI);
    const text = logged.join("\n");
    expect(text).toContain("attested");
    for (const secret of [token, cookie.split("=")[1] as string, new TextDecoder().decode(SECRET)]) expect(text).not.toContain(secret);
  });

  test("a name that is no resource reaches no trustee", async () => {
    expect((await asyncRejection(pinned().resource("kbs:///default/../x"))).id).toBe("kbs.path-invalid");
    expect(trustee.requests).toEqual([]);
  });
});

describe("who answers", () => {
  test.each([
    ["without a pin", {}],
    ["with a TLS pin, which plain HTTP cannot keep", { pin: { kind: "spki", digest: new Uint8Array(32) } }],
  ] as const)("plain HTTP across a network is refused %s", (_name, settings) => {
    const error = rejection(() => client({ trustee: new URL("http://192.0.2.1:8080"), ...settings }));
    expect(error.id).toBe("agent.trustee-unauthenticated");
    expect(error.exitCode).toBe(2);
  });

  test("plain HTTP across a network is accepted with an identity pin, and https without any", () => {
    client({ trustee: new URL("http://192.0.2.1:8080"), pin: { kind: "tid", tid: OTHER_TID } });
    client({ trustee: new URL("https://trustee.example") });
    expect(rejection(() => client({ trustee: new URL("ftp://127.0.0.1") })).id).toBe("cli.setting-invalid");
  });

  test("a name that merely starts like loopback is not loopback", () => {
    for (const host of ["127.0.0.1.example", "localhost.example", "[2001:db8::1]"]) {
      expect(rejection(() => client({ trustee: new URL(`http://${host}/`) })).id).toBe("agent.trustee-unauthenticated");
    }
  });

  test("a TLS pin reaches the HTTP client, and its refusal is a mismatch of the trustee", async () => {
    const digest = new Uint8Array(32).fill(7);
    const pins: unknown[] = [];
    const kbs = client({
      trustee: new URL("https://trustee.example"),
      pin: { kind: "spki", digest },
      createHttp: ({ spkiPin }) => {
        pins.push(spkiPin);
        return {
          request: () => Promise.reject(new CaiError("net.tls-failed", "another key", { expected: "spki:sha256:A", got: "spki:sha256:B" })),
        };
      },
    });
    const error = await asyncRejection(kbs.resource(URI));
    expect(error).toMatchObject({ id: "agent.trustee-mismatch", expected: "spki:sha256:A", got: "spki:sha256:B" });
    expect(pins).toEqual([digest]);
  });

  test("a trustee with another identity gets no auth from an agent that pins", async () => {
    const error = await asyncRejection(client({ pin: { kind: "tid", tid: OTHER_TID } }).resource(URI));
    expect(error).toMatchObject({ id: "agent.trustee-mismatch", expected: `tid:${OTHER_TID}`, got: `tid:${trustee.signer.tid}` });
    expect(error.exitCode).toBe(3);
    expect(trustee.requests).toEqual(["GET /resource/default/model/qwen"]);
  });

  test("a trustee that signs nothing is not the pinned one", async () => {
    const { tid } = trustee.signer;
    await trustee.stop();
    trustee = newTrustee("upstream");
    expect((await asyncRejection(client({ pin: { kind: "tid", tid } }).resource(URI))).id).toBe("agent.trustee-mismatch");
    expect(trustee.attestations).toHaveLength(0);
  });

  test.each(["GET /resource/default/model/qwen", "POST /auth", "POST /attest"])(
    "an altered answer to %s is noticed by its signature",
    async (which) => {
      trustee.misbehaviour.onTheWay = (answer, method, path) =>
        `${method} ${path}` === which ? { ...answer, body: `${answer.body} ` } : answer;
      expect((await asyncRejection(pinned().resource(URI))).id).toBe("agent.response-mismatch");
    },
  );

  test.each(["POST /auth", "POST /attest", "GET /resource/default/model/qwen"])(
    "a signature taken off the answer to %s is missed",
    async (which) => {
      trustee.misbehaviour.onTheWay = (answer, method, path) =>
        `${method} ${path}` === which ? { ...answer, headers: withoutSignature(answer.headers) } : answer;
      expect((await asyncRejection(pinned().resource(URI))).id).toBe("agent.trustee-mismatch");
    },
  );

  test("a server that takes no headers as large as the token is no other trustee", async () => {
    trustee.misbehaviour.onTheWay = (answer, method) => (method === "GET" ? { status: 431, body: "", headers: {} } : answer);
    const error = await asyncRejection(pinned().resource(URI));
    expect([error.id, error.exitCode]).toEqual(["agent.token-too-large", 1]);
  });

  test("an agent without a pin still ties a trustee's answers to the identity it named", async () => {
    trustee.misbehaviour.onTheWay = (answer, method, path) =>
      method === "GET" || path === "/auth" ? answer : { ...answer, headers: withoutSignature(answer.headers) };
    expect((await asyncRejection(client().resource(URI))).id).toBe("agent.trustee-mismatch");
  });

  test("a trustee that names an identity it cannot sign for is refused", async () => {
    trustee.misbehaviour.challenge = (text) => text.replace(trustee.signer.tid, OTHER_TID);
    for (const [, make] of both) expect((await asyncRejection(make().resource(URI))).id).toBe("agent.trustee-mismatch");
    expect(trustee.attestations).toHaveLength(0);
  });

  test("a challenge relayed from another trustee dies at the pin", async () => {
    const owner = newTrustee("cai");
    trustee.misbehaviour.challenge = (text) => text.replace(trustee.signer.tid, owner.signer.tid);
    expect((await asyncRejection(pinned().attest())).id).toBe("agent.trustee-mismatch");
    expect(attester.reportData).toHaveLength(0);
    await owner.stop();
  });

  test("a pinned trustee that does not take the offer of tagged binding is not believed", async () => {
    trustee.misbehaviour.challenge = (text) => JSON.stringify({ ...JSON.parse(text), "extra-params": "" });
    expect((await asyncRejection(pinned().attest())).id).toBe("agent.response-mismatch");
    expect(attester.reportData).toHaveLength(0);
  });
});

describe("what is answered", () => {
  test("the answers of two paths cannot be swapped, not even by the trustee's own balancer", async () => {
    trustee.misbehaviour.resource = () => OTHER_URI;
    for (const [, make] of both) {
      const error = await asyncRejection(make().resource(URI));
      expect(error).toMatchObject({ id: "agent.response-mismatch", expected: URI, got: OTHER_URI });
    }
  });

  test("an answer that names no resource does not pass in a session that agreed on names", async () => {
    trustee.misbehaviour.unnamed = true;
    expect((await asyncRejection(client().resource(URI))).id).toBe("agent.response-mismatch");
  });

  test("an answer to an earlier session does not pass for one to this session", async () => {
    let recorded: Parameters<NonNullable<FakeTrustee["misbehaviour"]["onTheWay"]>>[0] | undefined;
    trustee.misbehaviour.onTheWay = (answer, method) => {
      if (method === "GET" && answer.status === 200) recorded ??= answer;
      return method === "GET" && answer.status === 200 && recorded ? recorded : answer;
    };
    expect(await pinned().resource(URI)).toEqual(SECRET);
    expect((await asyncRejection(pinned().resource(URI))).id).toBe("agent.response-mismatch");
  });

  test("a 404 that was recorded before anybody attested does not pass for one to this session", async () => {
    const path = "/resource/default/model/qwen";
    trustee.misbehaviour.instead = () => refuse("kbs.resource-missing", "resource");
    const asked = await fetch(new URL(`/kbs/v0${path}`, trustee.url));
    const recorded = { status: asked.status, body: await asked.text(), headers: Object.fromEntries(asked.headers) };
    trustee.misbehaviour.instead = () => undefined;
    trustee.misbehaviour.onTheWay = (answer, method) => (method === "GET" && answer.status === 200 ? recorded : answer);
    expect((await asyncRejection(pinned().resource(URI))).id).toBe("agent.response-mismatch");
  });

  test("a 404 to this session is believed", async () => {
    expect((await asyncRejection(pinned().resource("kbs:///default/model/none"))).id).toBe("agent.resource-not-found");
  });

  test("an answer encrypted to a man in the middle opens not", async () => {
    trustee.misbehaviour.sealTo = () => newTeeKey();
    const error = await asyncRejection(pinned().resource(URI));
    expect(error.id).toBe("agent.response-not-for-us");
    expect(error.exitCode).toBe(3);
  });

  test.each<[string, (claims: JsonObject) => JsonObject]>([
    ["is for another key", (claims) => ({ ...claims, submods: keyIn({ ...newTeeKey() }) })],
    ["has no key", (claims) => ({ ...claims, submods: {} })],
    ["has a key that is no object", (claims) => ({ ...claims, submods: keyIn("text") })],
    ["was minted by another trustee", (claims) => ({ ...claims, cai: { tid: OTHER_TID } })],
    ["says nothing of its trustee", ({ cai: _cai, ...claims }) => claims],
  ])("a token that %s is not this agent's", async (_name, change) => {
    trustee.misbehaviour.claims = change;
    expect((await asyncRejection(pinned().attest())).id).toBe("agent.token-not-mine");
  });

  test.each([
    ["an empty body", ""],
    ["a page", "<html>"],
    ["no JWE", "[]"],
    ["half a JWE", '{"protected":"e30"}'],
  ])("%s instead of a secret is refused", async (_name, body) => {
    trustee.misbehaviour.instead = (method) => (method === "GET" && trustee.attestations.length > 0 ? { status: 200, body } : undefined);
    expect(["net.response-invalid", "crypto.jwe-malformed"]).toContain((await asyncRejection(pinned().resource(URI))).id);
  });

  test.each([
    ["nothing", "", "kbs.message-malformed"],
    ["no nonce", "{}", "kbs.message-malformed"],
    ["an unknown hash", '{"nonce":"n","extra-params":{"selected-hash-algorithm":"sm3"}}', "kbs.hash-unsupported"],
  ])("a challenge with %s is refused", async (_name, text, id) => {
    trustee.misbehaviour.challenge = () => text;
    expect((await asyncRejection(client().attest())).id).toBe(id as CaiError["id"]);
  });

  test("a challenge without a session is refused", async () => {
    trustee.misbehaviour.noCookie = true;
    expect((await asyncRejection(pinned().attest())).id).toBe("net.response-invalid");
  });
});

describe("a token alone", () => {
  test("yields an answer that opens for the attested key and for no other", async () => {
    const { token, privateKey } = await pinned().attest();
    expect(await pinned().resourceWithToken(URI, token, privateKey)).toEqual(SECRET);
    const thief = await asyncRejection(client().resourceWithToken(URI, token));
    expect(thief.id).toBe("agent.response-not-for-us");
    expect(thief.exitCode).toBe(3);
    expect(trustee.requests.at(-1)).toBe("GET /resource/default/model/qwen");
  });

  test.each([
    ["agent.token-refused", refuse("kbs.token-expired", "resource")],
    ["agent.resource-denied", refuse("kbs.policy-denied", "resource")],
    ["agent.resource-not-found", refuse("kbs.resource-missing", "resource")],
  ] as const)("is answered by %s where the trustee says so, without attesting", async (id, answer) => {
    const { token, privateKey } = await pinned().attest();
    trustee.misbehaviour.instead = () => answer;
    expect((await asyncRejection(pinned().resourceWithToken(URI, token, privateKey))).id).toBe(id);
    expect(trustee.attestations).toHaveLength(1);
  });

  test("that is none is refused here", async () => {
    expect((await asyncRejection(pinned().resourceWithToken(URI, "stolen"))).id).toBe("kbs.token-malformed");
    expect(trustee.requests).toEqual([]);
  });
});

describe("a no", () => {
  const whenAsked = (path: string, answer: { status: number; body: string }) => (_method: string, asked: string) =>
    asked === path ? answer : undefined;

  test.each(["/auth", "/attest"])("to %s is final and carries the trustee's error id and decision", async (path) => {
    trustee.misbehaviour.instead = whenAsked(path, refuse("policy.debug", "attest", "ABCDEFGH"));
    const error = await asyncRejection(pinned().resource(URI));
    expect(error).toMatchObject({ id: "agent.attestation-rejected", got: "policy.debug", exitCode: 3 });
    expect(error.message).toContain("ABCDEFGH");
    expect(trustee.requests.filter((line) => line.startsWith(`POST ${path}`))).toHaveLength(1);
  });

  test.each([
    ["agent.resource-denied", 3, refuse("kbs.policy-denied", "resource")],
    ["agent.resource-denied", 3, { ...refuse("kbs.policy-denied", "resource"), status: 401 }],
    ["agent.resource-not-found", 1, refuse("kbs.resource-missing", "resource")],
    ["agent.resource-not-found", 1, { status: 500, body: '{"type":"x/PluginInternalError","detail":"Plugin internal error"}' }],
    ["agent.trustee-failed", 1, refuse("internal.unexpected", "resource")],
    ["agent.trustee-failed", 1, refuse("crypto.jwk-unsupported", "resource")],
  ] as const)("after attestation is %s (exit %i)", async (id, exitCode, answer) => {
    trustee.misbehaviour.instead = (method) => (method === "GET" && trustee.attestations.length > 0 ? answer : undefined);
    expect(await asyncRejection(pinned().resource(URI))).toMatchObject({ id, exitCode });
    expect(trustee.attestations).toHaveLength(1);
  });

  test("that is 401 for ever ends after three rounds", async () => {
    trustee.misbehaviour.instead = (method) => (method === "GET" ? refuse("kbs.token-missing", "resource") : undefined);
    expect((await asyncRejection(pinned().resource(URI))).id).toBe("agent.resource-denied");
    expect(trustee.requests.filter((line) => line.startsWith("GET"))).toHaveLength(3);
    expect(trustee.attestations).toHaveLength(2);
  });

  test("whose text would steer a terminal is shown without that", async () => {
    const detail = `\u001b[31mred\n${"x".repeat(2000)}`;
    trustee.misbehaviour.instead = whenAsked("/auth", { status: 401, body: JSON.stringify({ type: "x/AttestationError", detail }) });
    const { message } = await asyncRejection(pinned().attest());
    expect(message).not.toMatch(/\p{Cc}/u);
    expect(message.length).toBeLessThan(500);
  });
});

describe("what is no trustee", () => {
  test.each([
    ["a redirect", () => new Response(null, { status: 302, headers: { location: "/elsewhere" } })],
    ["a page", () => new Response("<html>", { status: 401 })],
    ["an answer without attestation", () => new Response("{}", { status: 200 })],
  ])("%s is refused and never followed", async (_name, answer) => {
    trustee.misbehaviour.onTheWay = answer;
    expect((await asyncRejection(client().resource(URI))).id).toBe("net.response-invalid");
    expect(trustee.requests).toHaveLength(1);
    expect((await asyncRejection(pinned().resource(URI))).id).toBe("agent.trustee-mismatch");
  });

  test("an endless answer is cut off", async () => {
    trustee.misbehaviour.onTheWay = () => new Response(new Uint8Array(9 * 1024 * 1024));
    expect((await asyncRejection(client().resource(URI))).id).toBe("net.response-too-large");
  });
});

describe("a trustee that is away", () => {
  test("is named with its address and every attempt, and ends with status 4", async () => {
    await trustee.stop();
    const error = await asyncRejection(client().resource(URI));
    expect(error).toMatchObject({ id: "agent.trustee-unreachable", exitCode: 4 });
    expect(error.message).toContain(`${trustee.url.origin}/kbs/v0/resource/default/model/qwen`);
    expect(error.got).toMatch(/attempt 1: .*; attempt 2: .*; attempt 3: /);
  });

  test("for a moment only is asked again", async () => {
    let busy = 2;
    trustee.misbehaviour.onTheWay = (answer) => (busy-- > 0 ? new Response(null, { status: 503 }) : answer);
    expect(await pinned().resource(URI)).toEqual(SECRET);
  });

  test("or busy for ever is given up", async () => {
    trustee.misbehaviour.onTheWay = () => new Response(null, { status: 503, headers: { "retry-after": "0" } });
    const error = await asyncRejection(pinned().resource(URI));
    expect(error.id).toBe("agent.trustee-unreachable");
    expect(error.got).toContain("status 503");
    expect(trustee.requests).toHaveLength(3);
  });

  test("and too slow is not asked again", async () => {
    let asked = 0;
    const createHttp = () => ({
      request: () => {
        asked++;
        return Promise.reject(new CaiError("net.timeout", "no answer within 60 s"));
      },
    });
    expect((await asyncRejection(client({ createHttp }).resource(URI))).id).toBe("agent.trustee-unreachable");
    expect(asked).toBe(1);
  });

  test("is not waited for once the caller has given up, before or between attempts", async () => {
    await expect(client().resource(URI, AbortSignal.abort(new Error("stopped")))).rejects.toThrow("stopped");
    const controller = new AbortController();
    const createHttp = () => ({
      request: () => {
        queueMicrotask(() => queueMicrotask(() => controller.abort()));
        return Promise.reject(new CaiError("net.unreachable", "no connection"));
      },
    });
    const waiting = client({ createHttp, retry: { attempts: 2, pauseMs: 3_600_000 } }).resource(URI, controller.signal);
    await expect(waiting).rejects.toHaveProperty("name", "AbortError");
    expect(trustee.requests).toEqual([]);
  });
});

function withoutSignature({ "cai-signature": _signature, ...headers }: Record<string, string>): Record<string, string> {
  return headers;
}

function keyIn(key: JsonObject | string): JsonObject {
  return { cpu0: { "ear.veraison.annotated-evidence": { runtime_data_claims: { "tee-pubkey": key } } } };
}
