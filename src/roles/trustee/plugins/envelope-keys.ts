import { createPublicKey, generateKeyPair, randomBytes } from "node:crypto";
import { promisify } from "node:util";
import { CaiError } from "../../../system/index.ts";
import { takePrivateKey } from "../own-key.ts";
import type { Store } from "../store/index.ts";
import { type EnvelopeKey, openEnvelope, parseEnvelope, rewrapEnvelope } from "./envelope.ts";

const MODULUS_BITS = 3072;
/** How long a key that another one took the place of still opens envelopes, seconds: whoever fetched it before the change may use it after. */
const RETIRED_LIFE = 30 * 86_400;
/** Resources that are looked at before other requests have their turn. */
const TURN = 64;
/** How often a resource is tried that is written meanwhile. */
const ATTEMPTS = 3;

const PREFIX = "envelope/";
const NAME = /^envelope\/(\d{8})-(\d{12})-[0-9a-f]{8}$/;

interface ManagedKey extends EnvelopeKey {
  readonly name: string;
  readonly generation: number;
  /** seconds since 1970 */
  readonly created: number;
}

/** What became of the resources of a store. */
export interface Rewrapping {
  readonly total: number;
  readonly rewrapped: number;
  /** no envelopes, or encrypted to the newest key already */
  readonly skipped: number;
  /** envelopes that no key opens, and resources that were written again and again meanwhile */
  readonly failed: number;
}

export interface Rotation extends Omit<Rewrapping, "total"> {
  /** SPKI PEM of the new key */
  readonly publicKey: string;
  /** keys that another one took the place of and that are kept */
  readonly retired: number;
  /** keys that were deleted */
  readonly purged: number;
}

/**
 * The keys that envelopes are encrypted to: RSA, sealed among the store's own keys (trustee.md §3.3). A name tells generation and time of making;
 * the newest is the one that is given out. Several replicas may make keys at the same moment, and all of them count.
 */
export class EnvelopeKeys {
  readonly #store: Pick<Store, "ownKeys" | "resources">;
  readonly #loaded = new Map<string, ManagedKey>();
  #busy = false;

  constructor(store: Pick<Store, "ownKeys" | "resources">) {
    this.#store = store;
  }

