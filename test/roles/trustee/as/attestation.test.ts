import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { createHash, generateKeyPairSync } from "node:crypto";
import fc from "fast-check";
import { SignJWT } from "jose";
import type { JsonObject, JsonValue } from "../../../../src/system/index.ts";
import { admin, claimsOf, expectOk, Guest, type KbsWorld, machine, platform, provision, refusal, START, startKbs } from "../kbs-world.ts";
import { administer, ask, b64u, challengeOf, hashed, problemOf, tdxEvidence, tdxRequest } from "./as-world.ts";

let world: KbsWorld;
beforeAll(async () => {
  world = await startKbs({ acceptSample: true });
  await provision(world);
});
afterAll(() => world.end());
beforeEach(() => {
  world.clock.now = START;
});

const attest = (requests: JsonValue[], policies: string[] = []) =>
  ask(world, "POST", "/attestation", { verification_requests: requests, policy_ids: policies });
const tokenFor = async (requests: JsonValue[], policies: string[] = []): Promise<string> => {
  const answer = await attest(requests, policies);
  const text = await answer.text();
  if (answer.status !== 200) throw new Error(`${answer.status} ${text}`);
  return text;
};
const initDataClaimsIn = (token: string) => {
  const { submods } = claimsOf(token) as { submods: { cpu0: { "ear.veraison.annotated-evidence": JsonObject } } };
  return submods.cpu0["ear.veraison.annotated-evidence"]["init_data_claims"];
};
const caiOf = (token: string) => claimsOf(token)["cai"] as JsonObject;
const sample = (reportData: Uint8Array, tee = "sample", members: JsonObject = {}): JsonObject => ({
  tee,
  evidence: b64u(JSON.stringify({ svn: "1", report_data: Buffer.from(reportData).toString("base64") })),
  ...members,
});

