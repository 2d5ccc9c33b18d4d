import { describe, expect, test } from "bun:test";
import { constants, createCipheriv, createPrivateKey, generateKeyPairSync, publicEncrypt, randomBytes } from "node:crypto";
import fc from "fast-check";
import { type EnvelopeKey, openEnvelope, parseEnvelope, rewrapEnvelope } from "../../../../src/roles/trustee/plugins/envelope.ts";
import { rejection } from "../../../rejection.ts";

type Alg = "RSA-OAEP-256" | "RSA1_5";
const ALGS: readonly Alg[] = ["RSA-OAEP-256", "RSA1_5"];

function keyOf(bits: number): EnvelopeKey {
  const pair = generateKeyPairSync("rsa", { modulusLength: bits });
  return { ...pair, size: bits / 8 };
}
const key = keyOf(3072);
const others = [keyOf(3072), keyOf(2048)];

const b64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");

/** An envelope as text, around a block that RSA encrypts as it is, or a content key. */
function sealed(
  alg: Alg,
  plaintext: Uint8Array,
  { cek = randomBytes(32), wrapped = wrap(alg, cek) }: { cek?: Uint8Array; wrapped?: Uint8Array } = {},
) {
  const iv = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", cek, iv);
  const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final()]);
  return { alg, enc_key: b64(wrapped), iv: b64(iv), ciphertext: b64(ciphertext), tag: b64(cipher.getAuthTag()) };
}

function wrap(alg: Alg, cek: Uint8Array): Uint8Array {
  if (alg === "RSA1_5") return publicEncrypt({ key: key.publicKey, padding: constants.RSA_PKCS1_PADDING }, cek);
  return publicEncrypt({ key: key.publicKey, oaepHash: "sha256", padding: constants.RSA_PKCS1_OAEP_PADDING }, cek);
}

/** Encrypts a block as it is: what an attacker does who knows no more than the public key. */
const raw = (block: Uint8Array) => publicEncrypt({ key: key.publicKey, padding: constants.RSA_NO_PADDING }, block);
const bytesOf = (value: unknown) => Buffer.from(JSON.stringify(value));
const open = (value: unknown, keys = [key]) => openEnvelope(parseEnvelope(bytesOf(value))!, keys).plaintext;
const idOf = (value: unknown, keys = [key]) => rejection(() => open(value, keys)).id;

