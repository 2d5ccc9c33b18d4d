import { createCipheriv, createDecipheriv, createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { CaiError } from "../../../system/index.ts";

const IV_SIZE = 12;
const TAG_SIZE = 16;
/** How many bytes a sealed value is longer than the value. */
export const SEAL_OVERHEAD = IV_SIZE + TAG_SIZE;

/** Where a sealed or authenticated row stands. A row moved elsewhere, or an older one put back, no longer opens. */
export interface Position {
  readonly table: string;
  readonly key: string;
  readonly version: number;
}

/** Rows of different kinds are sealed under labels of their own; the one of resources is fixed by security.md I25. */
export type SealLabel = "cai/resource/v1" | "cai/key/v1";

function sealContext(label: SealLabel, storeId: string, position: Position): Uint8Array {
  return Buffer.concat([Buffer.from(`${label}\0${storeId}\0${position.key}\0`), u64be(position.version)]);
}

/** @returns `value` as a big-endian 64-bit integer */
function u64be(value: number): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}

/** @returns iv ‖ ciphertext ‖ tag, AES-256-GCM, with the position as additional data (security.md I25) */
export function seal(key: Uint8Array, label: SealLabel, storeId: string, position: Position, plaintext: Uint8Array): Uint8Array {
  const iv = randomBytes(IV_SIZE);
  const cipher = createCipheriv("aes-256-gcm", key, iv);
  cipher.setAAD(sealContext(label, storeId, position));
  return Buffer.concat([iv, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

/** @throws CaiError `store.record-tampered` where the row was changed, moved, or is of another store */
export function unseal(key: Uint8Array, label: SealLabel, storeId: string, position: Position, sealed: Uint8Array): Uint8Array {
  if (sealed.length < IV_SIZE + TAG_SIZE) throw tampered(position);
  const decipher = createDecipheriv("aes-256-gcm", key, sealed.subarray(0, IV_SIZE));
  decipher.setAAD(sealContext(label, storeId, position));
  decipher.setAuthTag(sealed.subarray(sealed.length - TAG_SIZE));
  try {
    return Buffer.concat([decipher.update(sealed.subarray(IV_SIZE, sealed.length - TAG_SIZE)), decipher.final()]);
  } catch {
    throw tampered(position);
  }
}

/** @returns HMAC-SHA-256 over a row and where it stands (security.md I25) */
export function rowMac(key: Uint8Array, position: Position, content: string): Uint8Array {
  return createHmac("sha256", key)
    .update(`cai/row/v1\0${position.table}\0${position.key}\0`)
    .update(u64be(position.version))
    .update(content)
    .digest();
}

/** @throws CaiError `store.record-tampered` where `mac` is not the row's */
export function checkRow(key: Uint8Array, position: Position, content: string, mac: unknown): void {
  if (!(mac instanceof Uint8Array) || mac.length !== 32 || !timingSafeEqual(mac, rowMac(key, position, content))) throw tampered(position);
}

/** The error of a row that this program did not write as it stands. */
export function tampered(position: { readonly table: string; readonly key?: string }): CaiError {
  const row = position.key === undefined ? `table ${position.table}` : `row ${JSON.stringify(position.key)} of table ${position.table}`;
  return new CaiError("store.record-tampered", `${row} is not as the trustee wrote it`, {
    hint: "Either the master key is another one than the store was sealed with (another store's, or one from before or after `cai trustee rekey`): put the right one there. Or somebody changed the database, or restored a part of it: restore a whole backup.",
  });
}
