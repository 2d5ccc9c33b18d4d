import { Database } from "bun:sqlite";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { createHash, verify, X509Certificate } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import {
  bodyContext,
  createResponseVerifier,
  encodeAttestation,
  KEYLESS_CONTEXT,
  keyContext,
  rcarRuntimeData,
  reportDataOf,
  SIGNATURE_HEADER,
} from "../../../src/protocol/index.ts";
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
  refusal,
  START,
  startKbs,
} from "./kbs-world.ts";
import { idOf } from "./scratch.ts";

const SECRET = "canary-5d1f0c66-the-secret";
const PATH = "resource/default/key/one";
let world: KbsWorld;
let guest: Guest;

beforeAll(async () => {
  world = await startKbs();
  await provision(world);
  await expectOk(admin(world, "POST", PATH, SECRET));
});
afterAll(() => world.end());
beforeEach(() => {
  world.clock.now = START;
  guest = new Guest(world);
});

describe("an honest guest", () => {
  test("is told to attest first, by an error that its client can read", async () => {
    const answer = await guest.get(PATH, {});
    expect(answer.status).toBe(401);
    expect(await answer.json()).toEqual({
      type: "https://github.com/confidential-containers/kbs/errors/TokenNotFound",
      detail: "Attestation Token not found",
      id: "kbs.token-missing",
    });
  });

  test("gets its secret by session, by bearer token and by the header Attestation, each sealed to its key and its name", async () => {
    const { cookie, token } = await guest.attest();
    for (const headers of [
      { cookie },
      { authorization: `Bearer ${token}` },
      { attestation: token, authorization: "Bearer of-a-gateway" },
    ]) {
      expect(await guest.open(guest.get(PATH, headers))).toEqual({ text: SECRET, caiUri: "kbs:///default/key/one" });
    }
  });

  test("gets a session cookie of the form that upstream clients know", async () => {
    const answer = await guest.authAnswer();
    expect(answer.headers.get("set-cookie")).toMatch(/^kbs-session-id=[0-9a-f]{32}; Expires=Fri, 15 Jan 2027 08:05:00 GMT$/);
    expect(answer.headers.get("content-type")).toBe("application/json");
  });

  test("gets a token that says how it came about", async () => {
    const { token } = await guest.attest();
    const claims = claimsOf(token) as {
      iat: number;
      exp: number;
      simulated: boolean;
      cai: object;
      submods: Record<string, Record<string, unknown>>;
    };
    expect([claims.iat, claims.exp, claims.simulated]).toEqual([START, START + 300, true]);
    const { tid } = world.trustee;
    expect(claims.cai).toMatchObject({
      v: 1,
      use: "kbs",
      tid,
      world: "simulated",
      fresh: "nonce",
      binding: "tagged",
      protocol: "0.4.0",
      level: "L1",
      floor: [],
    });
    expect(Object.keys(claims.submods)).toEqual(["cpu0"]);
    expect(claims.submods["cpu0"]).toMatchObject({ "ear.status": "affirming", "ear.appraisal-policy-id": "default" });
    expect(claims.submods["cpu0"]?.["ear.veraison.annotated-evidence"]).toMatchObject({ init_data_claims: null, tdx: { simulated: true } });
  });

  test("gets a token whose signer is published, with a certificate under a CA that says it is simulated (I11)", async () => {
    const { token } = await guest.attest();
    const [header = "", payload = "", signature = ""] = token.split(".");
    const { jwk } = JSON.parse(Buffer.from(header, "base64url").toString()) as { jwk: { x: string; y: string; x5c: string[] } };
    const { keys } = (await (await fetch(`${world.url}/.well-known/jwks.json`)).json()) as {
      keys: { x: string; y: string; x5c: string[] }[];
    };
    expect([keys[0]?.x, keys[0]?.y]).toEqual([jwk.x, jwk.y]);
    const [leaf, ca] = jwk.x5c.map((der) => new X509Certificate(Buffer.from(der, "base64url")));
    expect(leaf?.checkIssued(ca!) && leaf.verify(ca!.publicKey)).toBe(true);
    expect([ca?.ca, leaf?.ca, ca?.subject.includes("Simulated")]).toEqual([true, false, true]);
    const key = { key: leaf!.publicKey, dsaEncoding: "ieee-p1363" } as const;
    expect(verify("sha256", Buffer.from(`${header}.${payload}`), key, Buffer.from(signature, "base64url"))).toBe(true);
    expect(keys[0]?.x5c[0]).toBe(Buffer.from(jwk.x5c[0]!, "base64url").toString("base64"));
  });

  test("of an upstream family is answered exactly as upstream does: no tid, no name in the JWE header, binding plain", async () => {
    for (const extra of ["", "foo", {}, { "supported-hash-algorithms": ["sha384"] }]) {
      const opened = await guest.auth({ "extra-params": extra });
      expect(opened.tid).toBeUndefined();
    }
    const { cookie, token } = await guest.attest({}, { "extra-params": "" });
    expect(claimsOf(token)["cai"]).toMatchObject({ binding: "plain" });
    expect(await refusal(guest.get(PATH, { cookie }))).toBe("403 kbs.policy-denied");
  });

  test("may send init data that the platform binds, and its text becomes claims", async () => {
    const body = 'version = "0.1.0"\nalgorithm = "sha384"\n[data]\nname = "value"\n';
    const mrConfigId = createHash("sha384").update(body).digest();
    const opened = await guest.auth();
    const initData = { format: "toml", body } as const;
    const { token } = (await (
      await expectOk(guest.attestAnswer(opened, guest.attestBody(opened, { initData }, { mrConfigId })))
    ).json()) as { token: string };
    const { submods } = claimsOf(token) as { submods: { cpu0: Record<string, unknown> } };
    expect(submods.cpu0["ear.veraison.annotated-evidence"]).toMatchObject({ init_data_claims: { name: "value" } });
    const other = await guest.auth();
    expect(await refusal(guest.attestAnswer(other, guest.attestBody(other, { initData })))).toMatch(/^502 tdx\./);
  });
});