describe("an encrypted envelope (trustee.md §3.3)", () => {
  test.each(ALGS)("of %s opens with its key, wherever that stands among others", (alg) => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), fc.integer({ min: 0, max: 2 }), (plaintext, at) => {
        const keys = others.toSpliced(at, 0, key);
        expect(Buffer.from(open(sealed(alg, plaintext), keys)).equals(Buffer.from(plaintext))).toBe(true);
      }),
      { numRuns: 10 },
    );
  });

  test.each(ALGS)("of %s does not open with other keys, with one bit changed, or cut", (alg) => {
    const good = sealed(alg, Buffer.from("a secret of some length"));
    expect(idOf(good, others)).toBe("kbs.envelope-unreadable");
    expect(idOf(good, [])).toBe("kbs.envelope-unreadable");
    for (const name of ["enc_key", "iv", "ciphertext", "tag"] as const) {
      const bytes = Buffer.from(good[name], "base64");
      for (const at of [0, bytes.length >> 1, bytes.length - 1]) {
        const bent = Buffer.from(bytes);
        bent[at]! ^= 1;
        expect(idOf({ ...good, [name]: b64(bent) })).toBe("kbs.envelope-unreadable");
        expect(rejection(() => openEnvelope(parseEnvelope(bytesOf({ ...good, [name]: b64(bytes.subarray(0, at)) }))!, [key])).id).toBe(
          "kbs.envelope-unreadable",
        );
      }
    }
  });

  test("is one error for every block that RSA1_5 may decrypt to: no oracle tells padding, length or content apart", () => {
    const cek = randomBytes(32);
    const block = (change: (bytes: Buffer) => void) => {
      const bytes = Buffer.alloc(384, 0x11);
      bytes[0] = 0;
      bytes[1] = 2;
      bytes[384 - 33] = 0;
      bytes.set(cek, 384 - 32);
      change(bytes);
      return raw(bytes);
    };
    expect(Buffer.from(open(sealed("RSA1_5", Buffer.from("x"), { cek, wrapped: block(() => {}) }))).toString()).toBe("x");
    const changes: ((bytes: Buffer) => void)[] = [
      (bytes) => bytes.writeUInt8(1, 1),
      (bytes) => bytes.writeUInt8(0, 2),
      (bytes) => bytes.writeUInt8(0, 10),
      (bytes) => bytes.writeUInt8(0, 384 - 34),
      (bytes) => bytes.writeUInt8(7, 384 - 33),
      (bytes) => bytes.fill(0),
      (bytes) => bytes.writeUInt8(bytes[383]! ^ 1, 383),
    ];
    const errors = changes.map((change) => rejection(() => open(sealed("RSA1_5", Buffer.from("x"), { cek, wrapped: block(change) }))));
    for (const error of errors) expect(JSON.stringify(error)).toBe(JSON.stringify(errors[0]));
    expect(errors[0]?.id).toBe("kbs.envelope-unreadable");
  });

  test("is anything but content that has its five members as texts", () => {
    const good = sealed("RSA-OAEP-256", new Uint8Array(4));
    expect(parseEnvelope(Buffer.from(` \n${JSON.stringify({ ...good, more: 1 })}`))).toBeDefined();
    const plain = ["", "{", "null", "[]", '"x"', JSON.stringify([good]), `\ufeff${JSON.stringify(good)}`, `{"alg":${"[".repeat(200)}`];
    for (const name of Object.keys(good))
      plain.push(JSON.stringify({ ...good, [name]: undefined }), JSON.stringify({ ...good, [name]: 7 }));
    for (const text of plain) expect(parseEnvelope(Buffer.from(text))).toBeUndefined();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        expect(parseEnvelope(bytes)).toBeUndefined();
      }),
    );
  });

  test("with members that cannot be decoded, or of another algorithm, is unreadable and not passed on", () => {
    const good = sealed("RSA-OAEP-256", new Uint8Array(4));
    const wrong = [
      { alg: "RSA-OAEP" },
      { alg: "rsa-oaep-256" },
      { iv: "AAAA" },
      { tag: `${good.tag}=` },
      { ciphertext: "-_-_" },
      { enc_key: "A" },
    ];
    for (const change of wrong) {
      expect(rejection(() => parseEnvelope(bytesOf({ ...good, ...change }))).id).toBe("kbs.envelope-unreadable");
    }
  });

  test.each(ALGS)("of %s is wrapped for another key without its content being touched", (alg) => {
    const before = sealed(alg, Buffer.from("secret"));
    const to = others[1]!;
    const after = JSON.parse(Buffer.from(rewrapEnvelope(parseEnvelope(bytesOf(before))!, key, to)).toString()) as typeof before;
    expect(after).toMatchObject({ alg: "RSA-OAEP-256", iv: before.iv, ciphertext: before.ciphertext, tag: before.tag });
    expect(Buffer.from(open(after, [to])).toString()).toBe("secret");
    expect(idOf(after)).toBe("kbs.envelope-unreadable");
    expect(rejection(() => rewrapEnvelope(parseEnvelope(bytesOf(before))!, others[0]!, to)).id).toBe("kbs.envelope-unreadable");
  });

  test("opens with keys that were read from their encoding, too", () => {
    const pem = key.privateKey.export({ format: "pem", type: "pkcs1" });
    const read = { ...key, privateKey: createPrivateKey(pem) };
    for (const alg of ALGS) expect(Buffer.from(open(sealed(alg, Buffer.from("x")), [read])).toString()).toBe("x");
  });
});
