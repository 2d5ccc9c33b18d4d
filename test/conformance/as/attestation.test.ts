import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { removeScratch, stopAll } from "../../e2e/cai.ts";
import { certificates, verifyAsGateway } from "./relying-party.ts";
import {
  attestation,
  b64,
  b64url,
  canonical,
  digestOf,
  get,
  hex,
  type Json,
  partsOf,
  post,
  type Service,
  sampleEvidence,
  startService,
  tdxEvidence,
  tokenOf,
} from "./service.ts";

const REGISTER = "ab".repeat(32);
let openanolis: Service;
let coco: Service;
beforeAll(async () => {
  openanolis = await startService("--accept-sample");
  coco = await startService("--accept-sample", "--compat", "coco", "--issuer-name", "an issuer");
}, 60_000);
afterAll(async () => {
  await stopAll();
  for (const { folder } of [openanolis, coco]) removeScratch(folder);
});

type Submods = { [name: string]: { [name: string]: Json } };
const submodsIn = (token: string) => partsOf(token).claims["submods"] as Submods;
const evidenceIn = (token: string, name = "cpu0") => submodsIn(token)[name]!["ear.veraison.annotated-evidence"] as { [name: string]: Json };
/** A request as gateways make it: every member there, null where there is nothing (gateway.md §4.4). */
const gatewayRequest = async (service: Service, structured: Json): Promise<Json> => ({
  tee: "tdx",
  evidence: await tdxEvidence(service, digestOf(structured)),
  runtime_data: { structured },
  init_data: null,
  runtime_data_hash_algorithm: "sha384",
});