describe("answers", () => {
  test("to auth, attest and resource requests carry the trustee's signature, refusals too (security.md §3.4)", async () => {
    const verifier = createResponseVerifier(world.trustee.tid);
    const check = async (answer: Response, method: string, path: string, context: Uint8Array) => {
      const body = new Uint8Array(await answer.clone().arrayBuffer());
      verifier.verify(answer.headers.get(SIGNATURE_HEADER), { method, target: `/kbs/v0/${path}`, status: answer.status, body }, [context]);
    };
    await check(await guest.get(PATH, {}), "GET", PATH, KEYLESS_CONTEXT);
    const request = JSON.stringify({ version: "0.4.0", tee: "tdx", "extra-params": { cai: { v: 1 } } });
    await check(await guest.authAnswer(), "POST", "auth", bodyContext(request));
    const opened = await guest.auth();
    const body = guest.attestBody(opened);
    await check(await guest.attestAnswer(opened, body), "POST", "attest", bodyContext(body));
    await check(await guest.attestAnswer(opened, `${body} `), "POST", "attest", bodyContext(`${body} `));
    await check(await guest.get(PATH, { cookie: opened.cookie }), "GET", PATH, keyContext(guest.teeKey));
    await check(await guest.get(`${PATH}?a=b`, { cookie: opened.cookie }), "GET", `${PATH}?a=b`, keyContext(guest.teeKey));
    await check(
      await guest.get("resource/no/such/key", { cookie: opened.cookie }),
      "GET",
      "resource/no/such/key",
      keyContext(guest.teeKey),
    );
  });

  test("are signed for the path that was asked, not for one in its query (I9)", async () => {
    const target = "/%6bbs/v0/cai/identity?/kbs/v0/resource/a/b/c";
    const answer = await fetch(`${world.url}${target}`);
    const signature = answer.headers.get(SIGNATURE_HEADER);
    const body = new Uint8Array(await answer.arrayBuffer());
    const verify = (signed: string) =>
      createResponseVerifier(world.trustee.tid).verify(signature, { method: "GET", target: signed, status: answer.status, body }, [
        KEYLESS_CONTEXT,
      ]);
    verify(target);
    expect(await idOf(() => verify("/kbs/v0/resource/a/b/c"))).toBe("agent.response-mismatch");
  });

  test("name the decision, but neither what was expected nor why (I27)", async () => {
    const { cookie } = await guest.attest({ mrTd: new Uint8Array(48) });
    const answers = (await Promise.all([0, 1].map(async () => (await guest.get(PATH, { cookie })).json()))) as { decision: string }[];
    for (const answer of answers) {
      expect<object>(answer).toEqual({
        type: "https://github.com/confidential-containers/kbs/errors/PolicyDeny",
        detail: "Access denied by policy",
        id: "kbs.policy-denied",
        decision: answer.decision,
      });
      expect(answer.decision).toMatch(/^[a-z2-7]{16}$/);
      expect(world.log.some((line) => line.includes(answer.decision) && line.includes("kbs.policy-denied"))).toBe(true);
    }
    expect(answers[0]?.decision).not.toBe(answers[1]?.decision);
    const refused = await guest.auth();
    const body = guest.attestBody(refused, { primaryEvidence: { quote: "AAAA", cc_eventlog: null } });
    const answer = (await (await guest.attestAnswer(refused, body)).json()) as Record<string, string>;
    expect(Object.keys(answer).sort()).toEqual(["decision", "detail", "id", "type"]);
    expect(answer["detail"]).toBe("Attestation error: RCAR handshake Attest failed");
  });
});

