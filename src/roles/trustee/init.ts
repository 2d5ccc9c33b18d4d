import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { closeSync, constants, fsyncSync, lstatSync, mkdirSync, openSync, readFileSync, statSync, writeFileSync, writeSync } from "node:fs";
import { join, resolve } from "node:path";
import { templates } from "../../policy/index.ts";
import { CaiError } from "../../system/index.ts";
import { generateTrusteeKeys, loadTrusteeKeys } from "./identity.ts";
import { POLICY_IN_FORCE } from "./policy-ids.ts";
import {
  createMasterKey,
  createStore,
  lockData,
  masterKeyPath,
  openStore,
  parseStorePlace,
  readMasterKey,
  type StorePlace,
  storeExists,
  type World,
} from "./store/index.ts";

export interface InitRequest {
  readonly dataDir: string;
  /** the world of a new store; an existing one must be of it */
  readonly simulated: boolean;
  /** where the store is to be; default: `trustee.db` in the data directory */
  readonly store?: string | undefined;
  /** seconds since 1970; default: the machine's clock */
  readonly clock?: () => number;
}

export interface InitResult {
  /** without the prefix `tid:` */
  readonly tid: string;
  readonly world: World;
  /** where the admin's private key was written, PKCS#8 PEM, mode 0600; the owner may have moved it since */
  readonly adminKeyPath: string;
  readonly masterKeyPath: string;
  /** false where the store was there already and nothing was written */
  readonly created: boolean;
}

/**
 * Makes a trustee's data directory, and its store there or in a database server: keys, policies that deny, and the admin key. Done again, it changes nothing.
 *
 * The database's first transaction is the last step: after a crash before it, the next call finishes with the files that are there.
 *
 * @throws CaiError `trustee.world-mismatch`, `trustee.data-in-use`, `trustee.data-unusable`, `store.…`
 */
export async function initTrustee({ dataDir, simulated, store: text, clock = wallClock }: InitRequest): Promise<InitResult> {
  const directory = resolve(dataDir);
  const place = parseStorePlace(text, directory);
  prepareDirectory(directory);
  const world: World = simulated ? "simulated" : "production";
  const created = !(await storeExists(place)) && (await createData(directory, place, world, clock()));
  const store = await openStore(place, readMasterKey(masterKeyPath(directory)));
  try {
    if (store.world !== world) {
      throw new CaiError("trustee.world-mismatch", `${place.shown} is a store of the ${store.world} world, for ever`, {
        expected: world,
        got: store.world,
      });
    }
    const { tid } = await loadTrusteeKeys(store);
    return { tid, world, adminKeyPath: join(directory, "admin.key"), masterKeyPath: masterKeyPath(directory), created };
  } finally {
    await store.close();
  }
}

/** The machine's clock, whole seconds since 1970. */
export function wallClock(): number {
  return Math.floor(Date.now() / 1000);
}

function prepareDirectory(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const { mode, uid } = statSync(directory);
    if ((mode & constants.S_IFMT) !== constants.S_IFDIR) throw new Error("not a directory");
    // Whoever can put files there before the store exists can put an admin key there, or a link to somewhere else.
    if (uid !== 0 && uid !== process.geteuid?.()) throw new Error(`it belongs to user ${uid}`);
    if ((mode & 0o002) !== 0) throw new Error("everybody may write to it");
  } catch (cause) {
    throw new CaiError("trustee.data-unusable", `${directory} cannot be made a data directory: ${(cause as Error).message}`, { cause });
  }
}

/** @returns false where somebody else made the store meanwhile */
async function createData(directory: string, place: StorePlace, world: World, now: number): Promise<boolean> {
  const lock = lockData(directory);
  try {
    if (await storeExists(place)) return false;
    const keys = createMasterKey(masterKeyPath(directory));
    const publicKey = adminPublicKey(directory);
    return await createStore(place, keys, {
      world,
      created: now,
      ...generateTrusteeKeys(world, now),
      administrators: { admin: publicKey },
      policies: [
        { kind: "attestation", id: POLICY_IN_FORCE, text: templates[world === "simulated" ? "attestation-simulated" : "attestation"] },
        { kind: "resource", id: POLICY_IN_FORCE, text: templates["deny-all"] },
      ],
    });
  } finally {
    lock.release();
  }
}

/** Makes the admin's key pair where `init` was not interrupted after it did. @returns SPKI PEM */
function adminPublicKey(directory: string): string {
  const path = join(directory, "admin.key");
  let privateKey: KeyObject;
  try {
    const file = openSync(path, "wx", 0o600);
    try {
      privateKey = generateKeyPairSync("ed25519").privateKey;
      writeSync(file, privateKey.export({ format: "pem", type: "pkcs8" }) as string);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "EEXIST") {
      throw new CaiError("trustee.data-unusable", `the admin key cannot be written to ${path}`, { cause });
    }
    privateKey = existingAdminKey(path);
  }
  const publicKey = createPublicKey(privateKey).export({ format: "pem", type: "spki" }) as string;
  writeFileSync(join(directory, "admin.pub"), publicKey, { mode: 0o644 });
  return publicKey;
}

function existingAdminKey(path: string): KeyObject {
  try {
    const { mode, uid } = lstatSync(path);
    const own = (mode & constants.S_IFMT) === constants.S_IFREG && (mode & 0o077) === 0 && uid === process.geteuid?.();
    const key = createPrivateKey(readFileSync(path));
    if (own && key.asymmetricKeyType === "ed25519") return key;
  } catch {
    // Said below, without the parser's words: they may quote the file.
  }
  throw new CaiError("trustee.data-unusable", `${path} is there, but is no Ed25519 private key that only this user may read`, {
    hint: "Move it away, then run init again.",
  });
}
