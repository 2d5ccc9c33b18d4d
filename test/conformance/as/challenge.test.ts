import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { removeScratch, stopAll } from "../../e2e/cai.ts";
import { attestation, digestOf, get, type Json, partsOf, post, type Service, sampleEvidence, startService, tokenOf } from "./service.ts";

let openanolis: Service;
let coco: Service;
beforeAll(async () => {
  openanolis = await startService("--accept-sample");
  coco = await startService("--accept-sample", "--compat", "coco");
}, 60_000);
afterAll(async () => {
  await stopAll();
  for (const { folder } of [openanolis, coco]) removeScratch(folder);
});

interface Challenge {
  nonce: string;
  "extra-params": { jwt: string };
}

describe.each([
  ["openanolis", () => openanolis],
  ["coco", () => coco],
] as const)("POST /challenge, compat %s", (_, of) => {
  test("trustee.md §4.4: {} gets a nonce of 32 bytes in base64, and extra-params.jwt", async () => {
    const answer = await post(of(), "/challenge", {});
    expect(answer.status).toBe(200);
    const challenge = (await answer.json()) as Challenge;
    expect(Object.keys(challenge)).toEqual(["nonce", "extra-params"]);
    expect(challenge.nonce).toMatch(/^[A-Za-z0-9+/]{43}=$/);
    expect(Object.keys(challenge["extra-params"])).toEqual(["jwt"]);
  });

  test("trustee.md §4.4: the JWT's header is exactly alg RS384 and typ JWT, its claims nonce, iat and exp 300 s later", async () => {
    const { nonce, "extra-params": extra } = (await (await post(of(), "/challenge", {})).json()) as Challenge;
    const { headerText, claims } = partsOf(extra.jwt);
    expect(headerText).toBe('{"alg":"RS384","typ":"JWT"}');
    const { iat, exp, ...rest } = claims as { iat: number; exp: number; nonce: string };
    expect(rest).toEqual({ nonce });
    expect(exp).toBe(iat + 300);
    expect(Buffer.from(extra.jwt.split(".")[2]!, "base64url").length).toBe(256);
  });

  test("trustee.md §4.4: two challenges differ, and neither is signed by a published token key", async () => {
    const [a, b] = await Promise.all([0, 1].map(async () => (await (await post(of(), "/challenge", {})).json()) as Challenge));
    expect(a!.nonce).not.toBe(b!.nonce);
    const { keys } = (await (await get(of(), "/.well-known/jwks.json")).json()) as { keys: { kty: string }[] };
    expect(keys.map(({ kty }) => kty)).toEqual(["EC"]);
  });

  test("gateway.md §4.4: the challenge goes into structured runtime data, and the token says that it was fresh", async () => {
    const { "extra-params": extra } = (await (await post(of(), "/challenge", {})).json()) as Challenge;
    const structured: Json = { challenge_token: extra.jwt, "pubkey-hash": "x" };
    const request = { tee: "sample", evidence: sampleEvidence(digestOf(structured)), runtime_data: { structured } };
    expect(partsOf(await tokenOf(attestation(of(), request))).claims["cai"]).toMatchObject({ use: "as", fresh: "challenge" });
  });

  test("trustee.md §4.4: a challenge is checked before the evidence, whatever that is", async () => {
    const request = { tee: "sample", evidence: "e30", runtime_data: { structured: { challenge_token: "a.b.c" } } };
    const answer = await attestation(of(), request);
    const text = await answer.text();
    expect(text).toContain("as.challenge-invalid");
    expect(answer.status).toBe(of() === coco ? 500 : 401);
  });

  test("trustee.md §4.4: of a platform that has none of its own the answer is empty, and one that is not verified is refused", async () => {
    const named = await post(of(), "/challenge", { tee: "tdx", tee_params: "" });
    expect([named.status, await named.text()]).toEqual([200, ""]);
    expect((await post(of(), "/challenge", { tee: "se", tee_params: "{}" })).status).toBe(of() === coco ? 500 : 400);
  });

  test("gateway.md §4.4: no answer has the words of a service without challenges, after which a gateway would go on without one (security.md I37)", async () => {
    const bodies: Json[] = [{}, [], { tee: 7 }, "x", { a: "b" }, null];
    for (const body of bodies) expect(await (await post(of(), "/challenge", body)).text()).not.toContain("Failed to get inner tee");
  });
});