describe("auth refuses", () => {
  const cases: [string, Record<string, never> | object, string][] = [
    ["another version, naming both", { version: "0.1.1" }, "502 kbs.version-unsupported"],
    ["a platform that it cannot verify", { tee: "snp" }, "502 kbs.tee-unsupported"],
    ["a device as the primary platform", { tee: "sampledevice" }, "502 kbs.tee-unsupported"],
    ["an enclave, whose quotes this program verifies for others", { tee: "sgx" }, "502 kbs.tee-unsupported"],
    ["a version that is no text", { version: 4 }, "502 kbs.message-malformed"],
  ];
  for (const [what, members, expected] of cases) {
    test(what, async () => expect(await refusal(guest.authAnswer(members as Record<string, string>))).toBe(expected));
  }

  test("another version in words that upstream clients look for", async () => {
    const { detail } = (await (await guest.authAnswer({ version: "0.1.1" })).json()) as { detail: string };
    expect(detail).toEndWith("expect =0.4.0 while the request is 0.1.1");
  });

  test("what is no request at all", async () => {
    for (const body of ["", "{", "[]", "null", "[".repeat(5000), JSON.stringify({ version: "0.4.0" }), "\xff"]) {
      const answer = fetch(`${world.url}/kbs/v0/auth`, { method: "POST", body });
      expect(await refusal(answer)).toBe("502 kbs.message-malformed");
    }
  });

  test("a body beyond its limit", async () => {
    const answer = fetch(`${world.url}/kbs/v0/auth`, { method: "POST", body: "x".repeat(64 * 1024 + 1) });
    expect(await refusal(answer)).toBe("413 kbs.request-too-large");
  });
});

