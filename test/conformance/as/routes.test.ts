import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createHash, X509Certificate } from "node:crypto";
import { removeScratch, stopAll } from "../../e2e/cai.ts";
import { certificates } from "./relying-party.ts";
import { adminHeaders, b64, b64url, get, type Json, post, type Service, startService } from "./service.ts";

const POLICY = "package policy\nimport rego.v1\nhardware := 2\n";
const MOUNTS = ["", "/as", "/api/as", "/api/attestation-service"];
let openanolis: Service;
let coco: Service;
beforeAll(async () => {
  openanolis = await startService();
  coco = await startService("--compat", "coco");
}, 60_000);
afterAll(async () => {
  await stopAll();
  for (const { folder } of [openanolis, coco]) removeScratch(folder);
});

const put = (service: Service, id: string, headers = adminHeaders(service), mount = "") =>
  post(service, `${mount}/policy`, { policy_id: id, policy: b64url(POLICY) }, headers);
const remove = (service: Service, path: string, headers: Record<string, string>) =>
  fetch(service.url + path, { method: "DELETE", headers });

describe("/policy", () => {
  test("trustee.md §4.1: is written with 200 and an empty body, under every place of the service", async () => {
    for (const service of [openanolis, coco]) {
      for (const mount of MOUNTS) {
        const answer = await put(service, "written", adminHeaders(service), mount);
        expect([answer.status, await answer.text()]).toEqual([200, ""]);
        expect((await remove(service, `${mount}/policy/written`, adminHeaders(service))).status).toBe(200);
        expect((await get(service, `${mount}/policy/written`, adminHeaders(service))).status).toBe(service === coco ? 500 : 404);
      }
    }
  });

  test("trustee.md §4.1: openanolis lists ids with base64url SHA-384, and gives one as base64url; the other family ids, and plain text", async () => {
    for (const service of [openanolis, coco]) await put(service, "mine");
    const hash = createHash("sha384").update(POLICY).digest("base64url");
    for (const path of ["/policy", "/policies"]) {
      const mine = (await (await get(openanolis, path, adminHeaders(openanolis))).json()) as Json[];
      expect(mine).toContainEqual({ "policy-id": "mine", "policy-hash": hash });
      expect((await (await get(coco, path, adminHeaders(coco))).json()) as Json[]).toContainEqual({ "policy-id": "mine" });
    }
    expect(await (await get(openanolis, "/policy/mine", adminHeaders(openanolis))).text()).toBe(b64url(POLICY));
    expect(await (await get(coco, "/policy/mine", adminHeaders(coco))).text()).toBe(POLICY);
  });

  test("security.md I23: is written and read by administrators only, though upstream leaves it open", async () => {
    for (const service of [openanolis, coco]) {
      for (const mount of MOUNTS) {
        const answers = [
          put(service, "open", {}, mount),
          put(service, "open", { cookie: "role=admin" }, mount),
          put(service, "open", { authorization: `Bearer ${b64url('{"alg":"none"}')}.${b64url('{"exp":99999999999}')}.` }, mount),
          remove(service, `${mount}/policy/default`, {}),
          get(service, `${mount}/policy`),
          get(service, `${mount}/policies`),
          get(service, `${mount}/policy/default`),
        ];
        for (const answer of answers) expect((await answer).status).toBe(401);
      }
    }
  });

  test("security.md I1: the policy in force is not deleted", async () => {
    const answer = await remove(openanolis, "/policy/default", adminHeaders(openanolis));
    expect([answer.status, ((await answer.json()) as { id: string }).id]).toEqual([409, "kbs.policy-protected"]);
  });
});

describe("/certificate", () => {
  test("trustee.md §4.1: is the PEM chain of the token signer, application/x-pem-file, signer first", async () => {
    for (const mount of MOUNTS) {
      const answer = await get(openanolis, `${mount}/certificate`);
      expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "application/x-pem-file"]);
      const [leaf, ca, ...more] = certificates(await answer.text());
      expect(more).toEqual([]);
      expect([leaf!.ca, ca!.ca, leaf!.checkIssued(ca!), leaf!.verify(ca!.publicKey), ca!.verify(ca!.publicKey)]).toEqual([
        false,
        true,
        true,
        true,
        true,
      ]);
    }
  });

  test("trustee.md §5.5, gateway.md §4.5: the signer is X.509 v3, no CA, without extended key usage or with clientAuth, on P-256, valid now", async () => {
    const leaf = new X509Certificate(await (await get(openanolis, "/certificate")).text());
    expect(leaf.raw.includes(Buffer.from("a003020102", "hex"))).toBe(true);
    expect(leaf.keyUsage ?? ["1.3.6.1.5.5.7.3.2"]).toContain("1.3.6.1.5.5.7.3.2");
    expect(leaf.publicKey.asymmetricKeyDetails?.namedCurve).toBe("prime256v1");
    expect(leaf.validFromDate.getTime()).toBeLessThan(Date.now() - 60_000);
    expect(leaf.validToDate.getTime()).toBeGreaterThan(Date.now() + 300_000);
  });

  test("trustee.md §8.1: satisfies the health probes of an unmodified gateway, as does auth for sample evidence that nobody takes", async () => {
    expect((await get(openanolis, "/certificate")).status).toBe(200);
    for (const mount of ["", "/api"]) {
      const probe = '{"version":"0.4.0","tee":"sample","extra-params":"foo"}';
      expect((await post(openanolis, `${mount}/kbs/v0/auth`, probe)).status).toBe(200);
    }
  });
});

describe("the key set", () => {
  test("trustee.md §4.1: is at /.well-known/jwks.json, of EC keys with alg, x, y and x5c in base64", async () => {
    for (const service of [openanolis, coco]) {
      const { keys } = (await (await get(service, "/.well-known/jwks.json")).json()) as { keys: { [name: string]: Json }[] };
      const chain = certificates(await (await get(service, "/certificate")).text());
      const { x, y } = chain[0]!.publicKey.export({ format: "jwk" });
      expect(keys).toEqual([
        { kty: "EC", crv: "P-256", x: x!, y: y!, use: "sig", alg: "ES256", kid: keys[0]!["kid"]!, x5c: chain.map(({ raw }) => b64(raw)) },
      ]);
      // RFC 7638: SHA-256 over the required members, in order.
      const thumbprint = createHash("sha256").update(`{"crv":"P-256","kty":"EC","x":"${x}","y":"${y}"}`).digest("base64url");
      expect(keys[0]!["kid"]).toBe(thumbprint);
    }
  });

  test("trustee.md §4.1: /jwks and /.well-known/openid-configuration are 404 where tokens are not of that kind", async () => {
    expect(await (await get(openanolis, "/jwks")).json()).toEqual({ error: "No public key configured" });
    expect((await get(openanolis, "/jwks")).status).toBe(404);
    for (const mount of MOUNTS) expect((await get(openanolis, `${mount}/.well-known/openid-configuration`)).status).toBe(404);
  });
});

test("trustee.md §4.1: /healthz is 200 and empty; /status names the service, its status and its dependencies, and no secret", async () => {
  const health = await get(coco, "/healthz");
  expect([health.status, await health.text()]).toEqual([200, ""]);
  for (const mount of MOUNTS) {
    const answer = await get(openanolis, `${mount}/status`);
    expect(answer.status).toBe(200);
    const { service, status, dependencies } = (await answer.json()) as { service: string; status: string; dependencies: object[] };
    expect([service, status]).toEqual(["attestation-service", "ok"]);
    for (const dependency of dependencies) expect(Object.keys(dependency)).toEqual(["kind", "name", "status"]);
  }
});
