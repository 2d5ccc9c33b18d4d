import { hkdfSync, randomBytes, scrypt, timingSafeEqual } from "node:crypto";
import { z } from "zod";
import { CaiError } from "../../../system/index.ts";

/** Bytes of a passphrase: fewer can be guessed, more are a mistake. */
const PASSPHRASE_BYTES = { min: 12, max: 1024 } as const;
/** What new passphrases are stretched with: 128 MiB and about a third of a second. */
const COST = { n: 1 << 17, r: 8, p: 1 } as const;
const SALT_SIZE = 32;
const KEY_SIZE = 32;

/** How a passphrase becomes a key, with what tells the right one: nothing of it is secret. */
export const scryptParametersSchema = z.strictObject({
  kdf: z.literal("scrypt"),
  // Bounds on what a file from elsewhere may make this machine do: at most 1 GiB.
  n: z.union([1 << 15, 1 << 16, 1 << 17, 1 << 18, 1 << 19, 1 << 20].map((n) => z.literal(n))),
  r: z.literal(8),
  p: z.int().min(1).max(4),
  salt: z.string().regex(/^[0-9a-f]{64}$/),
  check: z.string().regex(/^[0-9a-f]{64}$/),
});
export type ScryptParameters = z.output<typeof scryptParametersSchema>;

/**
 * Makes a key of a new passphrase.
 *
 * @param passphrase  overwritten
 * @returns the key, 32 bytes, and what {@link keyOfPassphrase} needs to make it again
 * @throws CaiError `store.passphrase-weak`
 */
export async function newPassphraseKey(passphrase: Buffer): Promise<{ key: Uint8Array; parameters: ScryptParameters }> {
  const text = normal(passphrase);
  if (text.length < PASSPHRASE_BYTES.min) {
    text.fill(0);
    throw new CaiError("store.passphrase-weak", "the passphrase is too short", { expected: `at least ${PASSPHRASE_BYTES.min} bytes` });
  }
  const salt = randomBytes(SALT_SIZE);
  const key = await stretch(text, salt, COST);
  return { key, parameters: { kdf: "scrypt", ...COST, salt: salt.toString("hex"), check: checkOf(key) } };
}

/**
 * Makes the key of a passphrase again.
 *
 * @param passphrase  overwritten
 * @throws CaiError `store.master-key-wrong` for any other passphrase
 */
export async function keyOfPassphrase(passphrase: Buffer, { n, r, p, salt, check }: ScryptParameters): Promise<Uint8Array> {
  const key = await stretch(normal(passphrase), Buffer.from(salt, "hex"), { n, r, p });
  if (timingSafeEqual(Buffer.from(checkOf(key)), Buffer.from(check))) return key;
  key.fill(0);
  throw new CaiError("store.master-key-wrong", "the passphrase is another one");
}

/** @returns the passphrase without the end of its line, in one form of Unicode, so that it does not matter where it was typed */
function normal(passphrase: Buffer): Buffer {
  const text = Buffer.from(
    passphrase
      .toString("utf8")
      .replace(/\r?\n$/, "")
      .normalize("NFKC"),
  );
  passphrase.fill(0);
  if (text.length <= PASSPHRASE_BYTES.max) return text;
  text.fill(0);
  throw new CaiError("store.master-key-invalid", "the passphrase is too long", { expected: `at most ${PASSPHRASE_BYTES.max} bytes` });
}

function stretch(passphrase: Buffer, salt: Uint8Array, { n, r, p }: { n: number; r: number; p: number }): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    scrypt(passphrase, salt, KEY_SIZE, { N: n, r, p, maxmem: 256 * n * r }, (error, key) => {
      passphrase.fill(0);
      if (error) reject(error);
      else resolve(key);
    });
  });
}

/** Tells the right key from others, and nothing of it: one more derivation, which nothing else uses. */
function checkOf(key: Uint8Array): string {
  return Buffer.from(hkdfSync("sha256", key, new Uint8Array(0), "cai/master-key/check", 32)).toString("hex");
}