describe("attest refuses", () => {
  test("a request without a session", async () => {
    const opened = await guest.auth();
    const body = guest.attestBody(opened);
    for (const cookie of ["", "kbs-session-id=xyz"]) {
      expect(await refusal(guest.attestAnswer({ ...opened, cookie }, body))).toBe("401 kbs.session-unknown");
    }
  });

  test("a nonce that was spent, also by an attempt that failed (I2)", async () => {
    const opened = await guest.auth();
    const tampered = guest.attestBody(opened, { primaryEvidence: { quote: "AAAA", cc_eventlog: null } });
    expect(await refusal(guest.attestAnswer(opened, tampered))).toMatch(/^502 tdx\./);
    expect(await refusal(guest.attestAnswer(opened))).toBe("502 kbs.nonce-spent");
  });

  test("a nonce that was spent by a body that could not even be read", async () => {
    for (const change of [{ "pubkey-hash": "x" }, { "tee-pubkey": 7 }]) {
      const opened = await guest.auth();
      const body = JSON.parse(guest.attestBody(opened)) as { "runtime-data": object };
      const broken = JSON.stringify({ ...body, "runtime-data": { ...body["runtime-data"], ...change } });
      expect(await refusal(guest.attestAnswer(opened, broken))).toMatch(/kbs\.(evidence-purpose|tee-key-invalid)$/);
      expect(await refusal(guest.attestAnswer(opened))).toBe("502 kbs.nonce-spent");
    }
  });

  test("what is no attestation at all", async () => {
    const opened = await guest.auth();
    for (const body of ["", "{", "[]", "7", "{}", '{"runtime-data":null}', "[".repeat(5000)]) {
      expect(await refusal(guest.attestAnswer(opened, body))).toMatch(/^502 kbs\.(message-malformed|evidence-purpose)$/);
    }
    await expectOk(guest.attestAnswer(opened));
  });

  test("a nonce of another session, of another trustee, and one that nobody made", async () => {
    const [mine, other] = [await guest.auth(), await guest.auth()];
    expect(await refusal(guest.attestAnswer({ ...mine, nonce: other.nonce }))).toBe("502 kbs.nonce-foreign");
    const elsewhere = await startKbs();
    try {
      const theirs = await new Guest(elsewhere).auth();
      expect(await refusal(guest.attestAnswer(theirs))).toBe("502 kbs.nonce-foreign");
    } finally {
      await elsewhere.end();
    }
    expect(await refusal(guest.attestAnswer({ ...mine, nonce: `${"A".repeat(43)}=` }))).toBe("502 kbs.nonce-foreign");
  });

  test("a nonce that is older than 300 seconds", async () => {
    const opened = await guest.auth();
    world.clock.now = START + 300;
    expect(await refusal(guest.attestAnswer(opened))).toBe("502 kbs.nonce-expired");
  });

  test("a stripped offer: the nonce of a tagged handshake is foreign to a plain one, and evidence must be tagged (§3.3)", async () => {
    const opened = await guest.auth();
    const untagged = { cookie: opened.cookie, nonce: opened.nonce, tid: undefined };
    expect(await refusal(guest.attestAnswer(untagged))).toBe("502 kbs.binding-untagged");
  });

  test("a tag that was not negotiated, and one that names another trustee", async () => {
    const plain = await guest.auth({ "extra-params": "" });
    expect(await refusal(guest.attestAnswer({ ...plain, tid: world.trustee.tid }))).toBe("502 kbs.evidence-purpose");
    const opened = await guest.auth();
    expect(await refusal(guest.attestAnswer({ ...opened, tid: "A".repeat(43) }))).toBe("502 kbs.evidence-tid");
  });

  test("evidence that is bound to something else: another key, another nonce", async () => {
    const opened = await guest.auth();
    const thief = new Guest(world);
    const stolen = JSON.parse(guest.attestBody(opened)) as { "tee-evidence": { primary_evidence: object } };
    const body = thief.attestBody(opened, { primaryEvidence: stolen["tee-evidence"].primary_evidence as Record<string, string> });
    expect(await refusal(thief.attestAnswer(opened, body))).toBe("502 tdx.report-data-mismatch");
    const [first, second] = [await guest.auth(), await guest.auth()];
    const old = (JSON.parse(guest.attestBody(first)) as typeof stolen)["tee-evidence"].primary_evidence as Record<string, string>;
    expect(await refusal(guest.attestAnswer(second, guest.attestBody(second, { primaryEvidence: old })))).toBe(
      "502 tdx.report-data-mismatch",
    );
  });

  test("runtime data of another purpose (I4)", async () => {
    for (const members of [
      { "pubkey-hash": "x" },
      { "additional-evidence": "" },
      { hpke_key_config: "x" },
      { pk_s: "x" },
      { challenge_token: "x" },
    ]) {
      const opened = await guest.auth();
      const body = JSON.parse(guest.attestBody(opened)) as { "runtime-data": object };
      const other = JSON.stringify({ ...body, "runtime-data": { ...body["runtime-data"], ...members } });
      expect(await refusal(guest.attestAnswer(opened, other))).toBe("502 kbs.evidence-purpose");
    }
  });

  test("CPU evidence among the additional, and devices that it cannot verify (I1, I7)", async () => {
    const offers = {
      tdx: "evidence-class",
      sample: "evidence-class",
      csv: "evidence-class",
      sampledevice: "tee-unsupported",
      nvidia: "tee-unsupported",
    };
    for (const [tee, reason] of Object.entries(offers)) {
      const opened = await guest.auth();
      const body = guest.attestBody(opened, { additionalEvidence: JSON.stringify({ [tee]: {} }) });
      expect(await refusal(guest.attestAnswer(opened, body))).toBe(`502 kbs.${reason}`);
    }
  });

  test("what would make a token that no release looks at (I40)", async () => {
    const opened = await guest.auth();
    const blanks = { nonce: opened.nonce, teeKey: guest.teeKey, additionalEvidence: `${" ".repeat(1_000_000)}{}`, tid: opened.tid! };
    const reportData = reportDataOf(rcarRuntimeData(blanks), "sha384");
    const quote = Buffer.from(platform.quote({ ...machine, reportData })).toString("base64");
    const body = encodeAttestation({ ...blanks, primaryEvidence: { quote, cc_eventlog: null } });
    expect(await refusal(guest.attestAnswer(opened, body))).toBe("413 kbs.request-too-large");
  });

  test("a key that nothing can be encrypted to", async () => {
    for (const change of [{ alg: "RSA1_5" }, { crv: "P-384" }, { x: "AAAA" }, { y: "A".repeat(43) }]) {
      const opened = await guest.auth();
      const body = JSON.parse(guest.attestBody(opened)) as { "runtime-data": { "tee-pubkey": object } };
      body["runtime-data"]["tee-pubkey"] = { ...body["runtime-data"]["tee-pubkey"], ...change };
      expect(await refusal(guest.attestAnswer(opened, JSON.stringify(body)))).toBe("400 kbs.tee-key-invalid");
    }
  });

  test("a quote with any part changed", async () => {
    for (const at of [0, 100, 200, 600, 700, 1100, 1300]) {
      const opened = await guest.auth();
      const body = JSON.parse(guest.attestBody(opened)) as { "tee-evidence": { primary_evidence: { quote: string } } };
      const quote = Buffer.from(body["tee-evidence"].primary_evidence.quote, "base64");
      quote[at]! ^= 1;
      body["tee-evidence"].primary_evidence.quote = quote.toString("base64");
      expect(await refusal(guest.attestAnswer(opened, JSON.stringify(body)))).toMatch(/^502 tdx\./);
    }
  });

  test("a second body in an attested session; the identical one gives the same token again (I3)", async () => {
    const opened = await guest.auth();
    const body = guest.attestBody(opened);
    const first = await (await expectOk(guest.attestAnswer(opened, body))).text();
    expect(await (await expectOk(guest.attestAnswer(opened, body))).text()).toBe(first);
    expect(await refusal(guest.attestAnswer(opened, `${body}\n`))).toBe("401 kbs.session-used");
    const victim = new Guest(world);
    expect(await refusal(victim.attestAnswer(opened))).toBe("401 kbs.session-used");
  });

  test("all but one of 50 parallel attempts with one nonce", async () => {
    const opened = await guest.auth();
    const outcomes = await Promise.all(Array.from({ length: 50 }, () => refusal(new Guest(world).attestAnswer(opened))));
    expect(outcomes.filter((outcome) => outcome.startsWith("200 ")).length).toBe(1);
    for (const outcome of outcomes) expect(outcome).toMatch(/^(200 |502 kbs\.nonce-spent$|401 kbs\.session-used$)/);
  });

  test("everything while the clock is behind its own records (I15)", async () => {
    const { cookie } = await guest.attest();
    world.clock.now = START - 301;
    const opened = await guest.auth();
    expect(await refusal(guest.attestAnswer(opened))).toBe("503 trustee.clock-behind");
    expect(await refusal(guest.get(PATH, { cookie }))).toBe("503 trustee.clock-behind");
    world.clock.now = START;
    expect((await guest.open(guest.get(PATH, { cookie }))).text).toBe(SECRET);
  });
});

