import { createHash, createHmac } from "node:crypto";

/** Bytes of every key, hash and commitment of the container. */
export const KEY_SIZE = 32;
/** Bytes of the random salt that every epoch of a file has in the index. */
export const EPOCH_SALT_SIZE = 16;
export const NONCE_SIZE = 12;

const LABEL = "cai/model/v1/";
const NUL = Uint8Array.of(0);
const NONCE_COUNTER = 4;

/** SHA-256 of the core's bytes as carried: coreHash of model-format.md §3.2. */
export function hashCore(coreBytes: Uint8Array): Uint8Array {
  return sha256(coreBytes);
}

/** PRK = HKDF-Extract-SHA256(salt = id, IKM = DEK): what all data keys of one artefact come from. */
export function extractPrk(dek: Uint8Array, id: Uint8Array): Uint8Array {
  return hmac(id, dek);
}

/** X("commit", coreHash): the published commitment to the key. Compare it in constant time before any other key is derived. */
export function commitment(prk: Uint8Array, coreHash: Uint8Array): Uint8Array {
  return derive(prk, "commit", coreHash);
}

/** X("index", coreHash ‖ salt): the key of the index chunks. @param salt 32 bytes, clear at the start of the index member */
export function indexKey(prk: Uint8Array, coreHash: Uint8Array, salt: Uint8Array): Uint8Array {
  return derive(prk, "index", coreHash, salt);
}

/**
 * X("file", u32be(fileNo) ‖ u32be(epoch) ‖ salt): the key of one epoch of one file.
 *
 * @param fileNo  the file's position in the index; for a hard link that of the entry it refers to
 * @param epoch   chunk number divided by `core.epoch`, rounded down
 * @param salt    the 16 bytes that the index holds for this epoch
 */
export function fileKey(prk: Uint8Array, fileNo: number, epoch: number, salt: Uint8Array): Uint8Array {
  const numbers = new Uint8Array(8);
  const view = new DataView(numbers.buffer);
  view.setUint32(0, fileNo);
  view.setUint32(4, epoch);
  return derive(prk, "file", numbers, salt);
}

/** The key that wraps the DEK in a slot: HKDF-SHA256(salt = id, IKM = KEK, info = "cai/model/v1/wrap" ‖ 0 ‖ coreHash). */
export function wrapKey(kek: Uint8Array, id: Uint8Array, coreHash: Uint8Array): Uint8Array {
  const prk = hmac(id, kek);
  const key = derive(prk, "wrap", coreHash);
  prk.fill(0);
  return key;
}

/** Names a KEK generation and reveals nothing of it: 16 hex digits (§3.3). */
export function kekId(kek: Uint8Array): string {
  const prk = hmac(new TextEncoder().encode("cai/model/v1"), kek);
  return Buffer.from(hmac(prk, new TextEncoder().encode("kid"), Uint8Array.of(1)).subarray(0, 8)).toString("hex");
}

/** The nonce of chunk `chunk`: flag ‖ 00 00 00 ‖ u64be(chunk), where the flag marks the last chunk (§3.5). */
export function chunkNonce(chunk: number, last: boolean): Uint8Array {
  const nonce = new Uint8Array(NONCE_SIZE);
  nonce[0] = last ? 1 : 0;
  const view = new DataView(nonce.buffer, NONCE_COUNTER);
  view.setUint32(0, Math.floor(chunk / 2 ** 32));
  view.setUint32(4, chunk % 2 ** 32);
  return nonce;
}

/** root = SHA-256("cai/model/v1/root" ‖ 0 ‖ coreHash ‖ SHA-256(index plaintext with its padding)): the artefact's identity (§3.6). */
export function artefactRoot(coreHash: Uint8Array, indexPlaintext: Uint8Array): string {
  const root = sha256(new TextEncoder().encode(`${LABEL}root`), NUL, coreHash, sha256(indexPlaintext));
  return `sha256:${Buffer.from(root).toString("hex")}`;
}

export function sha256(...parts: Uint8Array[]): Uint8Array {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
}

/** X(label, context) = HKDF-Expand-SHA256(PRK, "cai/model/v1/" ‖ label ‖ 0 ‖ context, 32): one block, so one HMAC with counter 1. */
function derive(prk: Uint8Array, label: string, ...context: Uint8Array[]): Uint8Array {
  return hmac(prk, new TextEncoder().encode(LABEL + label), NUL, ...context, Uint8Array.of(1));
}

function hmac(key: Uint8Array, ...parts: Uint8Array[]): Uint8Array {
  const mac = createHmac("sha256", key);
  for (const part of parts) mac.update(part);
  return new Uint8Array(mac.digest());
}

/** The keys of one file, for chunks that come in order: it keeps that of the epoch used last, and wipes each one after its use. */
export class EpochKeys {
  readonly #prk: Uint8Array;
  readonly #chunksPerEpoch: number;
  readonly #fileNo: number;
  readonly #salts: readonly Uint8Array[];
  #epoch = -1;
  #key: Uint8Array = new Uint8Array();

  constructor(prk: Uint8Array, core: { readonly epoch: number }, file: { readonly fileNo: number; readonly salts: readonly Uint8Array[] }) {
    this.#prk = prk;
    this.#chunksPerEpoch = core.epoch;
    this.#fileNo = file.fileNo;
    this.#salts = file.salts;
  }

  /** @param chunk  a chunk's number within the file */
  of(chunk: number): Uint8Array {
    const epoch = Math.floor(chunk / this.#chunksPerEpoch);
    if (epoch !== this.#epoch) {
      this.wipe();
      this.#key = fileKey(this.#prk, this.#fileNo, epoch, this.#salts[epoch]!);
      this.#epoch = epoch;
    }
    return this.#key;
  }

  wipe(): void {
    this.#key.fill(0);
    this.#epoch = -1;
  }
}
