import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  encodeAttestation,
  encodeChallenge,
  encodeRequest,
  encodeTokenReply,
  MESSAGE_LIMITS,
  parseAdditionalEvidence,
  parseAttestation,
  parseChallenge,
  parseRequest,
  parseTokenReply,
} from "../../src/protocol/index.ts";
import type { JsonValue } from "../../src/system/index.ts";
import { rejection } from "../rejection.ts";
import { json, TID, teeKey, utf8 } from "./samples.ts";

const parsers = { parseRequest, parseChallenge, parseAttestation, parseTokenReply };
const attestation = { nonce: "n", teeKey, primaryEvidence: { quote: "AA==" }, additionalEvidence: "" };

describe("messages of the KBS protocol", () => {
  test("auth names version, platform and the offer of tagged binding", () => {
    expect(JSON.parse(encodeRequest("tdx"))).toEqual({
      version: "0.4.0",
      tee: "tdx",
      "extra-params": { "supported-hash-algorithms": ["sha256", "sha384", "sha512"], cai: { v: 1 } },
    });
    expect(parseRequest(utf8(encodeRequest("tdx")))).toEqual({
      version: "0.4.0",
      tee: "tdx",
      offersTagged: true,
    });
  });

  test.each([[""], [{}], [null], [[]], ["text"], [{ cai: { v: 2 } }], [{ cai: true }], [{ "supported-hash-algorithms": "sha384" }]])(
    "extra-params %j of a foreign guest offer nothing and break nothing",
    (extra) => {
      const parsed = parseRequest(json({ version: "0.4.0", tee: "tdx", "extra-params": extra, unknown: 1 }));
      expect(parsed).toEqual({ version: "0.4.0", tee: "tdx", offersTagged: false });
    },
  );

  test("a guest that offered nothing is challenged as by an upstream trustee", () => {
    expect(encodeChallenge({ nonce: "n" })).toBe('{"nonce":"n","extra-params":""}');
    expect(encodeChallenge({ nonce: "n", tid: TID })).toBe(
      `{"nonce":"n","extra-params":{"selected-hash-algorithm":"sha384","cai":{"v":1,"tid":"${TID}"}}}`,
    );
  });

  test.each([
    ["", "sha384"],
    [{}, "sha384"],
    [undefined, "sha384"],
    [{ "selected-hash-algorithm": "SHA256" }, "sha256"],
    [{ "selected-hash-algorithm": "sha512", other: 1 }, "sha512"],
  ] as const)("a challenge with extra-params %j selects %s", (extra, hash) => {
    expect(parseChallenge(json({ nonce: "n", "extra-params": extra }))).toEqual({ nonce: "n", hash });
  });

  test.each(["sm3", "md5", ""])("a challenge that selects %j cannot be answered", (name) => {
    const challenge = json({ nonce: "n", "extra-params": { "selected-hash-algorithm": name } });
    expect(rejection(() => parseChallenge(challenge)).id).toBe("kbs.hash-unsupported");
  });

  test.each([
    ["a selection that is no text", { "selected-hash-algorithm": 384 }],
    ["a tid of another form", { cai: { v: 1, tid: "x" } }],
    ["another version of the extension", { cai: { v: 2, tid: TID } }],
  ])("a challenge with %s is malformed", (_name, extra) => {
    expect(rejection(() => parseChallenge(json({ nonce: "n", "extra-params": extra }))).id).toBe("kbs.message-malformed");
  });

  test("attest comes back whole, with and without init data and tag", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.string({ minLength: 1 }), fc.string(), fc.boolean(), (evidence, nonce, devices, tagged) => {
        const sent = {
          ...attestation,
          nonce,
          primaryEvidence: JSON.parse(JSON.stringify(evidence)) as JsonValue,
          additionalEvidence: devices,
          ...(tagged && { tid: TID, initData: { format: "toml" as const, body: devices } }),
        };
        fc.pre(JSON.stringify(sent).isWellFormed());
        expect(parseAttestation(utf8(encodeAttestation(sent)))).toEqual(sent);
      }),
    );
  });

  test("a guest without init data says so by null, as upstream guests do", () => {
    expect(JSON.parse(encodeAttestation(attestation))["init-data"]).toBeNull();
    const { "init-data": _absent, ...without } = JSON.parse(encodeAttestation(attestation));
    expect(parseAttestation(json(without))).toEqual(attestation);
  });

  test.each([
    ["init data of another format", { "init-data": { format: "json", body: "" } }],
    ["init data without body", { "init-data": { format: "toml" } }],
    ["huge init data", { "init-data": { format: "toml", body: "x".repeat(256 * 1024 + 1) } }],
    ["no evidence", { "tee-evidence": undefined }],
    ["no primary evidence", { "tee-evidence": { additional_evidence: "" } }],
    ["additional evidence that is no text", { "tee-evidence": { primary_evidence: {}, additional_evidence: {} } }],
    ["no runtime data", { "runtime-data": undefined }],
  ])("attest with %s is malformed", (_name, change) => {
    const sent = { ...JSON.parse(encodeAttestation(attestation)), ...change };
    expect(rejection(() => parseAttestation(json(sent))).id).toBe("kbs.message-malformed");
  });

  test("a token reply carries a compact JWS and nothing else will do", () => {
    expect(parseTokenReply(utf8(encodeTokenReply("a.b.c")))).toBe("a.b.c");
    for (const token of ["", "a.b", "a.b.c.d", "a.b.c\n", "a b.c.d", 7, null]) {
      expect(rejection(() => parseTokenReply(json({ token }))).id).toBe("kbs.message-malformed");
    }
  });

  test("additional evidence is an object from platform to evidence, or nothing", () => {
    expect(parseAdditionalEvidence("")).toEqual(new Map());
    expect(parseAdditionalEvidence('{"sampledevice":{"svn":"1"}}')).toEqual(new Map([["sampledevice", { svn: "1" }]]));
    for (const text of ["[]", "null", "1", '"x"', "{", '{"UPPER":1}', '{"":1}']) {
      expect(rejection(() => parseAdditionalEvidence(text)).id).toBe("kbs.message-malformed");
    }
    const many = JSON.stringify(Object.fromEntries(Array.from({ length: 65 }, (_, index) => [`d${index}`, 1])));
    expect(rejection(() => parseAdditionalEvidence('{"__proto__":{"svn":"1"}}')).id).toBe("kbs.message-malformed");
    expect(rejection(() => parseAdditionalEvidence(many)).id).toBe("kbs.message-malformed");
  });

  test.each(Object.entries(parsers))("%s survives truncation at every offset", (name, parse) => {
    const whole = {
      parseRequest: encodeRequest("tdx"),
      parseChallenge: encodeChallenge({ nonce: "n", tid: TID }),
      parseAttestation: encodeAttestation({ ...attestation, tid: TID }),
      parseTokenReply: encodeTokenReply("a.b.c"),
    }[name] as string;
    expect(parse(utf8(whole))).toBeDefined();
    for (let size = 0; size < whole.length; size++) {
      expect(rejection(() => parse(utf8(whole.slice(0, size)))).id).toBe("kbs.message-malformed");
    }
  });

  test.each(Object.entries(parsers))("%s answers any bytes with an error of ours", (_name, parse) => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), fc.json().map(utf8)), (bytes) => {
        try {
          parse(bytes);
        } catch (error) {
          expect(["kbs.message-malformed", "kbs.evidence-purpose"]).toContain((error as { id: string }).id);
        }
      }),
      { numRuns: 300 },
    );
  });

  test.each(Object.entries(parsers))("%s refuses depth, size, other encodings and a byte order mark before it parses", (_name, parse) => {
    const deep = utf8(`{"nonce":"n","extra-params":${"[".repeat(200_000)}${"]".repeat(200_000)}}`);
    const large = new Uint8Array(MESSAGE_LIMITS.attestation + 1).fill(0x20);
    const latin = Uint8Array.from([0x22, 0xfc, 0x22]);
    const marked = Uint8Array.from([0xef, 0xbb, 0xbf, 0x7b, 0x7d]);
    for (const bytes of [deep, large, latin, marked]) expect(rejection(() => parse(bytes)).id).toBe("kbs.message-malformed");
  });

  test("brackets inside texts are not depth", () => {
    const nonce = '[{"\\'.repeat(100);
    expect(parseChallenge(json({ nonce })).nonce).toBe(nonce);
  });

  test("an error names the place and never quotes the message", () => {
    const error = rejection(() => parseRequest(json({ version: "0.4.0", tee: "SECRET", "extra-params": "" })));
    expect(error.message).toContain("/tee");
    expect(JSON.stringify(error)).not.toContain("SECRET");
  });
});