describe("release refuses", () => {
  test("a machine that measures something else", async () => {
    const { cookie } = await guest.attest({ mrTd: new Uint8Array(48).fill(1) });
    expect(await refusal(guest.get(PATH, { cookie }))).toBe("403 kbs.policy-denied");
  });

  test("with the same words whether a path is forbidden or missing (I20)", async () => {
    const { cookie } = await guest.attest({ mrTd: new Uint8Array(48).fill(1) });
    const strip = async (path: string) => ({ ...((await (await guest.get(path, { cookie })).json()) as object), decision: "" });
    expect(await strip(PATH)).toEqual(await strip("resource/no/such/key"));
  });

  test("what does not exist", async () => {
    const { cookie } = await guest.attest();
    expect(await refusal(guest.get("resource/no/such/key", { cookie }))).toBe("404 kbs.resource-missing");
  });

  test("names that are no resource names", async () => {
    const { cookie } = await guest.attest();
    for (const path of [
      "a/b",
      "a/b/c/d",
      "a//c",
      ".a/b/c",
      "a/b/c%2fd",
      "a/b/%63",
      "a/b/c%00",
      "a/b/c..d",
      "a/%2e%2e/c",
      "a/b/",
      `a/b/${"x".repeat(129)}`,
    ]) {
      expect(await refusal(guest.get(`resource/${path}`, { cookie }))).toBe("404 kbs.path-invalid");
    }
  });

  test("a plugin that is not there, with a hint", async () => {
    const answer = await guest.get("default/key/one", {});
    expect([answer.status, ((await answer.json()) as { id: string }).id]).toEqual([404, "kbs.plugin-unknown"]);
  });

  test("a token after its time, and a session after its own", async () => {
    const { cookie, token } = await guest.attest();
    world.clock.now = START + 300;
    expect(await refusal(guest.get(PATH, { authorization: `Bearer ${token}` }))).toBe("401 kbs.token-expired");
    expect(await refusal(guest.get(PATH, { cookie }))).toBe("401 kbs.token-missing");
  });

  test("a token of the future", async () => {
    const early = await startKbs();
    try {
      const { token } = await new Guest(early).attest();
      early.clock.now = START - 61;
      const headers = { authorization: `Bearer ${token}` };
      expect(await refusal(new Guest(early).get(PATH, headers))).toBe("401 kbs.token-expired");
    } finally {
      await early.end();
    }
  });

  test("a token that it did not sign, whatever key the header brings", async () => {
    const { token } = await guest.attest();
    const [header, payload, signature] = token.split(".");
    const altered = b64url(JSON.stringify({ ...claimsOf(token), exp: START + 9999 }));
    const none = b64url('{"typ":"JWT","alg":"none"}');
    const cases = {
      "401 kbs.token-signature": [`${header}.${altered}.${signature}`, `${header}.${payload}.${"A".repeat(86)}`],
      "401 kbs.token-malformed": [
        "x",
        "a.b",
        `${none}.${payload}.`,
        `${header}.${payload}.${signature}.x`,
        `${b64url('{"alg":"ES256","crit":["x"]}')}.${payload}.${signature}`,
      ],
    };
    for (const [expected, tokens] of Object.entries(cases)) {
      for (const wrong of tokens) expect(await refusal(guest.get(PATH, { authorization: `Bearer ${wrong}` }))).toBe(expected);
    }
  });

  test("a token of another trustee of the same world", async () => {
    const elsewhere = await startKbs();
    try {
      const { token } = await new Guest(elsewhere).attest();
      expect(await refusal(guest.get(PATH, { authorization: `Bearer ${token}` }))).toBe("401 kbs.token-signature");
    } finally {
      await elsewhere.end();
    }
  });

  test("a token that was minted before the attestation policy changed (I19)", async () => {
    const { token } = await guest.attest();
    const policy = async (text: string) =>
      expectOk(admin(world, "POST", "attestation-policy", JSON.stringify({ policy_id: "default", policy: b64url(text) })));
    const before = Buffer.from(await (await expectOk(admin(world, "GET", "attestation-policy/default"))).text(), "base64url").toString();
    await policy(`${before}\n# changed\n`);
    try {
      expect(await refusal(guest.get(PATH, { authorization: `Bearer ${token}` }))).toBe("401 kbs.token-policy");
    } finally {
      await policy(before);
    }
    expect((await guest.open(guest.get(PATH, { authorization: `Bearer ${token}` }))).text).toBe(SECRET);
  });

  test("a stolen token everything but ciphertext (I20)", async () => {
    const { token } = await guest.attest();
    const thief = new Guest(world);
    const answer = await expectOk(thief.get(PATH, { authorization: `Bearer ${token}` }));
    expect(await answer.clone().text()).not.toContain(SECRET);
    await expect(thief.open(Promise.resolve(answer))).rejects.toMatchObject({ id: "crypto.jwe-not-for-this-key" });
  });
});

