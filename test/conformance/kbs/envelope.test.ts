import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { constants, createCipheriv, createPublicKey, generateKeyPairSync, type KeyObject, publicEncrypt, randomBytes } from "node:crypto";
import { type Answer, refusalOf, valuesOf, verdict } from "./http.ts";
import { openAsUpstream } from "./jwe.ts";
import { Peer } from "./peer.ts";
import { manage, type Subject, startSubject, store } from "./trustee.ts";

const SECRET = "secret-of-an-envelope-93b1";
let subject: Subject;
let guest: Peer;
let cookie: string;
beforeAll(async () => {
  subject = await startSubject();
  guest = new Peer(subject.url);
  ({ cookie } = await guest.attest());
}, 60_000);
afterAll(() => subject.end());

type Alg = "RSA-OAEP-256" | "RSA1_5";
type Envelope = Record<"alg" | "enc_key" | "iv" | "ciphertext" | "tag", string>;

/** Encrypts as the scripts of the openanolis family do: standard base64, no additional data (trustee.md §3.3). */
function envelope(publicKey: KeyObject, alg: Alg, text = SECRET, cek: Uint8Array = randomBytes(32)): Envelope {
  const iv = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", cek.length === 32 ? cek : Buffer.alloc(32), iv);
  const ciphertext = Buffer.concat([cipher.update(text), cipher.final()]);
  const padding = alg === "RSA1_5" ? constants.RSA_PKCS1_PADDING : constants.RSA_PKCS1_OAEP_PADDING;
  const wrapped = publicEncrypt({ key: publicKey, padding, ...(alg === "RSA-OAEP-256" && { oaepHash: "sha256" }) }, cek);
  const b64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");
  return { alg, enc_key: b64(wrapped), iv: b64(iv), ciphertext: b64(ciphertext), tag: b64(cipher.getAuthTag()) };
}

async function pubkey(): Promise<KeyObject> {
  return createPublicKey((await manage(subject, "GET", "resource/pubkey")).body.toString());
}

const post = async (call: string) => manage(subject, "POST", `resource/${call}`);
const json = (answer: Answer) => JSON.parse(answer.body.toString()) as Record<string, unknown>;
const got = (name: string) => guest.get(`resource/${name}`, { Cookie: cookie });
const opened = async (name: string) => openAsUpstream((await got(name)).body, guest.key).plaintext;

describe("§3.3 an envelope", () => {
  test("of either algorithm is opened as it is given out", async () => {
    const key = await pubkey();
    for (const alg of ["RSA-OAEP-256", "RSA1_5"] as const) {
      await store(subject, "env/elope/x", JSON.stringify(envelope(key, alg)));
      expect(await opened("env/elope/x")).toBe(SECRET);
      await store(subject, "env/elope/x", JSON.stringify({ note: "kept by nobody", ...envelope(key, alg, "") }, null, 2));
      expect(await opened("env/elope/x")).toBe("");
    }
  });

  test("is what has its five members as texts; anything else passes as it is", async () => {
    const whole = envelope(await pubkey(), "RSA-OAEP-256");
    const { tag: _, ...without } = whole;
    const others = ["plain", "{", "[]", "null", JSON.stringify(without), JSON.stringify({ ...whole, tag: 1 }), JSON.stringify([whole])];
    for (const content of others) {
      await store(subject, "env/plain/x", content);
      expect(await opened("env/plain/x")).toBe(content);
    }
  });

  test("that no key opens is one error, whatever is wrong with it", async () => {
    const key = await pubkey();
    const foreign = generateKeyPairSync("rsa", { modulusLength: 3072 }).publicKey;
    const bent = (name: keyof Envelope, from: Envelope) => {
      const bytes = Buffer.from(from[name], "base64");
      bytes[bytes.length >> 1]! ^= 1;
      return { ...from, [name]: bytes.toString("base64") };
    };
    const wrong: object[] = [];
    for (const alg of ["RSA-OAEP-256", "RSA1_5"] as const) {
      const good = envelope(key, alg);
      wrong.push(envelope(foreign, alg), envelope(key, alg, SECRET, randomBytes(16)), envelope(key, alg, SECRET, randomBytes(33)));
      wrong.push({ ...good, alg: alg === "RSA1_5" ? "RSA-OAEP-256" : "RSA1_5" }, { ...good, alg: "RSA-OAEP" }, { ...good, alg: "" });
      for (const name of ["enc_key", "iv", "ciphertext", "tag"] as const) wrong.push(bent(name, good));
      wrong.push(
        { ...good, tag: good.tag.replace(/=+$/, "") },
        { ...good, iv: "AAAA" },
        { ...good, tag: "AAAA" },
        { ...good, enc_key: "" },
      );
      wrong.push(
        { ...good, enc_key: Buffer.alloc(384, 0xff).toString("base64") },
        { ...good, enc_key: Buffer.alloc(384).toString("base64") },
      );
      wrong.push({ ...good, ciphertext: `${good.ciphertext}!` });
    }
    const seen = new Set<string>();
    for (const content of wrong) {
      await store(subject, "env/wrong/x", JSON.stringify(content));
      const answer = await got("env/wrong/x");
      expect(verdict(answer)).toBe("500 PluginInternalError kbs.envelope-unreadable");
      const { decision: _decision, ...said } = refusalOf(answer);
      seen.add(JSON.stringify(said));
    }
    expect(seen.size).toBe(1);
  }, 60_000);

  test("is opened after the policy has allowed it, and never before", async () => {
    await store(subject, "env/wrong/x", JSON.stringify(envelope(await pubkey(), "RSA-OAEP-256", SECRET, randomBytes(16))));
    expect(verdict(await guest.get("resource/env/wrong/x"))).toBe("401 TokenNotFound kbs.token-missing");
  });
});