describe("a token of the attestation service", () => {
  test("grades evidence as the key broker does, and says that it is for relying parties", async () => {
    const structured = { "pubkey-hash": "x", b: [1, { c: "é" }] };
    const token = await tokenFor([tdxRequest(structured)]);
    expect(claimsOf(token)).toMatchObject({
      eat_profile: "tag:github.com,2024:confidential-containers/Trustee",
      iat: START,
      exp: START + 300,
      simulated: true,
      submods: { cpu0: { "ear.status": "affirming", "ear.veraison.annotated-evidence": { runtime_data_claims: structured } } },
    });
    expect(caiOf(token)).toMatchObject({ use: "as", fresh: "none", binding: "plain", protocol: "as", level: "L1", world: "simulated" });
  });

  test("opens no resource, whatever is in it (I1, I19)", async () => {
    const guest = new Guest(world);
    for (const structured of [
      { "additional-evidence": "", nonce: "n", "tee-pubkey": guest.teeKey as unknown as JsonObject },
      { nonce: "n", "tee-pubkey": guest.teeKey as unknown as JsonObject },
    ]) {
      const token = await tokenFor([tdxRequest(structured)]);
      for (const headers of [{ authorization: `Bearer ${token}` }, { attestation: token }] as Record<string, string>[]) {
        expect(await refusal(guest.get("resource/default/key/one", headers))).toBe("401 kbs.token-use");
      }
    }
  });

  test("about evidence that was recorded in an RCAR run, opens none either, and is not even bound as that run was (I4, I6)", async () => {
    const guest = new Guest(world);
    const opened = await guest.auth({ "extra-params": "" });
    const body = JSON.parse(guest.attestBody(opened)) as { "runtime-data": JsonObject; "tee-evidence": { primary_evidence: JsonObject } };
    const structured = { ...body["runtime-data"], "additional-evidence": "" };
    const evidence = b64u(JSON.stringify(body["tee-evidence"].primary_evidence));
    const token = await tokenFor([{ tee: "tdx", evidence, runtime_data: { structured } }]);
    expect(caiOf(token)).toMatchObject({ use: "as", fresh: "none" });
    expect(await refusal(guest.get("resource/default/key/one", { attestation: token }))).toBe("401 kbs.token-use");

    const tagged = await guest.auth();
    const other = JSON.parse(guest.attestBody(tagged)) as typeof body;
    const data = { ...other["runtime-data"], "additional-evidence": "" };
    const replayed = {
      tee: "tdx",
      evidence: b64u(JSON.stringify(other["tee-evidence"].primary_evidence)),
      runtime_data: { structured: data },
    };
    expect(await problemOf(attest([replayed]))).toBe("422 AS.EVIDENCE.BINDING_MISMATCH tdx.report-data-mismatch");
  });

  test("says unbound where there are no runtime data, and opens nothing (I6)", async () => {
    const token = await tokenFor([{ tee: "tdx", evidence: tdxEvidence(new Uint8Array(64).fill(9)), runtime_data: null }]);
    expect(caiOf(token)).toMatchObject({ binding: "none", fresh: "none" });
    expect(await refusal(new Guest(world).get("resource/default/key/one", { attestation: token }))).toBe("401 kbs.token-use");
  });

  test("is below the floor where the evidence is, also for those who know no floor (I12)", async () => {
    const tdAttributes = Uint8Array.of(1, 0, 0, 0x10, 0, 0, 0, 0);
    const token = await tokenFor([tdxRequest({ a: 1 }, {}, { tdAttributes })]);
    const { submods } = claimsOf(token) as { submods: { cpu0: { "ear.trustworthiness-vector": { configuration: number } } } };
    expect(submods.cpu0["ear.trustworthiness-vector"].configuration).toBeGreaterThanOrEqual(96);
    expect(caiOf(token)["floor"]).toEqual(["policy.debug"]);
  });

  test("is below the floor for a machine that an operator denied (I16)", async () => {
    const value = Buffer.from(machine.mrTd).toString("hex");
    const denial = JSON.stringify({ kind: "measurement", value });
    await expectOk(admin(world, "POST", "cai/denials", denial));
    const token = await tokenFor([tdxRequest({ a: 1 })]);
    const { submods } = claimsOf(token) as { submods: { cpu0: { "ear.trustworthiness-vector": object } } };
    expect(submods.cpu0["ear.trustworthiness-vector"]).toMatchObject({ hardware: 97 });
    expect(caiOf(token)["floor"]).toEqual(["policy.platform-denied"]);
    await expectOk(admin(world, "DELETE", `cai/denials/measurement/${value}`));
  });

  test("is minted under the policy that the request names, of which the key broker takes no notice (I19)", async () => {
    const text = 'package policy\nimport rego.v1\nhardware := 2\nextensions := [{"name": "seen", "key": 1, "value": input.report_data}]\n';
    expect((await administer(world, "POST", "/policy", { policy_id: "lax", policy: b64u(text) })).status).toBe(200);
    const token = await tokenFor([tdxRequest({ a: 1 })], ["lax", "default"]);
    const { submods } = claimsOf(token) as { submods: { cpu0: JsonObject } };
    expect(submods.cpu0).toMatchObject({ "ear.appraisal-policy-id": "lax", "ear.trustworthiness-vector": { hardware: 2 } });
    expect(submods.cpu0["seen"]).toMatch(/^[0-9a-f]{128}$/);
    const unknown = { field: "policy_ids", code: "AS.REQUEST.INVALID_ARGUMENT", id: "as.policy-unknown" };
    expect(await (await attest([tdxRequest({ a: 1 })], ["default", "absent"])).json()).toMatchObject(unknown);
  });
});