describe("under policies that allow everything, the floor still refuses (I12)", () => {
  let lax: KbsWorld;
  beforeAll(async () => {
    lax = await startKbs();
    await provision(lax, "allow-all");
    const text = "package policy\nimport rego.v1\nhardware := 2\nexecutables := 3\nconfiguration := 2\nfile_system := 2\n";
    await expectOk(admin(lax, "POST", "attestation-policy", JSON.stringify({ policy_id: "default", policy: b64url(text) })));
    await expectOk(admin(lax, "POST", PATH, SECRET));
  });
  afterAll(() => lax.end());

  test("a debug machine", async () => {
    const visitor = new Guest(lax);
    const { cookie, token } = await visitor.attest({ tdAttributes: Uint8Array.of(1, 0, 0, 0x10, 0, 0, 0, 0) });
    const { submods } = claimsOf(token) as { submods: { cpu0: Record<string, Record<string, number>> } };
    expect(submods.cpu0["ear.trustworthiness-vector"]?.["configuration"]).toBeGreaterThanOrEqual(96);
    expect(await refusal(visitor.get(PATH, { cookie }))).toBe("403 policy.debug");
  });

  test("collateral that has expired", async () => {
    const visitor = new Guest(lax);
    lax.clock.now = START + 40 * 86_400;
    const { cookie } = await visitor.attest();
    expect(await refusal(visitor.get(PATH, { cookie }))).toBe("403 policy.collateral-expired");
  });
});

