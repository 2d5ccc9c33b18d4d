import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import fc from "fast-check";
import { encodeHex } from "../../src/crypto/index.ts";
import {
  checkBinding,
  encodeAttestation,
  isReservedReportData,
  parseAttestation,
  parseRcarRuntimeData,
  purposeOf,
  rcarRuntimeData,
  reportDataOf,
  runtimeDataDigest,
  teeKeyJson,
} from "../../src/protocol/index.ts";
import type { JsonObject } from "../../src/system/index.ts";
import { rejection } from "../rejection.ts";
import { json, OTHER_TID, TID, teeKey } from "./samples.ts";

const binding = { nonce: "bm9uY2U", teeKey, additionalEvidence: "" };

describe("the binding of evidence", () => {
  const nonce = "bm9uY2U";
  const key = { kty: "EC", crv: "P-256", alg: "ECDH-ES+A256KW", x: "AAAA", y: "BBBB" };

  test.each([
    [
      "a device",
      { nonce, "tee-pubkey": key },
      "342b113a3c647af1b4fcbab9cb7e0a10896351bbe4a59278fb368a281f5699a0d0407498e10d1891a62f0af1d65ede55",
    ],
    [
      "the primary platform without devices",
      { "additional-evidence": "", nonce, "tee-pubkey": key },
      "5a54f61b848f6c7da2015ac7436a7ae9db1675a351e0efce5e73d6f43e553b96de58de2b26b7982b9d358f58ed31e86f",
    ],
    [
      "the primary platform with a device",
      { "tee-pubkey": key, nonce, "additional-evidence": '{"sampledevice":{"report_data":"AA==","svn":"2"}}' },
      "ff24f222bda15f9902dde17f682f2f5ed1e1ecf8222b06991c9258b5eaaeb86e7bc81749cbba05fd6fb5b145aa5cb0e3",
    ],
    [
      "the worked example of the attestation services",
      { b: 1, a: "test", c: { d: "e" } },
      "e71ce8e70d814ba6639c3612ebee0ff1f76f650f8dbb5e47157e0f3f525cd22c4597480a186427c813ca941da78870c3",
    ],
  ])("%s has the digest of the check value", (_name, runtimeData: JsonObject, digest) => {
    expect(encodeHex(runtimeDataDigest(runtimeData, "sha384"))).toBe(digest);
  });

  test.each([
    ["sha256", 32],
    ["sha384", 48],
    ["sha512", 64],
  ] as const)("untagged report data is the %s digest of %i bytes, then zeros", (hash, size) => {
    const reportData = reportDataOf(rcarRuntimeData(binding), hash);
    expect(reportData).toHaveLength(64);
    const text = `{"additional-evidence":"","nonce":"bm9uY2U","tee-pubkey":{"alg":"ECDH-ES+A256KW","crv":"P-256","kty":"EC","x":"${
      (teeKey as { x: string }).x
    }","y":"${(teeKey as { y: string }).y}"}}`;
    expect(reportData.subarray(0, size)).toEqual(new Uint8Array(createHash(hash).update(text).digest()));
    expect([...reportData.subarray(size)].every((byte) => byte === 0)).toBe(true);
    expect(isReservedReportData(reportData)).toBe(false);
  });

  test("tagged report data is a SHA-384 digest that covers the trustee, then the tag and zeros", () => {
    const runtimeData = rcarRuntimeData({ ...binding, tid: TID });
    expect(runtimeData["cai"]).toEqual({ purpose: "rcar", tid: TID });
    const reportData = reportDataOf(runtimeData, "sha384");
    expect(reportData.subarray(0, 48)).toEqual(new Uint8Array(runtimeDataDigest(runtimeData, "sha384")));
    expect(new TextDecoder().decode(reportData.subarray(48))).toBe("cai/v1/rcar\0\0\0\0\0");
    expect(isReservedReportData(reportData)).toBe(true);
    expect(reportDataOf(rcarRuntimeData({ ...binding, tid: OTHER_TID }), "sha384")).not.toEqual(reportData);
    expect(rejection(() => reportDataOf(runtimeData, "sha512")).id).toBe("kbs.hash-unsupported");
  });

  test("a digest whose bytes happen to read like the tag is reserved, wherever it came from", () => {
    const reportData = new Uint8Array(64);
    reportData.set(new TextEncoder().encode("cai/v1/x"), 48);
    expect(isReservedReportData(reportData)).toBe(true);
    reportData[54] = 0;
    expect(isReservedReportData(reportData)).toBe(false);
    expect(isReservedReportData(new Uint8Array(48))).toBe(false);
  });

  test("every part of the data changes the digest", () => {
    const digests = [
      binding,
      { ...binding, nonce: "bm9uY2V" },
      { ...binding, additionalEvidence: "{}" },
      { ...binding, tid: TID },
      { ...binding, teeKey: { ...teeKey, x: (teeKey as { y: string }).y } as typeof teeKey },
    ].map((parts) => encodeHex(runtimeDataDigest(rcarRuntimeData(parts), "sha384")));
    expect(new Set(digests).size).toBe(digests.length);
  });

  test("additional evidence is hashed as the text that was sent", () => {
    fc.assert(
      fc.property(fc.string(), (additionalEvidence) => {
        fc.pre(additionalEvidence.isWellFormed());
        expect(parseRcarRuntimeData(rcarRuntimeData({ ...binding, additionalEvidence }))).toEqual({ ...binding, additionalEvidence });
      }),
    );
  });
});