describe("runtime data", () => {
  test("are hashed with the algorithm that the request names, in any case of letters", async () => {
    const structured = { b: 1, a: "test", c: { d: "e" } };
    for (const [name, algorithm] of [
      ["SHA256", "sha256"],
      ["sha384", "sha384"],
      ["Sha512", "sha512"],
    ] as const) {
      const request = { tee: "tdx", evidence: tdxEvidence(hashed(structured, algorithm)), runtime_data: { structured } };
      expect(caiOf(await tokenFor([{ ...request, runtime_data_hash_algorithm: name }]))["binding"]).toBe("plain");
      if (algorithm === "sha384") continue;
      expect(await problemOf(attest([request]))).toBe("422 AS.EVIDENCE.BINDING_MISMATCH tdx.report-data-mismatch");
    }
    const request = { ...tdxRequest(structured), runtime_data_hash_algorithm: "sm3" };
    expect(await problemOf(attest([request]))).toBe("400 AS.REQUEST.INVALID_ARGUMENT kbs.hash-unsupported");
  });

  test("that are raw are the report data themselves, never hashed and never cut (I18)", async () => {
    const raw = new Uint8Array(64).fill(5);
    const request = (bytes: Uint8Array) => ({ tee: "tdx", evidence: tdxEvidence(raw), runtime_data: { raw: b64u(bytes) } });
    const token = await tokenFor([request(raw)]);
    const { submods } = claimsOf(token) as { submods: { cpu0: { "ear.veraison.annotated-evidence": JsonObject } } };
    expect(submods.cpu0["ear.veraison.annotated-evidence"]).toMatchObject({ runtime_data_claims: null, report_data: "05".repeat(64) });
    for (const size of [0, 65, 200]) {
      const answer = attest([request(new Uint8Array(size).fill(5))]);
      expect(await problemOf(answer)).toBe("400 AS.REQUEST.INVALID_ARGUMENT as.report-data-length");
    }
    expect(await problemOf(attest([request(raw.subarray(0, 63))]))).toBe("422 AS.EVIDENCE.BINDING_MISMATCH tdx.report-data-mismatch");
    const short = new Uint8Array(32).fill(6);
    const token32 = await tokenFor([{ tee: "tdx", evidence: tdxEvidence(short), runtime_data: { raw: b64u(short) } }]);
    expect(caiOf(token32)["binding"]).toBe("plain");
  });

  test("of any JSON lead to the report data that anybody computes by RFC 8785", async () => {
    await fc.assert(
      fc.asyncProperty(fc.jsonValue({ maxDepth: 3 }), async (value) => {
        const structured = JSON.parse(JSON.stringify(value)) as JsonValue;
        const answer = await attest([sample(hashed(structured), "sample", { runtime_data: { structured } })]);
        expect(answer.status).toBe(200);
      }),
      { numRuns: 30 },
    );
  });
});

describe("a challenge (I6)", () => {
  test("in hashed runtime data shows that evidence is recent, for as long as it lives", async () => {
    const { jwt } = await challengeOf(world);
    const request = tdxRequest({ challenge_token: jwt, "pubkey-hash": "x" });
    expect(caiOf(await tokenFor([request]))["fresh"]).toBe("challenge");
    world.clock.now = START + 299;
    expect(caiOf(await tokenFor([request]))["fresh"]).toBe("challenge");
    world.clock.now = START + 300;
    expect(await problemOf(attest([request]))).toBe("401 AS.CHALLENGE.INVALID_TOKEN as.challenge-invalid");
  });

  test("that is not hashed into the evidence refuses it", async () => {
    const { jwt } = await challengeOf(world);
    const recorded = tdxRequest({ "pubkey-hash": "x" });
    const grafted = { ...recorded, runtime_data: { structured: { challenge_token: jwt, "pubkey-hash": "x" } } };
    expect(await problemOf(attest([grafted]))).toBe("422 AS.EVIDENCE.BINDING_MISMATCH tdx.report-data-mismatch");
  });

  test("is verified before any evidence is looked at, and only ours of this use is taken (I4)", async () => {
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const claims = { nonce: "A".repeat(44), iat: START, exp: START + 300 };
    const foreign = await new SignJWT(claims).setProtectedHeader({ alg: "RS384", typ: "JWT" }).sign(privateKey);
    const none = `${b64u('{"alg":"none","typ":"JWT"}')}.${b64u(JSON.stringify(claims))}.`;
    const { jwt } = await challengeOf(world);
    const [header, , signature] = jwt.split(".");
    const stretched = `${header}.${b64u(JSON.stringify({ ...claims, exp: START + 9999 }))}.${signature}`;
    const minted = await tokenFor([tdxRequest({ a: 1 })]);
    const { token: rcar } = await new Guest(world).attest();
    for (const token of ["", "x", foreign, none, stretched, minted, rcar, "a".repeat(3000)]) {
      const answer = attest([{ tee: "tdx", evidence: b64u("{}"), runtime_data: { structured: { challenge_token: token } } }]);
      expect(await problemOf(answer)).toBe("401 AS.CHALLENGE.INVALID_TOKEN as.challenge-invalid");
    }
    expect(caiOf(await tokenFor([tdxRequest({ challenge_token: 7 })]))["fresh"]).toBe("none");
  });

  test("of a trustee opens nothing at it: it is no token", async () => {
    const { jwt } = await challengeOf(world);
    expect(await refusal(new Guest(world).get("resource/default/key/one", { attestation: jwt }))).toBe("401 kbs.token-malformed");
  });

  test("does not verify where none was ever given: verifying makes no key", async () => {
    const other = await startKbs();
    try {
      const { jwt } = await challengeOf(world);
      const request = { verification_requests: [tdxRequest({ challenge_token: jwt })], policy_ids: [] };
      expect(await problemOf(ask(other, "POST", "/attestation", request))).toBe("401 AS.CHALLENGE.INVALID_TOKEN as.challenge-invalid");
    } finally {
      await other.end();
    }
  });

  test("is the same key's on all first requests at once, and after a restart", async () => {
    const other = await startKbs();
    try {
      const jwts = await Promise.all(Array.from({ length: 6 }, async () => (await challengeOf(other)).jwt));
      for (const jwt of jwts) {
        const request = { verification_requests: [tdxRequest({ challenge_token: jwt })], policy_ids: [] };
        expect((await ask(other, "POST", "/attestation", request)).status).toBe(200);
      }
    } finally {
      await other.end();
    }
  });
});