test("an upstream guest that the policies take gets a JWE header exactly as upstream writes it", async () => {
  const lax = await startKbs();
  try {
    await provision(lax, "allow-all");
    await expectOk(admin(lax, "POST", PATH, SECRET));
    const visitor = new Guest(lax);
    const { cookie } = await visitor.attest({}, { "extra-params": "" });
    const answer = await expectOk(visitor.get(PATH, { cookie }));
    const jwe = (await answer.clone().json()) as { protected: string };
    const header = Buffer.from(jwe.protected, "base64url").toString();
    expect(header).toMatch(
      /^\{"alg":"ECDH-ES\+A256KW","enc":"A256GCM","epk":\{"crv":"P-256","kty":"EC","x":"[\w-]{43}","y":"[\w-]{43}"\}\}$/,
    );
    expect(await visitor.open(Promise.resolve(answer))).toEqual({ text: SECRET, caiUri: undefined });
  } finally {
    await lax.end();
  }
});

test("a new trustee releases nothing: its resource policy denies all (I22)", async () => {
  const fresh = await startKbs();
  try {
    await expectOk(admin(fresh, "POST", PATH, SECRET));
    const { cookie } = await new Guest(fresh).attest();
    expect(await refusal(guest.get.call(new Guest(fresh), PATH, { cookie }))).toBe("403 kbs.policy-denied");
  } finally {
    await fresh.end();
  }
});

