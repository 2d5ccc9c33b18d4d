import { describe, expect, test } from "bun:test";
import {
  attestedKeyForRelease,
  type CaiTokenMember,
  EAR_PROFILE,
  type EarClaims,
  parseEarClaims,
  rcarRuntimeData,
  readUnverifiedClaims,
  type TokenExpectation,
  teeKeyInToken,
  teeKeyJson,
} from "../../src/protocol/index.ts";
import type { JsonObject } from "../../src/system/index.ts";
import { rejection } from "../rejection.ts";
import { NOW, OTHER_TID, POLICY_HASH, TID, teeKey } from "./samples.ts";

const cai: CaiTokenMember = {
  v: 1,
  use: "kbs",
  tid: TID,
  world: "production",
  fresh: "nonce",
  binding: "tagged",
  protocol: "0.4.0",
  policy_hash: POLICY_HASH,
  level: "L1",
};
const runtimeData = rcarRuntimeData({ nonce: "n", teeKey, additionalEvidence: "", tid: TID });
const expected: TokenExpectation = {
  tid: TID,
  world: "production",
  policyId: "default",
  policyHash: POLICY_HASH,
  versions: ["0.4.0"],
  now: NOW,
};

function claims(change: Partial<EarClaims> = {}, evidence: JsonObject = { runtime_data_claims: runtimeData }): EarClaims {
  return {
    eat_profile: EAR_PROFILE,
    iat: NOW - 10,
    exp: NOW + 290,
    "ear.verifier-id": { developer: "cai", build: "cai" },
    submods: {
      cpu0: {
        "ear.status": "affirming",
        "ear.trustworthiness-vector": { hardware: 2, configuration: 2 },
        "ear.appraisal-policy-id": "default",
        "ear.veraison.annotated-evidence": evidence,
      },
    },
    cai,
    ...change,
  };
}

describe("attestation tokens", () => {
  test("claims come back from their text", () => {
    expect(parseEarClaims(JSON.parse(JSON.stringify(claims())))).toEqual(claims());
  });

  test("a token of an upstream trustee, without our member, is read too", () => {
    const { cai: _cai, ...upstream } = claims();
    expect(parseEarClaims({ ...upstream, iss: "CoCo-Attestation-Service", other: 1 })).toEqual({
      ...upstream,
      iss: "CoCo-Attestation-Service",
    });
  });

  test.each([
    ["no object", "text"],
    ["a missing expiry", { ...claims(), exp: undefined }],
    ["a fractional time", { ...claims(), iat: 1.5 }],
    ["an unknown status", withPrimary({ "ear.status": "fine" })],
    ["an unknown trust claim", withPrimary({ "ear.trustworthiness-vector": { luck: 2 } })],
    ["a trust claim beyond a byte", withPrimary({ "ear.trustworthiness-vector": { hardware: 128 } })],
    ["a submodule of another form", { ...claims(), submods: { "cpu0 ": {} } }],
    ["an unknown world", { ...claims(), cai: { ...cai, world: "test" } }],
    ["another version of our member", { ...claims(), cai: { ...cai, v: 2 } }],
    ["a policy hash of another form", { ...claims(), cai: { ...cai, policy_hash: POLICY_HASH.toUpperCase() } }],
  ])("%s is no token", (_name, value) => {
    expect(rejection(() => parseEarClaims(value)).id).toBe("kbs.token-malformed");
  });

  test("a token of this trustee, world and policy opens resources for the key in it", () => {
    expect(attestedKeyForRelease(claims(), expected)).toEqual(teeKey);
  });

  test.each([
    ["kbs.token-expired", "has ended", claims({ exp: NOW })],
    ["kbs.token-expired", "comes from the future", claims({ iat: NOW + 61 })],
    ["kbs.token-use", "has no use", withoutCai()],
    ["kbs.token-use", "is the attestation service's", claims({ cai: { ...cai, use: "as" } })],
    ["kbs.token-issuer", "is another trustee's", claims({ cai: { ...cai, tid: OTHER_TID } })],
    ["kbs.token-issuer", "is of the other world", claims({ cai: { ...cai, world: "simulated" } })],
    ["kbs.token-policy", "was appraised under a policy of the caller's choice", withPrimary({ "ear.appraisal-policy-id": "lax" })],
    ["kbs.token-policy", "was appraised before the policy changed", claims({ cai: { ...cai, policy_hash: "cd".repeat(48) } })],
    ["kbs.token-not-fresh", "is bound to no nonce", claims({ cai: { ...cai, fresh: "none" } })],
    ["kbs.token-not-fresh", "is bound to a challenge only", claims({ cai: { ...cai, fresh: "challenge" } })],
    ["kbs.token-malformed", "has its key in a device's submodule only", { ...claims(), submods: { gpu0: claims().submods["cpu0"]! } }],
    ["kbs.evidence-purpose", "is about a device", claims({}, { runtime_data_claims: { nonce: "n", "tee-pubkey": teeKeyJson(teeKey) } })],
    ["kbs.evidence-purpose", "is about a TLS key", claims({}, { runtime_data_claims: { "pubkey-hash": "ab" } })],
    ["kbs.evidence-purpose", "is about a superset", claims({}, { runtime_data_claims: { ...runtimeData, "pubkey-hash": "ab" } })],
    ["kbs.evidence-purpose", "is about nothing", claims({}, { runtime_data_claims: null })],
    ["kbs.evidence-purpose", "does not say what it is about", claims({}, {})],
    ["kbs.tee-key-invalid", "is about an unusable key", claims({}, { runtime_data_claims: { ...runtimeData, "tee-pubkey": {} } })],
  ] as const)("%s refuses a token that %s", (id, _name, token) => {
    expect(rejection(() => attestedKeyForRelease(token as EarClaims, expected)).id).toBe(id);
  });

  test("the guest's key is found where each family puts it", () => {
    expect(teeKeyInToken(claims() as unknown as JsonObject)).toEqual({ ...teeKey });
    expect(teeKeyInToken({ customized_claims: { runtime_data: { "tee-pubkey": 1 } } })).toBe(1);
    expect(teeKeyInToken({ tdx: { attester_user_data: { "tee-pubkey": 2 } } })).toBe(2);
    expect(teeKeyInToken({ "tee-pubkey": 3 })).toBe(3);
    expect(teeKeyInToken({ submods: { gpu0: { "tee-pubkey": 4 } } })).toBeUndefined();
    expect(teeKeyInToken({ customized_claims: ["runtime_data"] })).toBeUndefined();
    expect(teeKeyInToken({ submods: null })).toBeUndefined();
  });

  test("claims are read from a JWT whoever signed it, and from nothing else", () => {
    const payload = Buffer.from('{"a":1}').toString("base64url");
    expect(readUnverifiedClaims(`e30.${payload}.AAAA`)).toEqual({ a: 1 });
    for (const token of [
      "",
      "a.b.c",
      "e30.e30",
      `e30.${payload}.AA\r\nx: y`,
      `e30.${payload}.AAAA\n`,
      `e30.${Buffer.from("[]").toString("base64url")}.AA`,
    ]) {
      expect(rejection(() => readUnverifiedClaims(token)).id).toBe("kbs.token-malformed");
    }
  });
});

function withPrimary(change: JsonObject): JsonObject {
  const whole = claims() as unknown as { submods: { cpu0: JsonObject } };
  return { ...whole, submods: { cpu0: { ...whole.submods.cpu0, ...change } } };
}

function withoutCai(): EarClaims {
  const { cai: _cai, ...rest } = claims();
  return rest;
}