describe("init data", () => {
  const toml = 'version = "0.1.0"\nalgorithm = "sha256"\n[data]\nname = "value"\n';

  test("become claims where the platform's field is their digest, whatever algorithm they name (I18)", async () => {
    const mrConfigId = new Uint8Array(48);
    mrConfigId.set(createHash("sha256").update(toml).digest());
    const given = tdxRequest({ a: 1 }, { init_data: { init_data_toml: toml } }, { mrConfigId });
    expect(initDataClaimsIn(await tokenFor([given]))).toEqual({ name: "value" });
    const digest = tdxRequest({ a: 1 }, { init_data: { init_data_digest: b64u(mrConfigId.subarray(0, 32)) } }, { mrConfigId });
    expect(initDataClaimsIn(await tokenFor([digest]))).toBeNull();
    const wrong = tdxRequest({ a: 1 }, { init_data: { init_data_toml: `${toml}\n` } }, { mrConfigId });
    expect(await problemOf(attest([wrong]))).toBe("422 AS.EVIDENCE.BINDING_MISMATCH tdx.init-data-mismatch");
  });

  test("of another form are refused", async () => {
    for (const init_data of [{ init_data_toml: "x" }, { init_data_digest: "" }, { init_data_digest: b64u(new Uint8Array(65)) }]) {
      expect(await problemOf(attest([tdxRequest({ a: 1 }, { init_data })]))).toMatch(/^400 AS\.REQUEST\.INVALID_ARGUMENT /);
    }
    expect(await problemOf(attest([tdxRequest({ a: 1 }, { init_data: { init_data_digest: "!" } })]))).toMatch(
      /^400 AS\.EVIDENCE\.INVALID_ENCODING /,
    );
  });
});

