import { afterAll, beforeAll, expect, test } from "bun:test";
import { caiError, caiJson, removeScratch, stopAll } from "../../e2e/cai.ts";
import { verifyAsGateway } from "./relying-party.ts";
import { attestation, digestOf, get, type Json, partsOf, type Service, startService, tdxEvidence, tokenOf } from "./service.ts";

let service: Service;
beforeAll(async () => {
  service = await startService();
}, 60_000);
afterAll(async () => {
  await stopAll();
  removeScratch(service.folder);
});

const newToken = async () =>
  tokenOf(
    attestation(service, { tee: "tdx", evidence: await tdxEvidence(service, digestOf({ a: 1 })), runtime_data: { structured: { a: 1 } } }),
  );
const keyOf = (token: string) => (partsOf(token).header["jwk"] as { x: string }).x;
const keySet = async () => ((await (await get(service, "/.well-known/jwks.json")).json()) as { keys: { kid: string; x: string }[] }).keys;

test("gateway.md §4.5: a gateway that fetched its anchors before a rotation takes tokens of both signers; the key set has both", async () => {
  const anchors = await (await get(service, "/certificate")).text();
  const before = await newToken();
  const { kid } = await caiJson(["trustee", "signer", "rotate", ...service.admin]);
  const after = await newToken();
  expect(keyOf(after)).not.toBe(keyOf(before));
  for (const token of [before, after]) verifyAsGateway(token, { anchors, policyIds: ["default"] });
  const keys = await keySet();
  expect(keys.map(({ x }) => x)).toEqual([keyOf(after), keyOf(before)]);
  expect(keys[0]!.kid).toBe(String(kid));
  const { signers } = (await caiJson(["trustee", "signer", "ls", ...service.admin])) as unknown as {
    signers: { kid: string; state: Json }[];
  };
  expect(signers.map(({ kid: id, state }) => [id, state])).toEqual([
    [keys[1]!.kid, "accepted"],
    [String(kid), "signing"],
  ]);
});

test("security.md §3.2: a signer that is announced signs nothing yet, and one that is distrusted leaves the key set at once", async () => {
  const tomorrow = new Date(Date.now() + 86_400_000).toISOString();
  const { kid: upcoming } = await caiJson(["trustee", "signer", "rotate", "--at", tomorrow, ...service.admin]);
  expect((await keySet()).map(({ kid }) => kid)).toContain(String(upcoming));
  expect((await keySet())[0]!.kid).not.toBe(String(upcoming));
  const { kid } = await caiJson(["trustee", "signer", "rotate", "--distrust-former", ...service.admin]);
  expect((await keySet()).map((key) => key.kid).sort()).toEqual([String(kid), String(upcoming)].sort());
  const refused = await caiError(["trustee", "signer", "rotate", "--at", "2020-01-01", ...service.admin]);
  expect([refused.status, refused.id]).toEqual([2, "kbs.signer-time"]);
});