describe.each([
  ["openanolis", () => openanolis],
  ["coco", () => coco],
] as const)("POST /attestation, compat %s", (family, of) => {
  test("trustee.md §4.1: answers 200 with the bare text of a JWT", async () => {
    const answer = await attestation(of(), await gatewayRequest(of(), { a: 1 }));
    expect(answer.status).toBe(200);
    expect(await answer.text()).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/);
  });

  test("trustee.md §1.7: hashes the canonical JSON, as its own vector", () => {
    const vector = "e71ce8e70d814ba6639c3612ebee0ff1f76f650f8dbb5e47157e0f3f525cd22c4597480a186427c813ca941da78870c3";
    expect(hex(digestOf({ b: 1, a: "test", c: { d: "e" } }))).toBe(vector);
    expect(canonical({ b: ['é/"'], a: null })).toBe('{"a":null,"b":["é/\\""]}');
  });

  test("trustee.md §4.2: raw runtime data are the report data, not hashed, and no claims", async () => {
    const raw = new Uint8Array(64).fill(7);
    const request = { tee: "tdx", evidence: await tdxEvidence(of(), raw), runtime_data: { raw: b64url(raw) } };
    const evidence = evidenceIn(await tokenOf(attestation(of(), request)));
    expect([evidence["report_data"], evidence["runtime_data_claims"]]).toEqual([hex(raw), null]);
    const hashed = { ...request, runtime_data: { raw: b64url(createHash("sha384").update(raw).digest()) } };
    expect((await attestation(of(), hashed)).status).not.toBe(200);
  });

  test("trustee.md §4.2: policy_ids is required and may be empty, which means default", async () => {
    const request = await gatewayRequest(of(), { a: 1 });
    expect(submodsIn(await tokenOf(attestation(of(), request, [])))["cpu0"]!["ear.appraisal-policy-id"]).toBe("default");
    expect((await post(of(), "/attestation", { verification_requests: [request] })).status).toBe(family === "coco" ? 500 : 400);
  });

  test("trustee.md §4.2: the older shape with members at the top is not taken, and not in words that a gateway would repeat it for (security.md I37)", async () => {
    const { tee, evidence } = (await gatewayRequest(of(), { a: 1 })) as { tee: string; evidence: string };
    const answer = await post(of(), "/attestation", { tee, evidence, policy_ids: ["default"] });
    expect(answer.status).not.toBe(200);
    expect(await answer.text()).not.toContain("missing field `tee`");
  });

  test("gateway.md §4.4: a device that a gateway sends without runtime data is refused, never left out without a word (security.md I7)", async () => {
    const cpu = await gatewayRequest(of(), { a: 1 });
    const device = {
      tee: "sampledevice",
      evidence: sampleEvidence(new Uint8Array(48)),
      runtime_data: null,
      init_data: null,
      runtime_data_hash_algorithm: null,
    };
    const answer = await attestation(of(), [cpu, device]);
    expect(answer.status).toBe(family === "coco" ? 500 : 422);
    expect(await answer.text()).toContain("as.device-unbound");
  });

  test("trustee.md §6.5: sample evidence of either shape has its family's claims, marked simulated", async () => {
    const structured = { a: 1 };
    const request = (register?: string) => ({
      tee: "sample",
      evidence: sampleEvidence(digestOf(structured), register),
      runtime_data: { structured },
    });
    const simulated = { svn: "1", simulated: true };
    const evidence = evidenceIn(await tokenOf(attestation(of(), request(REGISTER))));
    // Report data stand beside the platform's claims (trustee.md §5.2).
    expect(evidence["report_data"]).toBe(b64(digestOf(structured)));
    expect(evidence["sample"]).toEqual({
      ...simulated,
      measure_register: REGISTER,
      cc_eventlog: null,
    });
    expect(evidenceIn(await tokenOf(attestation(of(), request())))["sample"]).toEqual({
      ...simulated,
      launch_digest: "abcde",
      platform_version: { major: 1, minor: 4 },
      debug: false,
    });
  });

  test("trustee.md §6.5: a register of another size than 32 bytes is refused, and report data are compared exactly", async () => {
    const structured = { a: 1 };
    const request = (evidence: string) => ({ tee: "sample", evidence, runtime_data: { structured } });
    expect((await attestation(of(), request(sampleEvidence(digestOf(structured), "ab".repeat(31))))).status).not.toBe(200);
    for (const other of [digestOf({ a: 2 }), digestOf(structured).subarray(0, 47), new Uint8Array(0)]) {
      expect(await (await attestation(of(), request(sampleEvidence(other)))).text()).toContain("sample.report-data-mismatch");
    }
  });

  test("trustee.md §1.3, §5.2: submodules are named by class, numbered from 0", async () => {
    const data = (n: number): Json => ({ nonce: "n", n });
    const device = (n: number): Json => ({
      tee: "sampledevice",
      evidence: sampleEvidence(digestOf(data(n))),
      runtime_data: { structured: data(n) },
    });
    const token = await tokenOf(attestation(of(), [await gatewayRequest(of(), { nonce: "n" }), device(1), device(2)]));
    expect(Object.keys(submodsIn(token)).sort()).toEqual(["cpu0", "gpu0", "gpu1"]);
  });

  test("trustee.md §5.2: the token has the members of an EAR, iss as the family has it, and no nbf, jti or sub", async () => {
    const { claims } = partsOf(await tokenOf(attestation(of(), await gatewayRequest(of(), { a: 1 }))));
    expect(claims["eat_profile"]).toBe("tag:github.com,2024:confidential-containers/Trustee");
    expect(claims["iss"]).toBe(family === "coco" ? "an issuer" : (undefined as unknown as string));
    expect((claims["exp"] as number) - (claims["iat"] as number)).toBe(300);
    expect(Object.keys(claims["ear.verifier-id"] as object)).toEqual(["developer", "build"]);
    for (const absent of ["nbf", "jti", "sub", "aud"]) expect(claims[absent]).toBeUndefined();
  });

  test("trustee.md §5.2: report_data and init_data move up beside the claims, the rest stands under the platform's name", async () => {
    const structured = { a: 1 };
    const evidence = evidenceIn(await tokenOf(attestation(of(), await gatewayRequest(of(), structured))));
    expect(Object.keys(evidence)).toEqual(["report_data", "runtime_data_claims", "init_data", "init_data_claims", "tdx"]);
    expect(evidence).toMatchObject({
      report_data: hex(digestOf(structured)).padEnd(128, "0"),
      runtime_data_claims: structured,
      init_data: "0".repeat(96),
      init_data_claims: null,
    });
  });

  test("trustee.md §5.2: the header has typ, alg and a jwk whose alg is the header's, without kid; x5c is spelled as the family reads it", async () => {
    const { header } = partsOf(await tokenOf(attestation(of(), await gatewayRequest(of(), { a: 1 }))));
    expect(Object.keys(header)).toEqual(["typ", "alg", "jwk"]);
    const jwk = header["jwk"] as { [name: string]: Json };
    expect(Object.keys(jwk)).toEqual(["alg", "kty", "crv", "x", "y", "x5c"]);
    expect([header["typ"], header["alg"], jwk["alg"], jwk["crv"]]).toEqual(["JWT", "ES256", "ES256", "P-256"]);
    const chain = certificates(await (await get(of(), "/certificate")).text());
    expect(jwk["x5c"]).toEqual(chain.map(({ raw }) => (family === "coco" ? b64(raw) : b64url(raw))));
  });

  test("trustee.md §4.3: init data as TOML become claims where the platform holds their digest, here none (security.md I18)", async () => {
    const toml = 'version = "0.1.0"\nalgorithm = "sha384"\n[data]\na = "b"\n';
    const request = { ...((await gatewayRequest(of(), { a: 1 })) as object), init_data: { init_data_toml: toml } } as Json;
    expect(await (await attestation(of(), request)).text()).toContain("tdx.init-data-mismatch");
  });
});