test("a production trustee refuses the same quote for want of its root (I11)", async () => {
  const production = await startKbs({ simulated: false });
  try {
    const visitor = new Guest(production);
    expect(await refusal(visitor.attestAnswer(await visitor.auth()))).toBe("502 tdx.untrusted-root");
  } finally {
    await production.end();
  }
});

test("every decision is a record without a secret, a token or a cookie in it, and so is the log (I27)", async () => {
  const { cookie, token } = await guest.attest();
  await guest.open(guest.get(PATH, { cookie }));
  const database = new Database(join(world.dataDir, "trustee.db"), { readonly: true });
  const rows = database.query<Record<string, unknown>, []>("SELECT * FROM decisions ORDER BY number DESC LIMIT 2").all();
  database.close();
  expect(rows.map(({ kind, outcome, subject, level }) => [kind, outcome, subject, level])).toEqual([
    ["release", "allowed", "default/key/one", "L1"],
    ["attest", "allowed", null, "L1"],
  ]);
  const id = cookie.slice(cookie.indexOf("=") + 1);
  const files = readdirSync(world.dataDir).map((name) => readFileSync(join(world.dataDir, name)));
  for (const hidden of [SECRET, Buffer.from(SECRET).toString("base64url"), Buffer.from(SECRET).toString("hex")]) {
    for (const file of files) expect(file.includes(hidden)).toBe(false);
    expect(world.log.join("\n")).not.toContain(hidden);
  }
  for (const file of files) expect(file.includes(id)).toBe(false);
  for (const hidden of [id, token, token.split(".")[2]!]) expect(world.log.join("\n")).not.toContain(hidden);
  expect(JSON.stringify(rows)).not.toContain(token);
  const lines = world.log.map((line) => JSON.parse(line) as Record<string, unknown>);
  for (const line of lines) expect(line["level"]).toMatch(/^(debug|info|warn|error)$/);
  expect(lines.findLast(({ message }) => message === "release")).toMatchObject({ level: "info", outcome: "allowed", assurance: "L1" });
});

test("evidence in the form of the protocol is the only one that is read", async () => {
  const opened = await guest.auth();
  const { teeKey } = guest;
  const quote = Buffer.from(platform.quote({ ...machine, reportData: new Uint8Array(64) })).toString("base64");
  for (const primaryEvidence of [quote, null, [], {}, { quote: 7 }, { quote: `${quote}!` }]) {
    const fresh = await guest.auth();
    const body = encodeAttestation({ nonce: fresh.nonce, teeKey, tid: opened.tid!, primaryEvidence, additionalEvidence: "" });
    expect(await refusal(guest.attestAnswer(fresh, body))).toMatch(/^502 tdx\./);
  }
});