describe("a device (I7)", () => {
  const structured = (nonce: string) => ({ nonce, "tee-pubkey": {} });

  test("counts where it is bound to the same nonce or challenge as the machine", async () => {
    const { jwt } = await challengeOf(world);
    for (const [cpu, gpu] of [
      [{ "additional-evidence": "x", ...structured("n") }, structured("n")],
      [{ challenge_token: jwt, "pubkey-hash": "x" }, { challenge_token: jwt }],
    ] as JsonObject[][]) {
      const token = await tokenFor([tdxRequest(cpu!), sample(hashed(gpu!), "sampledevice", { runtime_data: { structured: gpu! } })]);
      expect(Object.keys(claimsOf(token)["submods"] as object)).toEqual(["cpu0", "gpu0"]);
    }
  });

  test("that is bound to nothing, or to another run, is refused and makes no submodule", async () => {
    const cpu = tdxRequest(structured("n"));
    for (const device of [
      sample(new Uint8Array(48), "sampledevice"),
      sample(new Uint8Array(48), "sampledevice", { runtime_data: null }),
      sample(new Uint8Array(48), "sampledevice", { runtime_data: { raw: b64u(new Uint8Array(48)) } }),
      sample(hashed(structured("m")), "sampledevice", { runtime_data: { structured: structured("m") } }),
      sample(hashed({}), "sampledevice", { runtime_data: { structured: {} } }),
      // The same nonce, and another machine's key.
      sample(hashed({ nonce: "n", "tee-pubkey": 1 }), "sampledevice", { runtime_data: { structured: { nonce: "n", "tee-pubkey": 1 } } }),
    ]) {
      expect(await problemOf(attest([cpu, device]))).toBe("422 AS.EVIDENCE.BINDING_MISMATCH as.device-unbound");
    }
    expect(await problemOf(attest([sample(new Uint8Array(48), "sampledevice")]))).toBe(
      "422 AS.EVIDENCE.BINDING_MISMATCH as.device-unbound",
    );
  });

  test("alone is graded, and several machines and devices are numbered by class", async () => {
    const bound = (n: number) => sample(hashed({ nonce: "n", n }), "sampledevice", { runtime_data: { structured: { nonce: "n", n } } });
    expect(Object.keys(claimsOf(await tokenFor([bound(1)]))["submods"] as object)).toEqual(["gpu0"]);
    const token = await tokenFor([tdxRequest({ nonce: "n" }), bound(1), tdxRequest({ nonce: "n", b: 2 }), bound(2)]);
    expect(Object.keys(claimsOf(token)["submods"] as object).sort()).toEqual(["cpu0", "cpu1", "gpu0", "gpu1"]);
  });
});

