import { describe, expect, test } from "bun:test";
import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { type AdminIssuer, type AdminTokenExpectation, checkAdminToken, makeAdminToken } from "../../src/protocol/index.ts";
import { asyncRejection } from "../rejection.ts";
import { NOW, OTHER_TID, TID, utf8 } from "./samples.ts";

const admin = generateKeyPairSync("ed25519");
const stranger = generateKeyPairSync("ed25519");
const request = { method: "POST", target: "/kbs/v0/resource/a/b/c?x=1", body: utf8("secret") };

const issuer = (...keys: KeyObject[]): AdminIssuer => ({ name: "admin", kind: "key", keys: () => keys });

/** What a trustee that has seen no token yet expects. */
function expectation(change: Partial<AdminTokenExpectation> = {}): AdminTokenExpectation {
  const spent = new Set<string>();
  return {
    issuers: [issuer(admin.publicKey)],
    tid: TID,
    request,
    privateConnection: false,
    now: NOW,
    spend: (jti) => !spent.has(jti) && spent.add(jti).has(jti),
    ...change,
  };
}

const ours = () => makeAdminToken(admin.privateKey, TID, request, NOW);
const claimsOf = (token: string) => JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());

function tokenOf(claims: object, key: KeyObject = admin.privateKey, header: object = { alg: "EdDSA", typ: "JWT" }): string {
  const text = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");
  return `${text}.${sign(null, Buffer.from(text), key).toString("base64url")}`;
}

describe("an admin token of ours", () => {
  test("carries everything that ties it to one request for a minute", async () => {
    const claims = claimsOf(await ours());
    expect(Object.keys(claims).sort()).toEqual(["aud", "bh", "exp", "htm", "htu", "iat", "jti"]);
    expect(claims).toMatchObject({ iat: NOW, exp: NOW + 60, aud: TID, htm: "POST", htu: request.target });
    expect(Buffer.from(claims.jti, "base64url")).toHaveLength(16);
    expect(claimsOf(await ours()).jti).not.toBe(claims.jti);
  });

  test("is good for its request, over any connection", async () => {
    expect(await checkAdminToken(await ours(), expectation())).toMatchObject({ role: "admin", oneRequest: true });
  });

  test("is good with any one of several admin keys", async () => {
    expect(
      await checkAdminToken(await ours(), expectation({ issuers: [issuer(stranger.publicKey), issuer(admin.publicKey)] })),
    ).toMatchObject({
      role: "admin",
    });
  });

  test("is good once", async () => {
    const trustee = expectation();
    const token = await ours();
    await checkAdminToken(token, trustee);
    expect((await asyncRejection(checkAdminToken(token, trustee))).id).toBe("admin.token-replayed");
  });

  test("is kept in mind for as long as it would be taken", async () => {
    let until = 0;
    const spend = (_jti: string, time: number) => {
      until = time;
      return true;
    };
    await checkAdminToken(await ours(), expectation({ spend }));
    expect((await asyncRejection(checkAdminToken(await ours(), expectation({ now: until })))).id).toBe("admin.unauthenticated");
    expect(await checkAdminToken(await ours(), expectation({ now: until - 1 }))).toMatchObject({ oneRequest: true });
  });

  test.each([
    ["another trustee with the same admin key", { tid: OTHER_TID }],
    ["another body", { request: { ...request, body: utf8("other") } }],
    ["another path", { request: { ...request, target: "/kbs/v0/resource/a/b/d?x=1" } }],
    ["another query", { request: { ...request, target: "/kbs/v0/resource/a/b/c" } }],
    ["another method", { request: { ...request, method: "DELETE" } }],
  ])("is worth nothing for %s, and is not spent by it", async (_name, change) => {
    let spent = 0;
    const spend = () => ++spent > 0;
    expect((await asyncRejection(checkAdminToken(await ours(), expectation({ ...change, spend })))).id).toBe("admin.token-mismatch");
    expect(spent).toBe(0);
  });

  test("is worth nothing with one flipped bit or cut short, wherever", async () => {
    const token = await ours();
    for (let at = 0; at < token.length; at += 3) {
      const letter = token[at] === "A" ? "B" : "A";
      for (const altered of [token.slice(0, at) + letter + token.slice(at + 1), token.slice(0, at)]) {
        if (lastBitsOnly(token, altered)) continue;
        expect((await asyncRejection(checkAdminToken(altered, expectation()))).id).toBe("admin.unauthenticated");
      }
    }
  });
});

