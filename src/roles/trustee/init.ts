import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { closeSync, constants, fsyncSync, lstatSync, mkdirSync, openSync, readFileSync, statSync, writeFileSync, writeSync } from "node:fs";
import { join, resolve } from "node:path";
import { templates } from "../../policy/index.ts";
import { CaiError } from "../../system/index.ts";
import { type DataPlace, masterKeyForm, openData, storePlace } from "./data.ts";
import { generateTrusteeKeys, loadTrusteeKeys } from "./identity.ts";
import { POLICY_IN_FORCE } from "./policy-ids.ts";
import {
  createStore,
  describeMasterKey,
  lockData,
  makeMasterKey,
  type StoreKeys,
  type StorePlace,
  storeExists,
  type World,
} from "./store/index.ts";

export interface InitRequest extends DataPlace {
  /** the world of a new store; an existing one must be of it */
  readonly simulated: boolean;
  /** seconds since 1970; default: the machine's clock */
  readonly clock?: () => number;
}

export interface InitResult {
  /** without the prefix `tid:` */
  readonly tid: string;
  readonly world: World;
  /** where the admin's private key was written, PKCS#8 PEM, mode 0600; the owner may have moved it since */
  readonly adminKeyPath: string;
  /** where the master key is, for people */
  readonly masterKey: string;
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
export async function initTrustee({ simulated, clock = wallClock, ...request }: InitRequest): Promise<InitResult> {
  const form = masterKeyForm(request);
  const directory = resolve(request.dataDir);
  const place = storePlace(request);
  prepareDirectory(directory);
  const world: World = simulated ? "simulated" : "production";
  let made: StoreKeys | undefined;
  const makeKeys = async () => {
    made = await makeMasterKey(form, request.keySurroundings ?? {});
    return made;
  };
  const created = !(await storeExists(place)) && (await createData(directory, place, { world, now: clock(), makeKeys }));
  const { store } = await openData(request, { made });
  try {
    if (store.world !== world) {
      throw new CaiError("trustee.world-mismatch", `${place.shown} is a store of the ${store.world} world, for ever`, {
        expected: world,
        got: store.world,
      });
    }
    const { tid } = await loadTrusteeKeys(store);
    return { tid, world, adminKeyPath: join(directory, "admin.key"), masterKey: describeMasterKey(form), created };
  } finally {
    await store.close();
  }
}

/** The machine's clock, whole seconds since 1970. */
export function wallClock(): number {
  return Math.floor(Date.now() / 1000);
}

/** @throws CaiError `trustee.data-unusable` */
export function prepareDirectory(directory: string): void {
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

/** What a new store is made with. */
interface NewData {
  readonly world: World;
  /** seconds since 1970 */
  readonly now: number;
  readonly makeKeys: () => Promise<StoreKeys>;
}

/** @returns false where somebody else made the store meanwhile */
async function createData(directory: string, place: StorePlace, { world, now, makeKeys }: NewData): Promise<boolean> {
  const lock = lockData(directory);
  try {
    if (await storeExists(place)) return false;
    const keys = await makeKeys();
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
