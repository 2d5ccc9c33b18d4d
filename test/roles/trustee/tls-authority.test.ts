import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { createPrivateKey, createPublicKey, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseCertificates } from "../../../src/crypto/index.ts";
import { initTrustee } from "../../../src/roles/trustee/index.ts";
import type { Store } from "../../../src/roles/trustee/store/index.ts";
import { openTlsAuthority, readTlsAuthority } from "../../../src/roles/trustee/tls-authority.ts";
import { START } from "./kbs-world.ts";
import { openData, scratchData } from "./scratch.ts";

const YEAR = 365 * 86_400;
const NAMES = [{ dns: "trustee.example" }, { ip: Uint8Array.of(127, 0, 0, 1) }];
let store: Store;
let dataDir: string;
let remove: () => void;

beforeEach(async () => {
  ({ dataDir, remove } = scratchData());
  await initTrustee({ dataDir, simulated: true, clock: () => START });
  store = await openData(dataDir);
});
afterEach(async () => {
  await store.close();
  remove();
});

describe("the trustee's own authority for TLS", () => {
  test("issues certificates for one key, which stays, under the names that are asked for", async () => {
    const authority = await openTlsAuthority(store, START);
    const first = authority.issue(NAMES, START);
    const later = authority.issue(NAMES, START + YEAR);
    const [leaf, ca] = parseCertificates(first.certificate).map(({ der }) => new X509Certificate(der));
    expect(leaf!.checkIssued(ca!)).toBe(true);
    expect(leaf!.verify(ca!.publicKey)).toBe(true);
    expect(leaf!.checkHost("trustee.example")).toBe("trustee.example");
    expect(leaf!.checkIP("127.0.0.1")).toBe("127.0.0.1");
    expect(ca!.subject).toBe("CN=cai Simulated Trustee TLS CA");
    expect(createPublicKey(createPrivateKey(first.key)).equals(leaf!.publicKey)).toBe(true);
    expect([first.pin, later.pin, first.notAfter]).toEqual([authority.pin, authority.pin, START + 90 * 86_400]);
    expect(authority.pin).toMatch(/^spki:sha256:[\w-]{43}$/);
  });

  test("is one for all replicas, also where two find none at once", async () => {
    const [one, other] = await Promise.all([openTlsAuthority(store, START), openTlsAuthority(store, START)]);
    expect([other.ca, other.pin]).toEqual([one.ca, one.pin]);
    const names = (await store.ownKeys.names()).filter((name) => name.startsWith("tls-"));
    expect(names.map((name) => name.split("/")[0])).toEqual(["tls-authority", "tls-server"]);
    expect((await readTlsAuthority({ dataDir }, START)).ca).toBe(one.ca);
  });

  test("certifies itself anew by the same key before it ends", async () => {
    const old = await openTlsAuthority(store, START);
    const renewed = await openTlsAuthority(store, START + 9 * YEAR);
    expect(renewed.pin).toBe(old.pin);
    expect(renewed.ca).not.toBe(old.ca);
    // Whoever was given the old certificate still takes what is issued.
    const leaf = new X509Certificate(renewed.issue(NAMES, START + 9 * YEAR).certificate);
    expect(leaf.verify(new X509Certificate(old.ca).publicKey)).toBe(true);
    expect((await openTlsAuthority(store, START + 9 * YEAR)).ca).toBe(renewed.ca);
  });

  test("has its keys sealed: neither is in the database as it is", async () => {
    const { key } = (await openTlsAuthority(store, START)).issue(NAMES, START);
    const database = Buffer.concat(["trustee.db", "trustee.db-wal"].map((name) => readFileSync(join(dataDir, name))));
    const secret = createPrivateKey(key).export({ format: "jwk" }).d!;
    expect(database.includes(Buffer.from(secret, "base64url"))).toBe(false);
  });
});