describe("the attestation service refuses", () => {
  test("what is no request, naming the member and no value", async () => {
    const good = tdxRequest({ a: 1 });
    const cases: [JsonValue, string][] = [
      ["{", "body"],
      ["[]", "body"],
      [{}, "verification_requests"],
      [{ verification_requests: [good] }, "policy_ids"],
      [{ verification_requests: [], policy_ids: [] }, "verification_requests"],
      [{ verification_requests: Array.from({ length: 9 }, () => good), policy_ids: [] }, "verification_requests"],
      [{ verification_requests: [{ ...good, tee: 7 }], policy_ids: [] }, "verification_requests[0].tee"],
      [{ verification_requests: [good, { ...good, evidence: null }], policy_ids: [] }, "verification_requests[1].evidence"],
      [{ verification_requests: [{ ...good, runtime_data: {} }], policy_ids: [] }, "verification_requests[0].runtime_data"],
      [
        { verification_requests: [{ ...good, runtime_data: { raw: "", structured: 1 } }], policy_ids: [] },
        "verification_requests[0].runtime_data",
      ],
      [{ tee: "tdx", evidence: good["evidence"]!, policy_ids: [] }, "verification_requests"],
    ];
    for (const [body, field] of cases) {
      const answer = await ask(world, "POST", "/attestation", body);
      expect(answer.headers.get("content-type")).toBe("application/problem+json");
      expect(await answer.json()).toMatchObject({
        status: 400,
        code: "AS.REQUEST.INVALID_JSON",
        field,
        id: "kbs.message-malformed",
        retryable: false,
      });
    }
  });

  test("evidence in another encoding, of another form, and of platforms that it does not verify", async () => {
    for (const [request, expected] of [
      [{ tee: "tdx", evidence: "*" }, "400 AS.EVIDENCE.INVALID_ENCODING as.encoding-invalid"],
      [{ tee: "tdx", evidence: b64u("{") }, "400 AS.EVIDENCE.INVALID_FORMAT as.evidence-not-json"],
      [{ tee: "tdx", evidence: b64u("{}") }, "400 AS.EVIDENCE.INVALID_FORMAT tdx.evidence-malformed"],
      [{ tee: "tdx", evidence: b64u('{"quote":"AAAA"}') }, "422 AS.EVIDENCE.INVALID_QUOTE tdx.unsupported-quote"],
      [{ tee: "nvidia", evidence: b64u("{}") }, "400 AS.REQUEST.UNSUPPORTED_TEE kbs.tee-unsupported"],
      [{ tee: "TDX", evidence: b64u("{}") }, "400 AS.REQUEST.UNSUPPORTED_TEE kbs.tee-unsupported"],
    ] as const) {
      expect(await problemOf(attest([request]))).toBe(expected);
    }
  });

  test("a quote with any part changed", async () => {
    for (const at of [0, 100, 600, 700, 1100]) {
      const quote = Buffer.from(platform.quote({ ...machine, reportData: new Uint8Array(64) }));
      quote[at]! ^= 1;
      const evidence = b64u(JSON.stringify({ quote: quote.toString("base64"), cc_eventlog: null }));
      expect(await problemOf(attest([{ tee: "tdx", evidence }]))).toMatch(/^422 AS\.EVIDENCE\.(INVALID_QUOTE|VERIFICATION_FAILED) tdx\./);
    }
  });

  test("everything while its clock is behind its own records (I15)", async () => {
    await tokenFor([tdxRequest({ a: 1 })]);
    world.clock.now = START - 301;
    expect(await problemOf(attest([tdxRequest({ a: 1 })]))).toBe("503 AS.DEPENDENCY.UNAVAILABLE trustee.clock-behind");
    const status = (await (await ask(world, "GET", "/status")).json()) as JsonObject;
    expect(status).toMatchObject({ service: "attestation-service", status: "unhealthy" });
  });

  test("without telling what was expected, but with the number under which an administrator finds it (I27)", async () => {
    const structured = { secret: "canary-5d1f0c66" };
    const request = { ...tdxRequest({ a: 1 }), runtime_data: { structured } };
    const answer = (await (await attest([request])).json()) as Record<string, string>;
    expect(Object.keys(answer).sort()).toEqual(["code", "decision", "detail", "field", "id", "retryable", "status", "title", "type"]);
    expect(answer["field"]).toBe("verification_requests[0].evidence.quote.report_data");
    expect(answer["detail"]).toBe("The evidence is not bound to the expected data.");
    expect(answer["decision"]).toMatch(/^[a-z2-7]{16}$/);
    expect(world.log.some((line) => line.includes(answer["decision"]!) && line.includes("tdx.report-data-mismatch"))).toBe(true);
    expect(world.log.join("\n")).not.toContain("canary-5d1f0c66");
  });

  test("where it is answered as the other family does: status 500, a text", async () => {
    const coco = await startKbs({ compat: "coco" });
    try {
      const answer = await ask(coco, "POST", "/attestation", {
        verification_requests: [{ tee: "nvidia", evidence: "e30" }],
        policy_ids: [],
      });
      expect([answer.status, answer.headers.get("content-type")]).toEqual([500, "text/plain; charset=utf-8"]);
      expect(await answer.text()).toMatch(/^An internal error occured: \n0: .+\n1: kbs\.tee-unsupported\n2: decision [a-z2-7]{16}$/);
    } finally {
      await coco.end();
    }
  });
});

describe("under a flood (I40)", () => {
  test("requests beyond those that are worked on are refused at once, and guests of the key broker are served meanwhile", async () => {
    const request = tdxRequest({ flood: 1 });
    const flood = Array.from({ length: 80 }, () => attest([request]));
    const honest = await Promise.all(Array.from({ length: 4 }, () => new Guest(world).attest()));
    for (const { token } of honest) expect(claimsOf(token)["cai"]).toMatchObject({ use: "kbs" });
    const statuses = new Map<number, number>();
    for (const answer of await Promise.all(flood)) {
      statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
      if (answer.status === 200) continue;
      expect(answer.headers.get("retry-after")).toBe("2");
      expect(await answer.json()).toMatchObject({ code: "AS.DEPENDENCY.UNAVAILABLE", id: "kbs.busy", retryable: true });
    }
    expect([...statuses.keys()].filter((status) => status !== 200 && status !== 503)).toEqual([]);
    expect(statuses.get(200)).toBeGreaterThanOrEqual(32);
  });
});
