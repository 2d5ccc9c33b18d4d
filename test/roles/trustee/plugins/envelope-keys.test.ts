import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { createCipheriv, createPublicKey, publicEncrypt, randomBytes } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { initTrustee } from "../../../../src/roles/trustee/init.ts";
import { EnvelopeKeys } from "../../../../src/roles/trustee/plugins/index.ts";
import type { Store } from "../../../../src/roles/trustee/store/index.ts";
import { asyncRejection } from "../../../rejection.ts";
import { START } from "../kbs-world.ts";
import { openData, scratchData } from "../scratch.ts";

const DAY = 86_400;
let store: Store;
let dataDir: string;
let end: () => Promise<void>;
beforeEach(async () => {
  const data = scratchData();
  dataDir = data.dataDir;
  await initTrustee({ dataDir, simulated: true, clock: () => START });
  store = await openData(dataDir, START);
  end = async () => {
    await store.close();
    data.remove();
  };
});
afterEach(() => end());

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();

function envelope(pem: string, secret: string): Uint8Array {
  const [cek, iv] = [randomBytes(32), randomBytes(12)];
  const cipher = createCipheriv("aes-256-gcm", cek, iv);
  const ciphertext = Buffer.concat([cipher.update(secret), cipher.final()]);
  const wrapped = publicEncrypt({ key: createPublicKey(pem), oaepHash: "sha256" }, cek);
  const members = { enc_key: wrapped, iv, ciphertext, tag: cipher.getAuthTag() };
  const encoded = Object.entries(members).map(([name, bytes]) => [name, Buffer.from(bytes).toString("base64")]);
  return Buffer.from(JSON.stringify({ alg: "RSA-OAEP-256", ...Object.fromEntries(encoded) }));
}

const put = (path: string, value: Uint8Array) => store.resources.putAll([{ path, value }], true);
const get = async (path: string) => (await store.resources.get(path))!;

describe("the keys of envelopes", () => {
  test("are made when the first is asked for, and kept sealed", async () => {
    const keys = new EnvelopeKeys(store);
    expect(await keys.reload()).toBe(0);
    const pem = await keys.publicKey(START);
    expect(await keys.publicKey(START + 1)).toBe(pem);
    expect(await new EnvelopeKeys(store).publicKey(START)).toBe(pem);
    const [name = ""] = (await store.ownKeys.names()).filter((each) => each.startsWith("envelope/"));
    const der = Buffer.from((await store.ownKeys.get(name))!);
    for (const file of readdirSync(dataDir)) {
      const bytes = readFileSync(join(dataDir, file));
      for (const part of [der.subarray(100, 140), der.subarray(-60, -20)]) expect(bytes.includes(part)).toBe(false);
    }
  });

  test("that two replicas make at the same moment are both kept, and both see one as the newest", async () => {
    const [one, two] = [new EnvelopeKeys(store), new EnvelopeKeys(store)];
    const made = await Promise.all([one.publicKey(START), two.publicKey(START)]);
    const now = await Promise.all([one.publicKey(START), two.publicKey(START)]);
    expect(now[0]).toBe(now[1]);
    expect(made).toContain(now[0]);
    for (const pem of made) expect(text(await one.open(envelope(pem, "secret")))).toBe("secret");
  });

  test("that were replaced open envelopes for thirty days more, and are deleted with the next rotation after", async () => {
    const keys = new EnvelopeKeys(store);
    const first = await keys.publicKey(START);
    await put("a/b/c", envelope(first, "secret"));
    const rotation = await keys.rotate(START + DAY);
    expect(rotation).toMatchObject({ rewrapped: 1, skipped: 0, failed: 0, retired: 1, purged: 0 });
    expect(rotation.publicKey).not.toBe(first);
    expect(text(await keys.open(await get("a/b/c")))).toBe("secret");
    expect(text(await keys.open(envelope(first, "late")))).toBe("late");
    expect(await keys.rotate(START + 31 * DAY - 1)).toMatchObject({ retired: 2, purged: 0 });
    expect(await keys.rotate(START + 31 * DAY)).toMatchObject({ retired: 2, purged: 1 });
    expect((await asyncRejection(keys.open(envelope(first, "too late")))).id).toBe("kbs.envelope-unreadable");
    expect(text(await keys.open(await get("a/b/c")))).toBe("secret");
  }, 60_000);

  test("stay, however old, while an envelope fails", async () => {
    const keys = new EnvelopeKeys(store);
    await put(
      "a/b/broken",
      envelope(await new EnvelopeKeys(store).publicKey(START), "x").map((byte, i) => (i === 40 ? byte ^ 1 : byte)),
    );
    await keys.rotate(START);
    expect(await keys.rotate(START + 365 * DAY)).toMatchObject({ failed: 1, retired: 2, purged: 0 });
  }, 60_000);

  test("of another replica are seen at once, also deleted ones", async () => {
    const [one, two] = [new EnvelopeKeys(store), new EnvelopeKeys(store)];
    const first = await one.publicKey(START);
    const { publicKey } = await two.rotate(START);
    expect(await one.publicKey(START)).toBe(publicKey);
    await two.rotate(START + 40 * DAY);
    expect((await asyncRejection(one.open(envelope(first, "x")))).id).toBe("kbs.envelope-unreadable");
  }, 60_000);

  test("are rotated by one at a time", async () => {
    const keys = new EnvelopeKeys(store);
    const [first, second] = await Promise.allSettled([keys.rotate(START), keys.rewrap()]);
    expect(first.status).toBe("fulfilled");
    expect(second).toMatchObject({ status: "rejected", reason: { id: "kbs.busy" } });
    expect(await keys.rewrap()).toEqual({ total: 0, rewrapped: 0, skipped: 0, failed: 0 });
  }, 60_000);
});

test("an envelope that an administrator replaces while it is wrapped anew is not lost", async () => {
  const keys = new EnvelopeKeys(store);
  const old = await keys.publicKey(START);
  await put("a/b/c", envelope(old, "before"));
  let replaced = false;
  const resources: Store["resources"] = {
    get: (path) => store.resources.get(path),
    putAll: (entries, replace) => store.resources.putAll(entries, replace),
    delete: (path) => store.resources.delete(path),
    list: () => store.resources.list(),
    async exchange(path, before, after) {
      if (!replaced) await put("a/b/c", envelope(old, "after"));
      replaced = true;
      return store.resources.exchange(path, before, after);
    },
  };
  const { ownKeys } = store;
  const busy = new EnvelopeKeys({ ownKeys, resources });
  expect(await busy.rotate(START + 1)).toMatchObject({ rewrapped: 1, failed: 0 });
  expect(text(await busy.open(await get("a/b/c")))).toBe("after");
}, 60_000);

test("one value takes the place of another only while that is there", async () => {
  const bytes = (value: string) => Buffer.from(value);
  await put("a/b/c", bytes("one"));
  expect(await store.resources.exchange("a/b/c", bytes("other"), bytes("two"))).toBe(false);
  expect(await store.resources.exchange("a/b/d", bytes("one"), bytes("two"))).toBe(false);
  expect(text(await get("a/b/c"))).toBe("one");
  expect(await store.resources.exchange("a/b/c", bytes("one"), bytes("two"))).toBe(true);
  expect(text(await get("a/b/c"))).toBe("two");
  expect(await store.resources.get("a/b/d")).toBeUndefined();
});