describe("an admin token of the upstream families", () => {
  const bearer = tokenOf({ iat: NOW, exp: NOW + 7200 });

  test("is good again and again where nobody else reads", async () => {
    const trustee = expectation({ privateConnection: true });
    for (let use = 0; use < 2; use++) expect(await checkAdminToken(bearer, trustee)).toMatchObject({ role: "admin", oneRequest: false });
  });

  test("names its role where it has one", async () => {
    const token = tokenOf({ exp: NOW + 60, role: "reader" });
    expect(await checkAdminToken(token, expectation({ privateConnection: true }))).toMatchObject({ role: "reader" });
  });

  test("is refused where others may read it", async () => {
    expect((await asyncRejection(checkAdminToken(bearer, expectation()))).id).toBe("admin.bearer-over-plaintext");
  });

  test.each([
    ["without an end", { iat: NOW }],
    ["that ends after 2 h 15 min", { iat: NOW, exp: NOW + 8101 }],
  ])("%s is refused", async (_name, claims) => {
    const trustee = expectation({ privateConnection: true });
    expect((await asyncRejection(checkAdminToken(tokenOf(claims), trustee))).id).toBe("admin.token-unbounded");
  });

  test.each([
    ["that is over", { exp: NOW - 60 }],
    ["from the future", { iat: NOW + 61, exp: NOW + 600 }],
    ["not valid before tomorrow", { nbf: NOW + 61, exp: NOW + 600 }],
    ["with a time that is no number", { exp: "never" }],
    ["whose claims are a list", []],
  ])("%s is refused", async (_name, claims) => {
    const trustee = expectation({ privateConnection: true });
    expect((await asyncRejection(checkAdminToken(tokenOf(claims), trustee))).id).toBe("admin.unauthenticated");
  });

  test.each([
    ["aud", { aud: OTHER_TID }],
    ["aud in a list", { aud: ["kbs", OTHER_TID] }],
    ["htm", { htm: "GET" }],
    ["htu", { htu: "/kbs/v0/resources" }],
    ["bh", { bh: "" }],
  ])("is held to its %s if it has one", async (_name, claim) => {
    const token = tokenOf({ exp: NOW + 60, ...claim });
    expect((await asyncRejection(checkAdminToken(token, expectation({ privateConnection: true })))).id).toBe("admin.token-mismatch");
  });

  test("is spent if it has a jti, and is no one-request token for that alone", async () => {
    const token = tokenOf({ iat: NOW, exp: NOW + 60, jti: "once" });
    expect((await asyncRejection(checkAdminToken(token, expectation()))).id).toBe("admin.bearer-over-plaintext");
    const trustee = expectation({ privateConnection: true });
    await checkAdminToken(token, trustee);
    expect((await asyncRejection(checkAdminToken(token, trustee))).id).toBe("admin.token-replayed");
  });

  test("that is tied to one request but lives long is a bearer token", async () => {
    const token = tokenOf({ ...claimsOf(await ours()), exp: NOW + 61 });
    expect((await asyncRejection(checkAdminToken(token, expectation()))).id).toBe("admin.bearer-over-plaintext");
  });
});

describe("what is no admin token", () => {
  const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
  test.each([
    ["nothing", undefined],
    ["an empty text", ""],
    ["a text", "admin"],
    ["a stranger's token", tokenOf({ exp: NOW + 60 }, stranger.privateKey)],
    [
      "an unsigned token",
      `${Buffer.from('{"alg":"none"}').toString("base64url")}.${Buffer.from(`{"exp":${NOW + 60}}`).toString("base64url")}.`,
    ],
    ["a token whose header names another algorithm", tokenOf({ exp: NOW + 60 }, admin.privateKey, { alg: "ES256" })],
    ["a token with a critical header", tokenOf({ exp: NOW + 60 }, admin.privateKey, { alg: "EdDSA", crit: ["x"], x: 1 })],
    [
      "a stranger's token that brings its key along",
      tokenOf({ exp: NOW + 60 }, stranger.privateKey, { alg: "EdDSA", jwk: stranger.publicKey.export({ format: "jwk" }) }),
    ],
    ["a huge token", tokenOf({ exp: NOW + 60, pad: "x".repeat(8192) })],
  ])("%s is refused", async (_name, token) => {
    const trustee = expectation({ privateConnection: true, issuers: [issuer(admin.publicKey, rsa.publicKey)] });
    expect((await asyncRejection(checkAdminToken(token, trustee))).id).toBe("admin.unauthenticated");
  });

  test("no key of the trustee, no admin", async () => {
    expect((await asyncRejection(checkAdminToken(await ours(), expectation({ issuers: [issuer()] })))).id).toBe("admin.unauthenticated");
  });
});

/** The last base64url letter of a 64-byte signature has bits that mean nothing; changing only those changes no byte. */
function lastBitsOnly(token: string, altered: string): boolean {
  const bytes = (text: string) => Buffer.from(text.split(".")[2] ?? "", "base64url");
  const head = (text: string) => text.slice(0, text.lastIndexOf("."));
  return head(token) === head(altered) && bytes(token).equals(bytes(altered));
}
