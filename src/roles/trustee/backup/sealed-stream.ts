import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes, timingSafeEqual } from "node:crypto";
import { CaiError } from "../../../system/index.ts";
import { ByteReader } from "./byte-reader.ts";

/*
 * The form of a backup file:
 *
 *   "cai/backup/v1\n" ‖ u32be length ‖ header (JSON) ‖ check[32] ‖ chunk …
 *   chunk = u32be (length of the plaintext, highest bit set in the last one) ‖ ciphertext ‖ tag[16]
 *
 * Each file has a key of its own, derived from the caller's, the header and 32 random bytes in front of it, so chunks are numbered from 0 and
 * no two files share a pair of key and nonce. AES-256-GCM; nonce = last (0 or 1) ‖ 3 zero bytes ‖ u64be number. A chunk that was changed,
 * moved, dropped or put in does not open, and a file that was cut lacks the chunk that says that it is the last.
 */
const MAGIC = Buffer.from("cai/backup/v1\n");
const MAX_HEADER = 4096;
const SALT_SIZE = 32;
const CHECK_SIZE = 32;
const TAG_SIZE = 16;
const LAST = 0x8000_0000;
/** Bytes of plaintext in a chunk; the last may have fewer. */
export const CHUNK_SIZE = 65_536;

/** A backup's header as it stands in the file, and the keys that it leads to. */
export interface SealedStream {
  /** JSON */
  readonly header: string;
  /**
   * Opens what follows the header.
   *
   * @param key  32 bytes, the one that it was sealed with
   * @throws CaiError `store.backup-key-wrong` for another key, or a header that was changed
   */
  open(key: Uint8Array): AsyncIterable<Uint8Array>;
}

/**
 * Seals a stream of bytes.
 *
 * @param key     32 bytes, used for nothing else
 * @param header  JSON, at most 4 KiB; everybody can read it, nobody can change it
 * @returns the bytes of the file, in pieces
 */
export async function* sealStream(key: Uint8Array, header: string, content: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  const salt = randomBytes(SALT_SIZE);
  const head = Buffer.from(header);
  if (head.length > MAX_HEADER) throw new RangeError("the header is too long");
  const { fileKey, check } = keysOf(key, salt, head);
  try {
    yield Buffer.concat([MAGIC, salt, u32be(head.length), head, check]);
    let number = 0;
    let waiting: Uint8Array[] = [];
    let size = 0;
    for await (const part of content) {
      waiting.push(part);
      size += part.length;
      // One byte stays, so that what comes last is known to be the last.
      if (size <= CHUNK_SIZE) continue;
      let bytes: Uint8Array = Buffer.concat(waiting);
      for (; bytes.length > CHUNK_SIZE; bytes = bytes.subarray(CHUNK_SIZE)) {
        yield sealChunk(fileKey, number++, bytes.subarray(0, CHUNK_SIZE), false);
      }
      waiting = [bytes];
      size = bytes.length;
    }
    yield sealChunk(fileKey, number, Buffer.concat(waiting), true);
  } finally {
    fileKey.fill(0);
  }
}

/**
 * Reads the header of a sealed stream.
 *
 * @throws CaiError `store.backup-unknown` for anything else than a backup of this version; `store.backup-truncated`
 */
export async function readSealedStream(file: AsyncIterable<Uint8Array>): Promise<SealedStream> {
  const reader = new ByteReader(file);
  const magic = await reader.upTo(MAGIC.length);
  if (!MAGIC.equals(magic)) throw new CaiError("store.backup-unknown", "the file is no backup of a trustee that this version can read");
  const salt = await take(reader, SALT_SIZE);
  const length = (await take(reader, 4)).readUInt32BE();
  if (length > MAX_HEADER) throw new CaiError("store.backup-unknown", "the header of the backup is too long");
  const head = await take(reader, length);
  const given = await take(reader, CHECK_SIZE);
  return {
    header: head.toString("utf8"),
    open(key) {
      const { fileKey, check } = keysOf(key, salt, head);
      if (!timingSafeEqual(check, given)) {
        fileKey.fill(0);
        throw new CaiError("store.backup-key-wrong", "the backup was sealed with another key, or its header was changed");
      }
      return openChunks(reader, fileKey);
    },
  };
}

async function* openChunks(reader: ByteReader, fileKey: Uint8Array): AsyncIterable<Uint8Array> {
  try {
    for (let number = 0, last = false; !last; number++) {
      const word = (await take(reader, 4)).readUInt32BE();
      last = word >= LAST;
      const length = last ? word - LAST : word;
      if (length > CHUNK_SIZE) throw tampered();
      const sealed = await take(reader, length + TAG_SIZE);
      yield openChunk(fileKey, number, sealed, last);
    }
    if ((await reader.upTo(1)).length > 0) throw tampered();
  } finally {
    fileKey.fill(0);
  }
}

function keysOf(key: Uint8Array, salt: Uint8Array, header: Uint8Array): { fileKey: Uint8Array; check: Uint8Array } {
  const info = Buffer.concat([Buffer.from("cai/backup/v1\0"), createHash("sha256").update(header).digest()]);
  const both = new Uint8Array(hkdfSync("sha256", key, salt, info, 32 + CHECK_SIZE));
  return { fileKey: both.subarray(0, 32), check: both.subarray(32) };
}

function sealChunk(key: Uint8Array, number: number, plaintext: Uint8Array, last: boolean): Uint8Array {
  const cipher = createCipheriv("aes-256-gcm", key, nonce(number, last));
  const sealed = [cipher.update(plaintext), cipher.final()];
  return Buffer.concat([u32be(last ? LAST + plaintext.length : plaintext.length), ...sealed, cipher.getAuthTag()]);
}

function openChunk(key: Uint8Array, number: number, sealed: Buffer, last: boolean): Uint8Array {
  const decipher = createDecipheriv("aes-256-gcm", key, nonce(number, last));
  decipher.setAuthTag(sealed.subarray(sealed.length - TAG_SIZE));
  try {
    return Buffer.concat([decipher.update(sealed.subarray(0, sealed.length - TAG_SIZE)), decipher.final()]);
  } catch {
    throw tampered();
  }
}

function nonce(number: number, last: boolean): Uint8Array {
  const bytes = Buffer.alloc(12);
  bytes[0] = last ? 1 : 0;
  bytes.writeBigUInt64BE(BigInt(number), 4);
  return bytes;
}

function u32be(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

async function take(reader: ByteReader, size: number): Promise<Buffer> {
  const bytes = await reader.upTo(size);
  if (bytes.length === size) return bytes;
  throw new CaiError("store.backup-truncated", "the backup ends before its end");
}

function tampered(): CaiError {
  return new CaiError("store.backup-tampered", "the backup is not as it was written");
}
