import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { removeScratch, stopAll } from "../../e2e/cai.ts";
import { certificates, verifyAsGateway } from "./relying-party.ts";
import {
  adminHeaders,
  attestation,
  b64url,
  digestOf,
  get,
  type Json,
  partsOf,
  post,
  type Service,
  startService,
  tdxEvidence,
  tokenOf,
} from "./service.ts";

const POLICY = 'package policy\nimport rego.v1\ndefault allow := false\nallow if input["tdx.td_attributes.debug"] == false\n';
let service: Service;
beforeAll(async () => {
  service = await startService("--token-type", "simple", "--issuer-name", "an issuer");
  for (const [id, text] of [
    ["mine", POLICY],
    ["never", "package policy\nallow := false\n"],
  ] as const) {
    const answer = await post(service, "/policy", { policy_id: id, policy: b64url(text) }, adminHeaders(service));
    if (answer.status !== 200) throw new Error(await answer.text());
  }
}, 60_000);
afterAll(async () => {
  await stopAll();
  removeScratch(service.folder);
});

const structured: Json = { "pubkey-hash": "x" };
const request = async (): Promise<Json> => ({
  tee: "tdx",
  evidence: await tdxEvidence(service, digestOf(structured)),
  runtime_data: { structured },
});

describe("a simple token", () => {
  test("trustee.md §5.3: has a header of alg RS384, jwk and typ, and x5c in base64url", async () => {
    const { header } = partsOf(await tokenOf(attestation(service, await request(), ["mine"])));
    expect(Object.keys(header)).toEqual(["alg", "jwk", "typ"]);
    const { x5c, n, ...jwk } = header["jwk"] as { x5c: string[]; n: string; [name: string]: Json };
    expect([header["alg"], header["typ"], jwk]).toEqual(["RS384", "JWT", { alg: "RS384", kty: "RSA", e: "AQAB" }]);
    expect(Buffer.from(n, "base64url").length).toBe(256);
    expect(x5c).toEqual(certificates(await (await get(service, "/certificate")).text()).map(({ raw }) => b64url(raw)));
  });

  test("trustee.md §5.3: has the claims of that form, tcb-status as text of a flattened object, hex SHA-384 of each policy", async () => {
    const { claims } = partsOf(await tokenOf(attestation(service, await request(), ["mine"])));
    const { iat } = claims as { iat: number };
    expect(claims).toMatchObject({
      iss: "an issuer",
      nbf: iat,
      exp: iat + 300,
      tee: "tdx",
      "evaluation-reports": [{ "policy-id": "mine", "policy-hash": createHash("sha384").update(POLICY).digest("hex") }],
      customized_claims: { init_data: null, runtime_data: structured },
    });
    expect(claims["jti"]).toMatch(/^[A-Za-z0-9]{10}$/);
    const status = JSON.parse(claims["tcb-status"] as string) as { [name: string]: Json };
    expect(status["tdx.quote.header.version"]).toBe("0400");
    expect(status["tdx.quote.header"]).toBeUndefined();
    expect([status["report_data"], status["init_data"]]).toEqual([
      Buffer.from(digestOf(structured)).toString("hex").padEnd(128, "0"),
      "0".repeat(96),
    ]);
    expect([status["tdx.report_data"], status["tdx.init_data"]]).toEqual([undefined as unknown as Json, undefined as unknown as Json]);
  });

  test("trustee.md §5.3: is given only where allow is true of every policy", async () => {
    for (const policies of [["never"], ["mine", "never"], ["default"], []]) {
      const answer = await attestation(service, await request(), policies);
      expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([500, "AS.INTERNAL.ERROR"]);
    }
  });

  test("trustee.md §4.1: has its key at /jwks", async () => {
    const { header } = partsOf(await tokenOf(attestation(service, await request(), ["mine"])));
    const { n } = header["jwk"] as { n: string };
    const { keys } = (await (await get(service, "/jwks")).json()) as { keys: Json[] };
    expect(keys).toMatchObject([{ kty: "RSA", n, e: "AQAB" }]);
  });

  test("gateway.md §4.5: is taken by a gateway, which reads the legacy form", async () => {
    const anchors = await (await get(service, "/certificate")).text();
    const token = await tokenOf(attestation(service, await request(), ["mine"]));
    verifyAsGateway(token, { anchors, policyIds: ["mine"], runtimeData: structured as { [name: string]: Json } });
    expect(() => verifyAsGateway(token, { anchors, policyIds: ["other"] })).toThrow("step 7");
  });

  test("security.md I19: opens no resource", async () => {
    const token = await tokenOf(attestation(service, await request(), ["mine"]));
    expect((await get(service, "/kbs/v0/resource/a/b/c", { authorization: `Bearer ${token}` })).status).toBe(401);
  });
});
