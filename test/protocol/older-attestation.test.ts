import { describe, expect, test } from "bun:test";
import { generateKeyPairSync } from "node:crypto";
import fc from "fast-check";
import { publicJwkOf } from "../../src/crypto/index.ts";
import {
  deviceRuntimeData,
  isComposite,
  MESSAGE_LIMITS,
  OLDER_VERSIONS,
  parseOlderAttestation,
  parseRcarRuntimeData,
  parseTeeKey,
  purposeOf,
  rcarRuntimeData,
} from "../../src/protocol/index.ts";
import type { JsonValue } from "../../src/system/index.ts";
import { rejection } from "../rejection.ts";
import { json, teeKey, utf8 } from "./samples.ts";

const rsa = { ...publicJwkOf(generateKeyPairSync("rsa", { modulusLength: 2048 }).publicKey), alg: "RSA1_5" };
const keyOf = (version: string) => (version === "0.1.1" ? parseTeeKey(rsa, "0.1.1") : teeKey);

function messageOf(version: string, evidence: JsonValue, additional = ""): object {
  const composite = { primary_evidence: evidence, additional_evidence: additional };
  return { "tee-pubkey": keyOf(version), "tee-evidence": version === "0.3.0" ? composite : evidence };
}

describe.each(OLDER_VERSIONS.map((version) => ({ version })))("attest of version $version", ({ version }) => {
  test("gives key and evidence; the nonce is the session's", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.string(), (value, text) => {
        const evidence = JSON.parse(JSON.stringify(value)) as JsonValue;
        fc.pre(text.isWellFormed() && JSON.stringify(evidence).isWellFormed());
        const additional = isComposite(version) ? text : "";
        const parsed = parseOlderAttestation(json(messageOf(version, evidence, additional)), version, "the nonce");
        expect(parsed).toEqual({ nonce: "the nonce", teeKey: keyOf(version), primaryEvidence: evidence, additionalEvidence: additional });
      }),
    );
  });

  test("is refused where a member is missing, or a key is of another version", () => {
    const good = messageOf(version, {});
    const key = version === "0.1.1" ? { ...teeKey } : rsa;
    for (const [change, id] of [
      [{ "tee-pubkey": undefined }, "kbs.message-malformed"],
      [{ "tee-evidence": undefined }, "kbs.message-malformed"],
      [{ "tee-pubkey": key }, "kbs.tee-key-invalid"],
      [{ "tee-pubkey": null }, "kbs.tee-key-invalid"],
    ] as const) {
      expect(rejection(() => parseOlderAttestation(json({ ...good, ...change }), version, "n")).id).toBe(id);
    }
  });

  test("survives truncation at every offset, any bytes, depth and size", () => {
    const whole = JSON.stringify(messageOf(version, { quote: "AA==" }));
    for (let size = 0; size < whole.length; size++) {
      expect(rejection(() => parseOlderAttestation(utf8(whole.slice(0, size)), version, "n")).id).toBe("kbs.message-malformed");
    }
    const deep = utf8(`{"tee-pubkey":${"[".repeat(100_000)}`);
    for (const bytes of [deep, new Uint8Array(MESSAGE_LIMITS.attestation + 1), Uint8Array.of(0x22, 0xff, 0x22)]) {
      expect(rejection(() => parseOlderAttestation(bytes, version, "n")).id).toBe("kbs.message-malformed");
    }
  });

  test("has hashed data of its own member set, and a token's are read as such (I4)", () => {
    const binding = { nonce: "n", teeKey: keyOf(version), additionalEvidence: "" };
    const own = isComposite(version) ? rcarRuntimeData(binding) : deviceRuntimeData(binding);
    const other = isComposite(version) ? deviceRuntimeData(binding) : rcarRuntimeData(binding);
    expect(purposeOf(own)).toBe(isComposite(version) ? "rcar" : "rcar-device");
    expect(parseRcarRuntimeData(own, version)).toEqual(binding);
    for (const wrong of [other, { ...own, extra: 1 }, null, []]) {
      expect(rejection(() => parseRcarRuntimeData(wrong, version)).id).toBe("kbs.evidence-purpose");
    }
  });
});

test("RSA1_5 is a key of 0.1.1, and no other key is", () => {
  expect(parseTeeKey({ ...rsa, kid: "dropped" }, "0.1.1")).toEqual(rsa as ReturnType<typeof parseTeeKey>);
  for (const version of ["0.2.0", "0.3.0", "0.4.0"] as const) {
    expect(rejection(() => parseTeeKey(rsa, version)).id).toBe("kbs.tee-key-invalid");
    expect(parseTeeKey({ ...teeKey }, version)).toEqual(teeKey);
  }
  expect(rejection(() => parseTeeKey({ ...teeKey }, "0.1.1")).id).toBe("kbs.tee-key-invalid");
  expect(rejection(() => parseTeeKey({ ...rsa, alg: "RSA-OAEP-256" }, "0.1.1")).id).toBe("kbs.tee-key-invalid");
});