describe("one purpose for one piece of evidence", () => {
  /** Hashed data of each purpose in its forms (security.md §3.2). */
  const forms: readonly (readonly [purpose: string, data: JsonObject])[] = [
    ["rcar", rcarRuntimeData(binding)],
    ["rcar", rcarRuntimeData({ ...binding, tid: TID })],
    ["rcar-device", { nonce: "n", "tee-pubkey": teeKeyJson(teeKey) }],
    ["rats-tls", { "pubkey-hash": "ab" }],
    ["rats-tls", { "pubkey-hash": "ab", challenge_token: "t" }],
    ["ohttp-key", { hpke_key_config: "ab" }],
    ["ohttp-key", { hpke_key_config: "ab", challenge_token: "t" }],
    ["ohttp-client", { pk_s: "ab" }],
    ["ohttp-client", { pk_s: "ab", challenge_token: "t" }],
    ["free", { anything: "else" }],
    ["free", {}],
  ];

  test.each(forms)("data of %s is recognised as nothing else", (purpose, data) => {
    expect(purposeOf(data) ?? "free").toBe(purpose);
    for (const name of Object.keys(data)) {
      const { [name]: _left, ...fewer } = data;
      const optional = name === "cai" || name === "challenge_token";
      if (!optional) expect(purposeOf(fewer)).not.toBe(purpose as never);
    }
    expect(purposeOf({ ...data, extra: 1 })).toBeUndefined();
  });

  test("superset data of two purposes is of none", () => {
    for (const [purpose, data] of forms) {
      for (const [other, added] of forms) {
        if (purpose === other || purpose === "free" || other === "free") continue;
        if (purpose.startsWith("rcar") && other.startsWith("rcar")) continue;
        expect(purposeOf({ ...data, ...added })).toBeUndefined();
      }
    }
  });

  test.each(forms.filter(([purpose]) => purpose !== "rcar"))("the key broker takes no %s data for RCAR", (_purpose, data) => {
    expect(rejection(() => parseRcarRuntimeData(data)).id).toBe("kbs.evidence-purpose");
  });

  test.each(forms.filter(([purpose]) => purpose !== "rcar-device"))("attest takes no runtime data of %s", (_purpose, data) => {
    const sent = { "runtime-data": data, "tee-evidence": { primary_evidence: {}, additional_evidence: "" } };
    expect(rejection(() => parseAttestation(json(sent))).id).toBe("kbs.evidence-purpose");
  });

  test("a foreign member in the runtime data of attest is refused, also beside a complete set", () => {
    const text = encodeAttestation({ ...binding, primaryEvidence: {} });
    const sent = JSON.parse(text);
    sent["runtime-data"]["pubkey-hash"] = "ab";
    expect(rejection(() => parseAttestation(json(sent))).id).toBe("kbs.evidence-purpose");
  });

  test.each([
    ["no object", "text"],
    ["an array", []],
    ["nothing", undefined],
    ["a nonce that is no text", { ...rcarRuntimeData(binding), nonce: 1 }],
    ["an empty nonce", { ...rcarRuntimeData(binding), nonce: "" }],
    ["another purpose inside `cai`", { ...rcarRuntimeData(binding), cai: { purpose: "tls", tid: TID } }],
    ["a short tid inside `cai`", { ...rcarRuntimeData(binding), cai: { purpose: "rcar", tid: "x" } }],
    ["more inside `cai`", { ...rcarRuntimeData(binding), cai: { purpose: "rcar", tid: TID, more: 1 } }],
  ])("%s is no RCAR data", (_name, data) => {
    expect(rejection(() => parseRcarRuntimeData(data)).id).toBe("kbs.evidence-purpose");
  });

  test("an unusable key in otherwise good data is named as what it is", () => {
    expect(rejection(() => parseRcarRuntimeData({ ...rcarRuntimeData(binding), "tee-pubkey": {} })).id).toBe("kbs.tee-key-invalid");
  });
});

describe("what was negotiated holds", () => {
  test("evidence is tagged exactly where tagging was negotiated, and for this trustee", () => {
    expect(checkBinding(TID, true, TID)).toBe("tagged");
    expect(checkBinding(TID, false, undefined)).toBe("plain");
    expect(rejection(() => checkBinding(TID, true, undefined)).id).toBe("kbs.binding-untagged");
    expect(rejection(() => checkBinding(TID, true, OTHER_TID)).id).toBe("kbs.evidence-tid");
    expect(rejection(() => checkBinding(TID, false, OTHER_TID)).id).toBe("kbs.evidence-tid");
    expect(rejection(() => checkBinding(TID, false, TID)).id).toBe("kbs.evidence-purpose");
  });
});
