import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { Nonces } from "../../../src/roles/trustee/nonce.ts";
import { idOf } from "./scratch.ts";

const NOW = 1_800_000_000;
const KEY = new Uint8Array(32).fill(7);
const handshake = { cookie: "0".repeat(32), version: "0.4.0", tee: "tdx", hash: "sha384" };
const nonces = new Nonces(KEY, "tid", 1);
const nonce = nonces.make(handshake, NOW + 300);

describe("a nonce (security.md §3.1)", () => {
  test("is 44 characters of base64, and comes back as the handshake it was made for", () => {
    expect(nonce).toMatch(/^[A-Za-z0-9+/]{43}=$/);
    expect(nonces.check(nonce, [{ ...handshake, tee: "csv" }, handshake], NOW)).toEqual({ handshake, expires: NOW + 300 });
  });

  test("has the random part first, then its expiry", () => {
    const bytes = Buffer.from(nonces.make(handshake, 0x01020304, new Uint8Array(12).fill(9)), "base64");
    expect(bytes.subarray(0, 16).toString("hex")).toBe(`${"09".repeat(12)}01020304`);
  });

  test("ends at its expiry", async () => {
    expect(await idOf(() => nonces.check(nonce, [handshake], NOW + 299))).toBe("done");
    expect(await idOf(() => nonces.check(nonce, [handshake], NOW + 300))).toBe("kbs.nonce-expired");
  });

  const others = {
    session: { ...handshake, cookie: "1".repeat(32) },
    version: { ...handshake, version: "0.3.0" },
    platform: { ...handshake, tee: "csv" },
    "hash algorithm": { ...handshake, hash: "sha256" },
  };
  for (const [what, other] of Object.entries(others)) {
    test(`of another ${what} is foreign`, async () => {
      expect(await idOf(() => nonces.check(nonce, [other], NOW))).toBe("kbs.nonce-foreign");
    });
  }

  test("of another trustee, key or epoch is foreign", async () => {
    for (const other of [new Nonces(KEY, "other", 1), new Nonces(new Uint8Array(32), "tid", 1), new Nonces(KEY, "tid", 2)]) {
      expect(await idOf(() => other.check(nonce, [handshake], NOW))).toBe("kbs.nonce-foreign");
    }
  });

  test("cannot be moved between its fields: what is bound is told apart", async () => {
    const shifted = { ...handshake, tee: "tdxs", hash: "ha384" };
    expect(await idOf(() => nonces.check(nonce, [shifted], NOW))).toBe("kbs.nonce-foreign");
  });

  test("with any bit flipped is foreign", () => {
    fc.assert(
      fc.property(fc.nat({ max: 32 * 8 - 1 }), (bit) => {
        const bytes = Buffer.from(nonce, "base64");
        bytes[bit >> 3]! ^= 1 << (bit & 7);
        expect(() => nonces.check(bytes.toString("base64"), [handshake], NOW)).toThrow(
          expect.objectContaining({ id: "kbs.nonce-foreign" }),
        );
      }),
    );
  });

  test("of any other form is foreign, never a crash", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 60 }), (text) => {
        expect(() => nonces.check(text, [handshake], NOW)).toThrow(expect.objectContaining({ id: "kbs.nonce-foreign" }));
      }),
    );
  });
});
