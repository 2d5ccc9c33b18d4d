import { createDecipheriv, createHash, hkdfSync, timingSafeEqual } from "node:crypto";

/** What an artefact held, by path: bytes, a symlink's target, or a directory. */
export type SlowTree = Map<string, { bytes: Uint8Array } | { target: string } | "directory">;

/**
 * A second reader of the container, written from model-format.md §3 and nothing else: slow, whole in memory, and sharing no code with
 * the one under test, so that both being wrong in the same way is unlikely.
 */
export function slowDecode(tar: Uint8Array, kek: Uint8Array): { tree: SlowTree; root: string } {
  const members = readTar(tar);
  const header = JSON.parse(text(members[0]!.body));
  const coreBytes = Buffer.from(header.core, "base64url");
  const core = JSON.parse(coreBytes.toString());
  const id = Buffer.from(core.id, "base64url");
  const coreHash = sha256(coreBytes);
  const slot = header.slots[0];
  const wrapKey = hkdf(kek, id, Buffer.concat([Buffer.from("cai/model/v1/wrap\0"), coreHash]));
  const wrapped = Buffer.from(slot.w, "base64url");
  const aad = Buffer.concat([coreHash, sha256(Buffer.from(slot.uri ?? ""))]);
  const dek = gcm(wrapKey, Buffer.from(slot.n, "base64url"), wrapped, aad);
  // HKDF with the DEK as key material and the id as salt is extract and expand in one; every key of the artefact is one such call.
  const key = (label: string, context: Uint8Array) => hkdf(dek, id, Buffer.concat([Buffer.from(`cai/model/v1/${label}\0`), context]));
  if (!timingSafeEqual(key("commit", coreHash), Buffer.from(header.commit, "base64url"))) throw new Error("commitment");

  const indexBody = members.find(({ name }) => name === "index")!.body;
  const indexKey = key("index", Buffer.concat([coreHash, indexBody.subarray(0, 32)]));
  const plaintext = openAll(indexBody.subarray(32), core.chunk, () => indexKey);
  const stream = Buffer.concat(members.filter(({ name }) => name.startsWith("data/")).map(({ body }) => body));
  const index = JSON.parse(text(plaintext));
  const tree: SlowTree = new Map();
  for (const [number, entry] of index.files.entries()) {
    if (entry.t === "d") tree.set(entry.p, "directory");
    else if (entry.t === "l") tree.set(entry.p, { target: entry.to });
    else {
      const chunks = Math.ceil(entry.s / core.chunk);
      const sealed = stream.subarray(entry.o, entry.o + entry.s + 16 * chunks);
      const bytes = openAll(sealed, core.chunk, (chunk) => {
        const epoch = Math.floor(chunk / core.epoch);
        const numbers = Buffer.alloc(8);
        numbers.writeUInt32BE(entry.r ?? number, 0);
        numbers.writeUInt32BE(epoch, 4);
        return key("file", Buffer.concat([numbers, Buffer.from(entry.k[epoch], "base64url")]));
      });
      if (entry.h !== undefined && sha256(bytes).toString("hex") !== entry.h) throw new Error(`digest of ${entry.p}`);
      tree.set(entry.p, { bytes });
    }
  }
  const root = sha256(Buffer.concat([Buffer.from("cai/model/v1/root\0"), coreHash, sha256(plaintext)]));
  return { tree, root: `sha256:${root.toString("hex")}` };
}

function readTar(tar: Uint8Array): { name: string; body: Buffer }[] {
  const members: { name: string; body: Buffer }[] = [];
  for (let at = 0; tar[at] !== 0; ) {
    const name = text(tar.subarray(at, at + 100)).replace(/\0.*$/s, "");
    const size = Number.parseInt(text(tar.subarray(at + 124, at + 135)), 8);
    members.push({ name, body: Buffer.from(tar.subarray(at + 512, at + 512 + size)) });
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return members;
}

function openAll(sealed: Uint8Array, chunkSize: number, keyOf: (chunk: number) => Uint8Array): Buffer {
  const count = Math.ceil(sealed.length / (chunkSize + 16));
  const plain: Buffer[] = [];
  for (let chunk = 0; chunk < count; chunk++) {
    const nonce = Buffer.alloc(12);
    nonce[0] = chunk === count - 1 ? 1 : 0;
    nonce.writeBigUInt64BE(BigInt(chunk), 4);
    plain.push(gcm(keyOf(chunk), nonce, sealed.subarray(chunk * (chunkSize + 16), (chunk + 1) * (chunkSize + 16))));
  }
  return Buffer.concat(plain);
}

function gcm(key: Uint8Array, nonce: Uint8Array, sealed: Uint8Array, aad?: Uint8Array): Buffer {
  const decipher = createDecipheriv("aes-256-gcm", key, nonce);
  if (aad !== undefined) decipher.setAAD(aad);
  decipher.setAuthTag(sealed.subarray(-16));
  return Buffer.concat([decipher.update(sealed.subarray(0, -16)), decipher.final()]);
}

function hkdf(material: Uint8Array, salt: Uint8Array, info: Uint8Array): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", material, salt, info, 32));
}

function sha256(bytes: Uint8Array): Buffer {
  return createHash("sha256").update(bytes).digest();
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
