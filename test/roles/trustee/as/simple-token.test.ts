import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createHash, verify, X509Certificate } from "node:crypto";
import type { JsonObject } from "../../../../src/system/index.ts";
import { b64url, claimsOf, Guest, type KbsWorld, provision, refusal, START, startKbs } from "../kbs-world.ts";
import { administer, ask, b64u, problemOf, tdxRequest } from "./as-world.ts";

const ALLOW = 'package policy\nimport rego.v1\ndefault allow := false\nallow if input["tdx.quote.header.tee_type"] == "81000000"\n';
const REFERENCE = 'package policy\nimport rego.v1\nallow if input["tdx.quote.body.mr_td"] in query_reference_value("tdx.mr_td")\n';
let world: KbsWorld;
beforeAll(async () => {
  world = await startKbs({ tokenType: "simple", issuerName: "an issuer" });
  await provision(world);
  for (const [id, text] of [
    ["one", ALLOW],
    ["two", REFERENCE],
    ["no", 'package policy\nallow := "true"\n'],
  ] as const) {
    await administer(world, "POST", "/policy", { policy_id: id, policy: b64url(text) });
  }
});
afterAll(() => world.end());

const attest = (requests: JsonObject[], policy_ids: string[]) =>
  ask(world, "POST", "/attestation", { verification_requests: requests, policy_ids });
const hex384 = (text: string) => createHash("sha384").update(text).digest("hex");

describe("a simple token (trustee.md §5.3)", () => {
  test("has exactly the family's claims, and what this program says of its own", async () => {
    const structured = { "pubkey-hash": "x" };
    const answer = await attest([tdxRequest(structured)], ["one", "two"]);
    expect(answer.status).toBe(200);
    const token = await answer.text();
    const claims = claimsOf(token);
    const { "tcb-status": tcbStatus, jti, cai, ...rest } = claims;
    expect(rest).toEqual({
      iss: "an issuer",
      iat: START,
      nbf: START,
      exp: START + 300,
      tee: "tdx",
      "evaluation-reports": [
        { "policy-id": "one", "policy-hash": hex384(ALLOW) },
        { "policy-id": "two", "policy-hash": hex384(REFERENCE) },
      ],
      customized_claims: { init_data: null, runtime_data: structured },
      simulated: true,
    });
    expect(jti).toMatch(/^[A-Za-z0-9]{10}$/);
    expect(cai).toMatchObject({ use: "as", fresh: "none", binding: "plain", world: "simulated", level: "L1" });
    expect(typeof tcbStatus).toBe("string");
    const flat = JSON.parse(tcbStatus as string) as JsonObject;
    expect(flat).toMatchObject({ "tdx.quote.header.tee_type": "81000000", "tdx.td_attributes.debug": false, "tdx.simulated": true });
    expect(flat["report_data"]).toMatch(/^[0-9a-f]{128}$/);
    expect(flat["init_data"]).toBe("00".repeat(48));
    expect(Object.values(flat).every((value) => typeof value !== "object" || value === null || Array.isArray(value))).toBe(true);
  });

  test("is signed by an RSA leaf under the trustee's CA, which is published", async () => {
    const token = await (await attest([tdxRequest({ a: 1 })], ["one"])).text();
    const [header = "", payload = "", signature = ""] = token.split(".");
    const parsed = JSON.parse(Buffer.from(header, "base64url").toString()) as { jwk: { n: string; x5c: string[] } };
    expect(Object.keys(parsed)).toEqual(["alg", "jwk", "typ"]);
    expect(parsed).toMatchObject({ alg: "RS384", typ: "JWT", jwk: { kty: "RSA", alg: "RS384", e: "AQAB" } });
    const [leaf, ca] = parsed.jwk.x5c.map((der) => new X509Certificate(Buffer.from(der, "base64url")));
    expect([leaf!.ca, ca!.ca, leaf!.verify(ca!.publicKey)]).toEqual([false, true, true]);
    expect(leaf!.publicKey.export({ format: "jwk" })).toMatchObject({ n: parsed.jwk.n });
    expect(verify("sha384", Buffer.from(`${header}.${payload}`), leaf!.publicKey, Buffer.from(signature, "base64url"))).toBe(true);
    const { keys } = (await (await ask(world, "GET", "/jwks")).json()) as { keys: JsonObject[] };
    expect(keys).toMatchObject([{ kty: "RSA", n: parsed.jwk.n, e: "AQAB", alg: "RS384" }]);
    expect(new X509Certificate(await (await ask(world, "GET", "/certificate")).text()).raw.equals(leaf!.raw)).toBe(true);
  });

  test("needs exactly true of every policy", async () => {
    for (const ids of [["no"], ["one", "no"], ["default"], []]) {
      expect(await problemOf(attest([tdxRequest({ a: 1 })], ids))).toBe("500 AS.INTERNAL.ERROR policy.denied");
    }
  });

  test("is not given to evidence below the floor, whatever the policies allow (I12)", async () => {
    const tdAttributes = Uint8Array.of(1, 0, 0, 0x10, 0, 0, 0, 0);
    expect(await problemOf(attest([tdxRequest({ a: 1 }, {}, { tdAttributes })], ["one"]))).toBe("500 AS.INTERNAL.ERROR policy.debug");
  });

  test("is about one machine, which comes first: another one's claims vouch for no key (I1, I7)", async () => {
    const evil = (structured: JsonObject) => tdxRequest(structured, {}, { mrTd: new Uint8Array(48).fill(0xee) });
    const good = (structured: JsonObject) => tdxRequest(structured);
    const refused = "400 AS.REQUEST.INVALID_ARGUMENT kbs.evidence-class";
    for (const shared of [{}, { nonce: "n" }] as JsonObject[]) {
      const [mine, theirs] = [
        { ...shared, "pubkey-hash": "mine" },
        { ...shared, "pubkey-hash": "theirs" },
      ];
      expect(await problemOf(attest([evil(mine)], ["two"]))).toBe("500 AS.INTERNAL.ERROR policy.denied");
      expect(await problemOf(attest([evil(mine), good(theirs)], ["two"]))).toBe(refused);
      expect(await problemOf(attest([good(theirs), evil(mine)], ["two"]))).toBe(refused);
    }
  });

  test("opens no resource: the key broker goes on with EAR, and takes no other (I19)", async () => {
    const guest = new Guest(world);
    const token = await (await attest([tdxRequest({ nonce: "n", "tee-pubkey": guest.teeKey as unknown as JsonObject })], ["one"])).text();
    expect(await refusal(guest.get("resource/default/key/one", { attestation: token }))).toBe("401 kbs.token-malformed");
    const { token: ear } = await guest.attest();
    expect(claimsOf(ear)["eat_profile"]).toBeDefined();
    // The same header with another algorithm is no way in either.
    const [, payload, signature] = token.split(".");
    const confused = `${b64u('{"alg":"ES256","typ":"JWT"}')}.${payload}.${signature}`;
    expect(await refusal(guest.get("resource/default/key/one", { attestation: confused }))).toBe("401 kbs.token-signature");
  });
});