  /** @returns what stored content gives: an envelope's plaintext, anything else as it is. @throws CaiError `kbs.envelope-unreadable` */
  async open(content: Uint8Array): Promise<Uint8Array> {
    const envelope = parseEnvelope(content);
    return envelope === undefined ? content : openEnvelope(envelope, await this.#keys()).plaintext;
  }

  /** @returns SPKI PEM of the newest key; the first is made when it is first asked for */
  async publicKey(now: number): Promise<string> {
    const [newest] = await this.#keys();
    return pemOf(newest ?? (await this.#make(undefined, now)));
  }

  /** Reads all keys from the store again. @returns how many there are */
  async reload(): Promise<number> {
    this.#loaded.clear();
    return (await this.#keys()).length;
  }

  /** Wraps the content keys of all envelopes for the newest key. @throws CaiError `kbs.busy` while that is under way already */
  rewrap(): Promise<Rewrapping> {
    return this.#alone(async () => this.#rewrapAll(await this.#keys()));
  }

  /** Makes a new key and wraps everything for it. Where an envelope failed, the keys before stay, however old. @throws CaiError `kbs.busy` */
  rotate(now: number): Promise<Rotation> {
    return this.#alone(async () => {
      const newest = await this.#make((await this.#keys())[0], now);
      const keys = await this.#keys();
      const { total: _, ...counts } = await this.#rewrapAll(keys);
      const purged = counts.failed > 0 ? 0 : await this.#purge(keys, now);
      return { publicKey: pemOf(newest), ...counts, retired: keys.length - 1 - purged, purged };
    });
  }

  /** @returns all keys, the newest first */
  async #keys(): Promise<ManagedKey[]> {
    const names = (await this.#store.ownKeys.names()).filter((name) => name.startsWith(PREFIX));
    for (const name of this.#loaded.keys()) if (!names.includes(name)) this.#loaded.delete(name);
    for (const name of names) {
      if (this.#loaded.has(name)) continue;
      const der = await this.#store.ownKeys.get(name);
      if (der !== undefined) this.#loaded.set(name, managedKey(name, der));
    }
    return [...this.#loaded.values()].sort((a, b) => (a.name < b.name ? 1 : -1));
  }

  async #make(newest: ManagedKey | undefined, now: number): Promise<ManagedKey> {
    const { privateKey } = await promisify(generateKeyPair)("rsa", { modulusLength: MODULUS_BITS });
    const generation = String((newest?.generation ?? 0) + 1).padStart(8, "0");
    // Random at the end, so that two replicas never write one name.
    const name = `${PREFIX}${generation}-${String(now).padStart(12, "0")}-${randomBytes(4).toString("hex")}`;
    const der = privateKey.export({ format: "der", type: "pkcs8" });
    await this.#store.ownKeys.put(name, der);
    const key = managedKey(name, der);
    this.#loaded.set(name, key);
    return key;
  }

  async #rewrapAll(keys: readonly ManagedKey[]): Promise<Rewrapping> {
    const counts = { total: 0, rewrapped: 0, skipped: 0, failed: 0 };
    for (const { path } of await this.#store.resources.list()) {
      counts[await this.#rewrapOne(path, keys)]++;
      if (++counts.total % TURN === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    return counts;
  }

  async #rewrapOne(path: string, keys: readonly ManagedKey[]): Promise<"rewrapped" | "skipped" | "failed"> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const outcome = await this.#tryRewrap(path, keys);
      if (outcome !== "changed") return outcome;
    }
    return "failed";
  }

  async #tryRewrap(path: string, keys: readonly ManagedKey[]): Promise<"rewrapped" | "skipped" | "failed" | "changed"> {
    const content = await this.#store.resources.get(path);
    if (content === undefined) return "skipped";
    try {
      const envelope = parseEnvelope(content);
      if (envelope === undefined) return "skipped";
      const { plaintext, key } = openEnvelope(envelope, keys);
      plaintext.fill(0);
      const [newest] = keys;
      if (newest === undefined || (key === newest && envelope.alg === "RSA-OAEP-256")) return "skipped";
      const after = rewrapEnvelope(envelope, key, newest);
      return (await this.#store.resources.exchange(path, content, after)) ? "rewrapped" : "changed";
    } catch (error) {
      if (CaiError.from(error).id === "kbs.envelope-unreadable") return "failed";
      throw error;
    } finally {
      content.fill(0);
    }
  }

  /** A key is retired since the next one was made. */
  async #purge(keys: readonly ManagedKey[], now: number): Promise<number> {
    let purged = 0;
    for (const [i, { name }] of keys.entries()) {
      const successor = keys[i - 1];
      if (successor === undefined || successor.created + RETIRED_LIFE > now) continue;
      if (await this.#store.ownKeys.delete(name)) purged++;
      this.#loaded.delete(name);
    }
    return purged;
  }

  async #alone<T>(work: () => Promise<T>): Promise<T> {
    if (this.#busy) throw new CaiError("kbs.busy", "envelopes are being wrapped already");
    this.#busy = true;
    try {
      return await work();
    } finally {
      this.#busy = false;
    }
  }
}

/** @param der  PKCS#8; it is overwritten */
function managedKey(name: string, der: Uint8Array): ManagedKey {
  const [, generation, created] = NAME.exec(name) ?? [];
  if (generation === undefined || created === undefined)
    throw new CaiError("store.unreadable", "the store has an envelope key of another name");
  const privateKey = takePrivateKey(der);
  const bits = privateKey.asymmetricKeyDetails?.modulusLength;
  if (bits === undefined) throw new CaiError("store.unreadable", "the store has an envelope key that is no RSA key");
  const publicKey = createPublicKey(privateKey);
  return { name, generation: Number(generation), created: Number(created), privateKey, publicKey, size: Math.ceil(bits / 8) };
}

function pemOf({ publicKey }: EnvelopeKey): string {
  return publicKey.export({ format: "pem", type: "spki" }) as string;
}
