import { describe, expect, test } from "bun:test";
import { createHmac } from "node:crypto";
import { mergeReference, parseReferenceMessage, referencesInForce } from "../../../src/roles/trustee/reference-message.ts";
import { sessionCookie, sessionIdOf } from "../../../src/roles/trustee/session-cookie.ts";
import { parseTrusteeSettings, speaksTls } from "../../../src/roles/trustee/settings.ts";
import { publicDecisionId } from "../../../src/roles/trustee/store/decision-id.ts";
import { idOf } from "./scratch.ts";

const NOW = 1_800_000_000;
const message = (value: unknown, members = {}) =>
  JSON.stringify({ version: "0.1.0", type: "sample", payload: Buffer.from(JSON.stringify(value)).toString("base64"), ...members });

describe("a reference value message", () => {
  test("gives a list of hashes for an array of texts and a plain value for anything else", () => {
    const values = parseReferenceMessage(message({ a: ["x"], b: { c: 1 } }), NOW);
    expect(values).toEqual([
      { name: "a", expires: NOW + 365 * 86_400, kind: "hashes", value: ["x"] },
      { name: "b", expires: NOW + 365 * 86_400, kind: "value", value: { c: 1 } },
    ]);
  });

  test("is refused in every other form", async () => {
    const wrong = [
      "",
      "{}",
      "[]",
      message({}),
      message({ "": 1 }),
      message({ "a\0": 1 }),
      message([1]),
      message({ a: 1 }, { version: "0.2.0" }),
    ];
    wrong.push(message({ a: 1 }, { type: "other" }), message({ a: 1 }, { payload: "%%%" }), message({ ["x".repeat(300)]: 1 }));
    const deep = Buffer.from(`{"a":${"[".repeat(9000)}${"]".repeat(9000)}}`).toString("base64");
    wrong.push(message({ a: null }), message({ a: 1 }, { payload: deep }));
    for (const text of wrong) expect(await idOf(() => parseReferenceMessage(text, NOW))).toBe("kbs.reference-invalid");
    for (const type of ["slsa", "in-toto", "reproducible-build", "swid", "corim"])
      expect(await idOf(() => parseReferenceMessage(message({ a: 1 }, { type }), NOW))).toBe("kbs.provenance-unsupported");
  });

  test("registered again grows a list, keeps the later expiry, and replaces anything else", () => {
    const hashes = { name: "a", expires: 20, kind: "hashes", value: ["x", "y"] } as const;
    const later = { name: "a", expires: 10, kind: "hashes", value: ["y", "z"] } as const;
    const plain = { name: "a", expires: 5, kind: "value", value: 7 } as const;
    expect(mergeReference(hashes, later)).toEqual({ name: "a", expires: 20, kind: "hashes", value: ["x", "y", "z"] });
    expect(mergeReference(hashes, plain)).toBe(plain);
    expect(mergeReference(plain, later)).toBe(later);
    expect(mergeReference(undefined, later)).toBe(later);
  });

  test("is invisible once it has expired", () => {
    const all = new Map([["a", { name: "a", expires: 10, kind: "value", value: 1 } as const]]);
    expect(referencesInForce(all, 9)).toEqual({ a: 1 });
    expect(referencesInForce(all, 10)).toEqual({});
  });
});

describe("the session cookie", () => {
  test("comes back from whatever stands beside it", () => {
    const id = "0123456789abcdef0123456789abcdef";
    expect(sessionCookie(id, 1_800_000_000)).toBe(`kbs-session-id=${id}; Expires=Fri, 15 Jan 2027 08:00:00 GMT`);
    expect(sessionIdOf(`a=b; kbs-session-id=${id}; c=d`)).toBe(id);
  });

  test("of another form is none", () => {
    for (const header of [
      null,
      "",
      "kbs-session-id=",
      "kbs-session-id=ABC",
      `xkbs-session-id=${"0".repeat(32)}`,
      `kbs-session-id=${"0".repeat(33)}`,
    ]) {
      expect(sessionIdOf(header)).toBeUndefined();
    }
  });
});

test("a public decision id is 80 bits of a MAC over the number, in base32", () => {
  const key = new Uint8Array(32).fill(1);
  const mac = createHmac("sha256", key).update(Buffer.from("000000000000002a", "hex")).digest().subarray(0, 10);
  const id = publicDecisionId(key, 42);
  expect(id).toMatch(/^[a-z2-7]{16}$/);
  const bits = [...id].map((char) => "abcdefghijklmnopqrstuvwxyz234567".indexOf(char).toString(2).padStart(5, "0")).join("");
  expect(BigInt(`0b${bits}`)).toBe(BigInt(`0x${mac.toString("hex")}`));
  expect(publicDecisionId(key, 43)).not.toBe(id);
});

describe("the settings", () => {
  const minimal = { dataDir: "d" };

  test("listen on loopback by default", () => {
    const settings = parseTrusteeSettings(minimal);
    expect(settings).toMatchObject({ listen: [{ host: "127.0.0.1", port: 8080 }], insecureHttp: false, collateralGraceSeconds: 0 });
    expect(speaksTls(settings.listen[0]!, settings)).toBe(false);
  });

  test("want TLS or a clear word where others can connect", async () => {
    for (const host of ["0.0.0.0", "::", "192.0.2.1", "example.org", "127.example.org"]) {
      const plain = { ...minimal, listen: [{ scheme: "http" as const, host, port: 1 }] };
      expect(await idOf(() => parseTrusteeSettings(plain))).toBe("trustee.tls-required");
      expect(await idOf(() => parseTrusteeSettings({ ...minimal, metricsListen: plain.listen[0] }))).toBe("trustee.tls-required");
      expect(await idOf(() => parseTrusteeSettings({ ...plain, insecureHttp: true }))).toBe("done");
      const settings = parseTrusteeSettings({ ...minimal, host });
      expect(speaksTls(settings.listen[0]!, settings)).toBe(true);
      expect(speaksTls(settings.listen[0]!, { ...settings, insecureHttp: true })).toBe(false);
    }
    const settings = parseTrusteeSettings(minimal);
    for (const address of [{ host: "localhost", port: 1 }, { host: "127.0.0.2", port: 1 }, { host: "::1", port: 1 }, { unix: "/s" }]) {
      expect(speaksTls(address, settings)).toBe(false);
      expect(speaksTls(address, { ...settings, tlsMode: "auto" })).toBe(!("unix" in address));
    }
    expect(speaksTls({ scheme: "http", host: "::1", port: 1 }, { ...settings, tlsMode: "auto" })).toBe(false);
  });

  test("are refused where a value is out of bounds or unknown", async () => {
    for (const wrong of [{ port: 70_000 }, { collateralGraceSeconds: 31 * 86_400 }, { collateralGraceSeconds: -1 }, { prot: 1 }]) {
      expect(await idOf(() => parseTrusteeSettings({ ...minimal, ...wrong }))).toBe("cli.setting-invalid");
    }
  });
});
