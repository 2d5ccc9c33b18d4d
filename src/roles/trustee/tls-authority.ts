import { createHash, createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { buildCertificate, certificatePem, parseCertificate, type SubjectAltName } from "../../crypto/index.ts";
import { type DataPlace, openData } from "./data.ts";
import { wallClock } from "./init.ts";
import { BACKDATED, issuance } from "./issuance.ts";
import { ownCertificate, ownPrivateKey } from "./own-key.ts";
import type { Store, World } from "./store/index.ts";
import { type TlsMaterial, tlsPin } from "./tls-material.ts";

/** Seconds. Agents are given the authority's certificate once, so it lives long; a server's is made anew again and again. */
const AUTHORITY_LIFE = 10 * 365 * 86_400;
const SERVER_LIFE = 90 * 86_400;
/** An authority that ends sooner than this certifies itself anew, by the same key: whoever trusts its old certificate still does until that ends. */
const AUTHORITY_MARGIN = 2 * 365 * 86_400;

/** Rows of the table of certificates: base64 of DER. A row also says which private key is in force, whose name in the store ends with its digest. */
const ROWS = { authority: "tls-authority", server: "tls-server" } as const;

/** The trustee's own certificate authority for TLS: one a store, so that every replica over it has the same pin. */
export interface TlsAuthority {
  /** PEM of the authority's certificate, for agents (`--ca`) */
  readonly ca: string;
  /** `spki:sha256:…` of the key that every certificate of {@link issue} is for */
  readonly pin: string;
  /**
   * Makes a certificate for the store's TLS key, good for 90 days.
   *
   * @param names  what the server is reached as
   * @param now    seconds since 1970
   */
  issue(names: readonly SubjectAltName[], now: number): TlsMaterial;
}

/**
 * Opens the authority of a store, making it where there is none yet.
 *
 * @param now  seconds since 1970
 * @throws CaiError `store.…`
 */
export async function openTlsAuthority(store: Store, now: number): Promise<TlsAuthority> {
  const rows = await store.rows("certificates");
  if (!rows.has(ROWS.authority) || !rows.has(ROWS.server)) await create(store, now);
  const authority = await privateKey(store, ROWS.authority);
  const server = await privateKey(store, ROWS.server);
  const certificate = await currentAuthority(store, authority, now);
  const ca = certificatePem(certificate);
  const key = server.export({ format: "pem", type: "pkcs8" }) as string;
  return {
    ca,
    pin: tlsPin(createPublicKey(server)),
    issue(names, at) {
      const notAfter = at + SERVER_LIFE;
      const leaf = serverCertificate(store.world, authority, spki(server), names, at);
      return { certificate: certificatePem(leaf) + ca, key, pin: tlsPin(createPublicKey(server)), notAfter };
    },
  };
}

/**
 * Reads the authority of a place, whether or not a trustee runs on it.
 *
 * @throws CaiError `store.…`
 */
export async function readTlsAuthority(place: DataPlace, now: number = wallClock()): Promise<TlsAuthority> {
  const { store } = await openData(place);
  try {
    return await openTlsAuthority(store, now);
  } finally {
    await store.close();
  }
}

/**
 * Two replicas may find an empty store at once. Each keeps its keys under names of their own; the one whose certificates come first is the authority,
 * and the other takes its keys back.
 */
async function create(store: Store, now: number): Promise<void> {
  const authority = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
  const server = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
  const made = {
    [ROWS.authority]: authorityCertificate(store.world, authority, now),
    [ROWS.server]: serverCertificate(store.world, authority, spki(server), [], now),
  };
  const keys = { [keyName(ROWS.authority, spki(authority))]: authority, [keyName(ROWS.server, spki(server))]: server };
  for (const [name, key] of Object.entries(keys)) {
    const der = key.export({ format: "der", type: "pkcs8" });
    await store.ownKeys.put(name, der);
    der.fill(0);
  }
  let first = false;
  await store.change(["certificates"], ({ certificates }) => {
    first = !certificates.has(ROWS.authority) && !certificates.has(ROWS.server);
    const put = Object.entries(made).map(([name, der]) => [name, Buffer.from(der).toString("base64")] as const);
    return first ? { certificates: { put } } : {};
  });
  if (!first) for (const name of Object.keys(keys)) await store.ownKeys.delete(name);
}

/** @returns DER of the authority's certificate, made anew where it would end soon */
async function currentAuthority(store: Store, authority: KeyObject, now: number): Promise<Uint8Array> {
  const kept = await ownCertificate(store, ROWS.authority);
  if (parseCertificate(kept).notAfter - now > AUTHORITY_MARGIN) return kept;
  const made = authorityCertificate(store.world, authority, now);
  await store.change(["certificates"], () => ({ certificates: { put: [[ROWS.authority, Buffer.from(made).toString("base64")]] } }));
  return made;
}

function authorityCertificate(world: World, key: KeyObject, now: number): Uint8Array {
  return buildCertificate({
    ...issuance(key),
    subject: authorityName(world),
    issuer: authorityName(world),
    notBefore: now - BACKDATED,
    notAfter: now + AUTHORITY_LIFE,
    publicKey: spki(key),
    ca: { pathLength: 0 },
    keyUsage: ["keyCertSign", "cRLSign"],
  });
}

function serverCertificate(
  world: World,
  authority: KeyObject,
  publicKey: Uint8Array,
  names: readonly SubjectAltName[],
  now: number,
): Uint8Array {
  return buildCertificate({
    ...issuance(authority),
    subject: "cai Trustee",
    issuer: authorityName(world),
    notBefore: now - BACKDATED,
    notAfter: now + SERVER_LIFE,
    publicKey,
    issuerPublicKey: spki(authority),
    keyUsage: ["digitalSignature"],
    keyPurposes: ["serverAuth"],
    ...(names.length > 0 && { subjectAltNames: names }),
  });
}

/** A simulated trustee has an authority of its own, whose name says so (security.md I11). */
const authorityName = (world: World): string => (world === "simulated" ? "cai Simulated Trustee TLS CA" : "cai Trustee TLS CA");

async function privateKey(store: Store, row: string): Promise<KeyObject> {
  const certificate = await ownCertificate(store, row);
  return ownPrivateKey(store, keyName(row, parseCertificate(certificate).publicKey.spki));
}

const keyName = (row: string, spki: Uint8Array): string => `${row}/${createHash("sha256").update(spki).digest("base64url")}`;
const spki = (key: KeyObject): Uint8Array => createPublicKey(key).export({ format: "der", type: "spki" });
