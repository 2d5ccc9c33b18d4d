import { expect, test } from "bun:test";
import fc from "fast-check";
import { packToken, unpackToken } from "../../../../src/roles/trustee/store/packed-token.ts";
import { sealToken, unsealToken } from "../../../../src/roles/trustee/store/session-token.ts";

const base64Url = (text: string) => Buffer.from(text).toString("base64url");

test("every text comes back as it was packed", () => {
  const part = fc.oneof(
    fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes).toString("base64url")),
    fc.string(),
  );
  const token = fc.oneof(
    fc.array(part, { maxLength: 5 }).map((parts) => parts.join(".")),
    fc.tuple(part, part, part).map((parts) => parts.join(".")),
  );
  fc.assert(
    fc.property(token, (text) => {
      // What begins like something packed, or is no text at all, is no token.
      fc.pre(text.isWellFormed() && !text.startsWith("\u0001"));
      expect(unpackToken(packToken(text))).toBe(text);
    }),
  );
});

test("a token with an event log in it takes less than half of its room in the database", () => {
  const log = Array.from({ length: 60 }, (_, i) => ({
    index: i % 16,
    event: "EV_EFI_VARIABLE_DRIVER_CONFIG",
    digest: Bun.SHA256.hash(`${i}`, "hex"),
  }));
  const token = [{ alg: "ES256", typ: "JWT" }, { submods: { cpu0: { log } } }].map((part) => base64Url(JSON.stringify(part)));
  const whole = `${token.join(".")}.${base64Url("s".repeat(64))}`;
  const sealed = sealToken("session", whole);
  expect(sealed.length).toBeLessThan(whole.length / 2);
  expect(unsealToken("session", sealed)).toBe(whole);
});

test("bytes that would unpack to more than any token are not unpacked", () => {
  const bomb = Buffer.concat([Buffer.of(1), Bun.zstdCompressSync(Buffer.alloc(64 * 1024 * 1024))]);
  expect(() => unpackToken(bomb)).toThrow();
});