describe("a gateway of the TNG kind", () => {
  test("gateway.md §4.5: takes the token, with the anchors that /certificate serves", async () => {
    const anchors = await (await get(openanolis, "/certificate")).text();
    const structured: Json = { "pubkey-hash": "x", other: "member" };
    const token = await tokenOf(attestation(openanolis, await gatewayRequest(openanolis, structured)));
    verifyAsGateway(token, { anchors, policyIds: ["default"], runtimeData: { "pubkey-hash": "x" } });
    expect(() => verifyAsGateway(token, { anchors, runtimeData: { "pubkey-hash": "y" } })).toThrow("step 8");
    expect(() => verifyAsGateway(token, { anchors, policyIds: ["other"] })).toThrow("step 7");
    expect(() => verifyAsGateway(token, { anchors, now: Date.now() / 1000 + 361 })).toThrow("step 5");
    const [header, claims, signature] = token.split(".");
    expect(() => verifyAsGateway(`${header}.${claims}.${signature!.slice(2)}AA`, { anchors })).toThrow("step 4");
    const others = await (await get(coco, "/certificate")).text();
    expect(() => verifyAsGateway(token, { anchors: others })).toThrow("step 3");
  });

  test("gateway.md §4.5: takes the token with the last certificate of the chain as its only anchor, as from a file", async () => {
    const pem = await (await get(openanolis, "/certificate")).text();
    const [, ca] = pem.split(/(?<=-----END CERTIFICATE-----\n)/);
    verifyAsGateway(await tokenOf(attestation(openanolis, await gatewayRequest(openanolis, { a: 1 }))), { anchors: ca! });
  });

  test("gateway.md §4.5: does not take a token about evidence that no policy affirms", async () => {
    const anchors = await (await get(openanolis, "/certificate")).text();
    const structured = { a: 1 };
    const request = { tee: "sample", evidence: sampleEvidence(digestOf(structured)), runtime_data: { structured } };
    expect(() => verifyAsGateway("", { anchors })).toThrow();
    const token = await tokenOf(attestation(openanolis, request));
    expect(() => verifyAsGateway(token, { anchors })).toThrow("step 6");
  });

  test("gateway.md §4.5: under every place that the service is mounted at", async () => {
    for (const mount of ["/as", "/api/as", "/api/attestation-service"]) {
      const anchors = await (await get(openanolis, `${mount}/certificate`)).text();
      const request = await gatewayRequest(openanolis, { a: 1 });
      verifyAsGateway(await tokenOf(attestation(openanolis, request, ["default"], mount)), { anchors, policyIds: ["default"] });
    }
  });
});
