import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { generateKeyPairSync } from "node:crypto";
import { removeScratch, stopAll } from "../../e2e/cai.ts";
import { attestation, digestOf, get, type Json, partsOf, post, type Service, startService, tdxEvidence, tokenOf } from "./service.ts";

let service: Service;
beforeAll(async () => {
  service = await startService("--accept-sample");
}, 60_000);
afterAll(async () => {
  await stopAll();
  removeScratch(service.folder);
});

const { publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const { crv, kty, x, y } = publicKey.export({ format: "jwk" }) as Record<string, string>;
const teeKey = { alg: "ECDH-ES+A256KW", crv: crv!, kty: kty!, x: x!, y: y! };

/** The member sets of every purpose that evidence is made for (security.md §3.2). */
const PURPOSES: [purpose: string, data: { [name: string]: Json }][] = [
  ["RCAR, primary", { "additional-evidence": "", nonce: "n", "tee-pubkey": teeKey }],
  ["RCAR device, older versions, injection", { nonce: "n", "tee-pubkey": teeKey }],
  ["RATS-TLS", { "pubkey-hash": "x" }],
  ["an OHTTP key", { hpke_key_config: "x" }],
  ["an OHTTP client", { pk_s: "x" }],
  ["anything else", { free: "form" }],
];

/** POST attest of an upstream guest, with runtime data and evidence of its choice. @returns status and error id */
async function attest(runtimeData: (nonce: string) => Json, evidence: (nonce: string) => Promise<string>): Promise<string> {
  const opened = await post(service, "/kbs/v0/auth", { version: "0.4.0", tee: "tdx", "extra-params": "" });
  const cookie = opened.headers.get("set-cookie")!.split(";")[0]!;
  const { nonce } = (await opened.json()) as { nonce: string };
  const quote = JSON.parse(Buffer.from(await evidence(nonce), "base64url").toString()) as Json;
  const body = {
    "init-data": null,
    "runtime-data": runtimeData(nonce),
    "tee-evidence": { primary_evidence: quote, additional_evidence: "" },
  };
  const answer = await post(service, "/kbs/v0/attest", body, { cookie });
  return `${answer.status} ${((await answer.json()) as { id?: string }).id}`;
}

describe.each(PURPOSES)("evidence made for %s (security.md I4)", (purpose, data) => {
  test("is never one of an RCAR run: with its own members the purpose is refused, with those of RCAR the binding", async () => {
    const evidence = await tdxEvidence(service, digestOf(data));
    const own = await attest(
      (nonce) => ("nonce" in data ? { ...data, nonce } : data),
      async () => evidence,
    );
    const rcar = await attest(
      (nonce) => ({ nonce, "tee-pubkey": teeKey }),
      async () => evidence,
    );
    // The one set that attest itself has in its body is the same; what is hashed has the additional evidence besides.
    expect(own).toBe(purpose.startsWith("RCAR device") ? "502 tdx.report-data-mismatch" : "502 kbs.evidence-purpose");
    expect(rcar).toBe("502 tdx.report-data-mismatch");
  });

  test("gets a token of the attestation service that opens no resource, in whatever way it comes (security.md I1, I19)", async () => {
    const request = { tee: "tdx", evidence: await tdxEvidence(service, digestOf(data)), runtime_data: { structured: data } };
    const token = await tokenOf(attestation(service, request));
    expect(partsOf(token).claims["cai"]).toMatchObject({ use: "as", fresh: "none" });
    for (const headers of [{ attestation: token }, { authorization: `Bearer ${token}` }] as Record<string, string>[]) {
      const answer = await get(service, "/kbs/v0/resource/default/key/one", headers);
      expect([answer.status, ((await answer.json()) as { id: string }).id]).toEqual([401, "kbs.token-use"]);
    }
  });

  test("says nothing of data of another purpose", async () => {
    const evidence = await tdxEvidence(service, digestOf(data));
    for (const [other, structured] of PURPOSES) {
      const answer = await attestation(service, { tee: "tdx", evidence, runtime_data: { structured } });
      expect([other, answer.status]).toEqual([other, other === purpose ? 200 : 422]);
    }
  });
});

test("security.md I6: evidence that was recorded in an RCAR run gets a token that is not fresh, and it gets no second run", async () => {
  let recorded = "";
  let data: { [name: string]: Json } = {};
  const evidence = async (nonce: string) => {
    data = { "additional-evidence": "", nonce, "tee-pubkey": teeKey };
    recorded = await tdxEvidence(service, digestOf(data));
    return recorded;
  };
  expect(await attest((nonce) => ({ nonce, "tee-pubkey": teeKey }), evidence)).toBe("200 undefined");
  const token = await tokenOf(attestation(service, { tee: "tdx", evidence: recorded, runtime_data: { structured: data } }));
  expect(partsOf(token).claims["cai"]).toMatchObject({ use: "as", fresh: "none" });
  expect((await get(service, "/kbs/v0/resource/default/key/one", { attestation: token })).status).toBe(401);
  expect(
    await attest(
      (nonce) => ({ nonce, "tee-pubkey": teeKey }),
      async () => recorded,
    ),
  ).toBe("502 tdx.report-data-mismatch");
});