describe("§3.3 the key calls answer with upstream's members", () => {
  test("pubkey: SPKI PEM of an RSA key of 3072 bits, as text/xml, the same until it is rotated", async () => {
    const answer = await manage(subject, "GET", "resource/pubkey");
    expect(valuesOf(answer, "content-type")).toEqual(["text/xml"]);
    const text = answer.body.toString();
    expect(text).toStartWith("-----BEGIN PUBLIC KEY-----\n");
    const key = createPublicKey(text);
    expect([key.asymmetricKeyType, key.asymmetricKeyDetails?.modulusLength]).toEqual(["rsa", 3072]);
    expect((await manage(subject, "GET", "resource/pubkey")).body.toString()).toBe(text);
  });

  test("reload: how many keys there are", async () => {
    const answer = await post("reload");
    expect([answer.status, valuesOf(answer, "content-type"), Object.keys(json(answer))]).toEqual([200, ["text/xml"], ["reloaded_keys"]]);
    expect(json(answer)["reloaded_keys"]).toBeGreaterThanOrEqual(1);
  });

  test("rotate: a new key, with every envelope under it; the old one still opens what was encrypted to it", async () => {
    for (const { resource_tag: tag, resource_type: type, repository_name: repository } of JSON.parse(
      (await manage(subject, "GET", "resources")).body.toString(),
    ) as Record<string, string>[]) {
      await manage(subject, "DELETE", `resource/${repository}/${type}/${tag}`);
    }
    const old = await pubkey();
    await store(subject, "env/old/a", JSON.stringify(envelope(old, "RSA-OAEP-256")));
    await store(subject, "env/old/b", JSON.stringify(envelope(old, "RSA1_5")));
    await store(subject, "env/old/c", "plain");
    const answer = await post("rotate");
    expect(valuesOf(answer, "content-type")).toEqual(["text/xml"]);
    const said = json(answer);
    expect(Object.keys(said)).toEqual(["public_key", "rewrapped", "skipped", "failed", "retired_keys", "purged_keys"]);
    expect(said).toMatchObject({ rewrapped: 2, skipped: 1, failed: 0, retired_keys: 1, purged_keys: 0 });
    expect((await manage(subject, "GET", "resource/pubkey")).body.toString()).toBe(String(said["public_key"]));
    for (const name of ["env/old/a", "env/old/b"]) expect(await opened(name)).toBe(SECRET);
    await store(subject, "env/old/late", JSON.stringify(envelope(old, "RSA-OAEP-256")));
    expect(await opened("env/old/late")).toBe(SECRET);
    const again = json(await post("rewrap"));
    expect(Object.entries(again)).toEqual([
      ["total", 4],
      ["rewrapped", 1],
      ["skipped", 3],
      ["failed", 0],
    ]);
    expect(await opened("env/old/late")).toBe(SECRET);
    expect(json(await post("rewrap"))).toEqual({ total: 4, rewrapped: 0, skipped: 4, failed: 0 });
  }, 60_000);

  test("rewrap and rotate count what no key opens, and leave it as it is", async () => {
    const broken = JSON.stringify(envelope(await pubkey(), "RSA-OAEP-256", SECRET, randomBytes(16)));
    await store(subject, "env/old/broken", broken);
    expect(json(await post("rewrap"))).toMatchObject({ failed: 1 });
    expect(json(await post("rotate"))).toMatchObject({ failed: 1, purged_keys: 0, retired_keys: 2 });
    expect(await opened("env/old/a")).toBe(SECRET);
    expect(verdict(await got("env/old/broken"))).toBe("500 PluginInternalError kbs.envelope-unreadable");
    expect(json(await post("reload"))).toEqual({ reloaded_keys: 3 });
  }, 60_000);
});
