import {
  constants,
  createDecipheriv,
  createHash,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  type KeyObject,
  privateDecrypt,
} from "node:crypto";

/** A guest's key pair with its public key as the protocol carries it (trustee.md §1.8). */
export interface GuestKey {
  readonly jwk: Readonly<Record<string, string>>;
  readonly privateKey: KeyObject;
}

export function ecKey(curve: "P-256" | "P-384" | "P-521" = "P-256"): GuestKey {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: curve });
  const { x, y } = publicKey.export({ format: "jwk" }) as { x: string; y: string };
  return { privateKey, jwk: { kty: "EC", crv: curve, alg: "ECDH-ES+A256KW", x, y } };
}

export function rsaKey(alg: "RSA-OAEP-256" | "RSA1_5", modulusLength = 2048): GuestKey {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength });
  const { n, e } = publicKey.export({ format: "jwk" }) as { n: string; e: string };
  return { privateKey, jwk: { kty: "RSA", alg, n, e } };
}

/** Strict base64url without padding, as upstream decoders read it. */
export function strictBase64Url(text: string): Buffer {
  const bytes = Buffer.from(text, "base64url");
  if (bytes.toString("base64url") !== text) throw new Error(`not strict base64url: ${text.slice(0, 40)}`);
  return bytes;
}

interface Opened {
  readonly plaintext: string;
  /** the text of the protected header */
  readonly header: string;
}

/**
 * Opens an answer as the clients of both families do: they build the protected header anew, with the members after `alg` and `enc` in
 * alphabetical order, and take that as additional data (trustee.md §1.9).
 */
export function openAsUpstream(answer: Buffer, { privateKey }: GuestKey): Opened {
  const jwe = JSON.parse(answer.toString()) as Record<string, string>;
  if (Object.keys(jwe).join() !== "protected,encrypted_key,iv,ciphertext,tag") throw new Error("other members than those of the answer");
  const part = (name: string) => strictBase64Url(jwe[name] ?? "");
  const header = part("protected").toString();
  const { alg, enc, ...others } = JSON.parse(header) as Record<string, unknown>;
  const rebuilt = JSON.stringify({ alg, enc, ...sorted(others) });
  const cek = unwrapped(String(alg), others["epk"] as Record<string, string>, part("encrypted_key"), privateKey);
  const plaintext = decrypted(cek, part("iv"), part("ciphertext"), part("tag"), Buffer.from(rebuilt).toString("base64url"));
  return { plaintext, header };
}

/** Opens an answer of version 0.1.1: the header is plain JSON, the tag is the ciphertext's end, nothing is additional data (agent.md §3.8). */
export function openAsFirstVersion(answer: Buffer, { privateKey }: GuestKey): Opened {
  const jwe = JSON.parse(answer.toString()) as { protected: string; encrypted_key: string; iv: string; ciphertext: string; tag: string };
  if (jwe.tag !== "") throw new Error("a tag beside the ciphertext");
  const padded = privateDecrypt({ key: privateKey, padding: constants.RSA_NO_PADDING }, strictBase64Url(jwe.encrypted_key));
  if (padded[0] !== 0 || padded[1] !== 2) throw new Error("no PKCS #1 block");
  const cek = padded.subarray(padded.indexOf(0, 2) + 1);
  const ciphertext = strictBase64Url(jwe.ciphertext);
  const tag = ciphertext.subarray(ciphertext.length - 16);
  const plaintext = decrypted(cek, strictBase64Url(jwe.iv), ciphertext.subarray(0, ciphertext.length - 16), tag);
  return { plaintext, header: jwe.protected };
}

function decrypted(cek: Buffer, iv: Buffer, ciphertext: Buffer, tag: Buffer, additional?: string): string {
  if (cek.length !== 32 || iv.length !== 12 || tag.length !== 16) throw new Error("another length of key, iv or tag");
  const decipher = createDecipheriv("aes-256-gcm", cek, iv);
  if (additional !== undefined) decipher.setAAD(Buffer.from(additional, "ascii"));
  decipher.setAuthTag(tag);
  return Buffer.concat([decipher.update(ciphertext), decipher.final()]).toString();
}

function unwrapped(alg: string, epk: Record<string, string>, wrapped: Buffer, privateKey: KeyObject): Buffer {
  if (alg === "RSA-OAEP-256") return privateDecrypt({ key: privateKey, oaepHash: "sha256" }, wrapped);
  if (alg !== "ECDH-ES+A256KW") throw new Error(`alg ${alg}`);
  const z = diffieHellman({ privateKey, publicKey: createPublicKey({ key: epk, format: "jwk" }) });
  const u32 = (value: number) => Buffer.from(value.toString(16).padStart(8, "0"), "hex");
  const kek = createHash("sha256")
    .update(Buffer.concat([u32(1), z, u32(14), Buffer.from("ECDH-ES+A256KW"), u32(0), u32(0), u32(256)]))
    .digest();
  return keyUnwrap(kek, wrapped);
}

/** RFC 3394 §2.2.2. */
function keyUnwrap(kek: Buffer, wrapped: Buffer): Buffer {
  const cipher = createDecipheriv("aes-256-ecb", kek, null).setAutoPadding(false);
  let a = wrapped.subarray(0, 8);
  const blocks = Array.from({ length: wrapped.length / 8 - 1 }, (_, i) => wrapped.subarray(8 * (i + 1), 8 * (i + 2)));
  for (let j = 5; j >= 0; j--) {
    for (let i = blocks.length; i >= 1; i--) {
      const counted = Buffer.from(a);
      counted.writeUInt32BE((counted.readUInt32BE(4) ^ (blocks.length * j + i)) >>> 0, 4);
      const block = cipher.update(Buffer.concat([counted, blocks[i - 1]!]));
      a = block.subarray(0, 8);
      blocks[i - 1] = block.subarray(8, 16);
    }
  }
  if (!a.equals(Buffer.alloc(8, 0xa6))) throw new Error("the key does not unwrap");
  return Buffer.concat(blocks);
}

function sorted(value: unknown): Record<string, unknown> {
  const entries = Object.entries(value as Record<string, unknown>).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([name, member]) => [name, typeof member === "object" ? sorted(member) : member]));
}
