import { describe, expect, test } from "bun:test";
import { createHmac, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import fc from "fast-check";
import { compilePolicy } from "../../../src/policy/index.ts";
import { CaiError, type JsonObject, type JsonValue } from "../../../src/system/index.ts";

const NOW = 1_700_000_000;
const policy = compilePolicy(`package t
decoded := io.jwt.decode(input.token)
verified := io.jwt.decode_verify(input.token, input.constraints)
by_name := io.jwt.verify_es256(input.token, input.key)
hmac := io.jwt.verify_hs256(input.token, input.key)
signed := io.jwt.encode_sign(input.header, input.payload, input.jwk)`);

const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const pem = (key: KeyObject) => key.export({ type: "spki", format: "pem" }) as string;

function tokenOf(header: JsonObject, payload: JsonValue, seal: (signed: string) => Uint8Array): string {
  const part = (value: JsonValue) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signed = `${part(header)}.${part(payload)}`;
  return `${signed}.${Buffer.from(seal(signed)).toString("base64url")}`;
}

const byEc = (text: string) => sign("sha256", Buffer.from(text), { key: ec.privateKey, dsaEncoding: "ieee-p1363" });
const byHmac = (secret: string) => (text: string) => createHmac("sha256", secret).update(text).digest();
const es256 = (payload: JsonObject, header: JsonObject = {}) => tokenOf({ alg: "ES256", ...header }, payload, byEc);

function verified(token: string, constraints: JsonObject): JsonValue | undefined {
  return policy.evaluate("data.t.verified", { input: { token, constraints }, now: NOW });
}

function failure(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof CaiError) return error.id;
    throw error;
  }
  return "no error";
}

describe("a token's signature", () => {
  test("is verified with the key that the caller gave, and the claims that it demands", () => {
    const token = es256({ iss: "i", aud: ["a", "b"], exp: NOW + 1, nbf: NOW });
    const cert = pem(ec.publicKey);
    const accepted = [true, { alg: "ES256" }, { iss: "i", aud: ["a", "b"], exp: NOW + 1, nbf: NOW }];
    expect(verified(token, { cert, aud: "b" })).toEqual(accepted);
    expect(verified(token, { cert, aud: "b", iss: "i", alg: "ES256" })).toEqual(accepted);
    for (const wrong of [{}, { aud: "c" }, { aud: "b", iss: "j" }, { aud: "b", alg: "RS256" }, { aud: "b", time: (NOW + 1) * 1e9 }]) {
      expect(verified(token, { cert, ...wrong })).toEqual([false, {}, {}]);
    }
    expect(verified(token, { cert: pem(rsa.publicKey), aud: "b" })).toEqual([false, {}, {}]);
  });

  test("is not verified by a public key that is taken for an HMAC secret", () => {
    const cert = pem(ec.publicKey);
    const forged = tokenOf({ alg: "HS256" }, { iss: "i" }, byHmac(cert));
    expect(verified(forged, { cert })).toEqual([false, {}, {}]);
    expect(verified(es256({ iss: "i" }), { secret: cert })).toEqual([false, {}, {}]);
  });

  test("is not verified where the token names no algorithm, an unknown one, or an extension", () => {
    const cert = pem(ec.publicKey);
    const none = `${tokenOf({ alg: "none" }, {}, () => new Uint8Array())}`;
    expect(verified(none, { cert })).toEqual([false, {}, {}]);
    expect(verified(es256({}, { alg: "none" }), { cert })).toEqual([false, {}, {}]);
    expect(verified(es256({}, { crit: ["x"] }), { cert })).toEqual([false, {}, {}]);
  });

  test("fails with one flipped bit anywhere", () => {
    const token = es256({ iss: "i" });
    const [head, body, seal] = token.split(".") as [string, string, string];
    const key = pem(ec.publicKey);
    const holds = (text: string) => policy.evaluate("data.t.by_name", { input: { token: text, key }, lenient: true });
    expect(holds(token)).toBe(true);
    fc.assert(
      fc.property(fc.nat(63), fc.nat(7), (at, bit) => {
        const bytes = Buffer.from(seal, "base64url");
        bytes[at]! ^= 1 << bit;
        return holds(`${head}.${body}.${bytes.toString("base64url")}`) === false;
      }),
      { numRuns: 50 },
    );
  });

  test("made by encode_sign is one that the runtime's own code makes", () => {
    const jwk = { kty: "oct", k: Buffer.from("secret").toString("base64url") };
    const input = { header: { typ: "JWT", alg: "HS256" }, payload: { b: 1, a: 2 }, jwk };
    expect(policy.evaluate("data.t.signed", { input })).toBe(tokenOf({ alg: "HS256", typ: "JWT" }, { a: 2, b: 1 }, byHmac("secret")));
    const by = rsa.privateKey.export({ format: "jwk" }) as JsonObject;
    const token = policy.evaluate("data.t.signed", { input: { header: { alg: "PS384" }, payload: { iss: "x" }, jwk: by } }) as string;
    expect(verified(token, { cert: pem(rsa.publicKey), iss: "x" })).toEqual([true, { alg: "PS384" }, { iss: "x" }]);
    const set = JSON.stringify({ keys: [ec.publicKey.export({ format: "jwk" }), rsa.publicKey.export({ format: "jwk" })] });
    expect(verified(token, { cert: set, iss: "x" })).toEqual([true, { alg: "PS384" }, { iss: "x" }]);
  });
});

describe("what is no token or no key", () => {
  test.each([
    ["two parts", "e30.e30"],
    ["another alphabet", "e30.e30.a+b="],
    ["a header that is no object", "MQ.e30.AA"],
    ["an encrypted token", `${Buffer.from('{"enc":"A256GCM"}').toString("base64url")}.e30.AA`],
  ])("%s is an error", (_, token) => {
    expect(failure(() => policy.evaluate("data.t.decoded", { input: { token } }))).toBe("policy.eval-error");
  });

  test.each([
    ["both kinds of keys", { cert: "x", secret: "y" }],
    ["no key", { iss: "i" }],
    ["an unknown constraint", { secret: "s", audience: "a" }],
    ["text that is no key", { cert: "-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----" }],
  ])("%s are an error", (_, constraints) => {
    expect(failure(() => verified(es256({}), constraints as JsonObject))).toBe("policy.eval-error");
  });

  test("times that are no numbers, and times without a clock, are an error", () => {
    const cert = pem(ec.publicKey);
    expect(failure(() => verified(es256({ exp: "soon" }), { cert }))).toBe("policy.eval-error");
    const input = { token: es256({ exp: NOW }), constraints: { cert } };
    expect(failure(() => policy.evaluate("data.t.verified", { input }))).toBe("policy.eval-error");
  });

  test("no error text holds a secret", () => {
    const input = { token: "a.b.c", key: "hunter2-hunter2" };
    try {
      policy.evaluate("data.t.hmac", { input });
    } catch (error) {
      expect(JSON.stringify(error)).not.toContain("hunter2");
      expect(CaiError.from(error).id).toBe("policy.eval-error");
    }
  });
});
