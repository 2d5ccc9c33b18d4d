import { dirname, resolve } from "node:path";
import { CaiError } from "../../system/index.ts";
import {
  type DataLock,
  type KeySurroundings,
  lockData,
  type MasterKeyForm,
  openMasterKeys,
  openStore,
  parseMasterKeyForm,
  parseStorePlace,
  type Store,
  type StoreKeys,
  type StorePlace,
  settleMasterKey,
  storeExists,
} from "./store/index.ts";

/** Where the data of a trustee and its master key are. */
export interface DataPlace {
  readonly dataDir: string;
  /** the setting `--store`: `sqlite:PATH` or `postgres://…`; default: `trustee.db` in the data directory */
  readonly store?: string | undefined;
  /** the setting `--master-key`; see {@link parseMasterKeyForm} */
  readonly masterKey?: string | undefined;
  /** what of the process a master key may come from; default: nothing */
  readonly keySurroundings?: KeySurroundings | undefined;
}

/** @returns where the master key of a place is. @throws CaiError `cli.setting-invalid` */
export function masterKeyForm({ dataDir, masterKey, keySurroundings = {} }: DataPlace): MasterKeyForm {
  return parseMasterKeyForm(masterKey, resolve(dataDir), keySurroundings);
}

/** @returns where the store of a place is. @throws CaiError `cli.setting-invalid` */
export function storePlace({ dataDir, store }: DataPlace): StorePlace {
  return parseStorePlace(store, resolve(dataDir));
}

/**
 * Takes the lock of a store in a file, which is one trustee's; a database server has any number of them, and no lock.
 *
 * @throws CaiError `trustee.data-in-use`
 */
export function lockPlace(place: DataPlace): DataLock | undefined {
  const store = storePlace(place);
  return store.kind === "sqlite" ? lockData(dirname(store.path)) : undefined;
}

/** How a store is opened. */
interface Opening {
  /** as {@link openStore} takes it */
  readonly servingFrom?: number;
  /** the caller holds the data lock, so that a `rekey` that was interrupted can be finished */
  readonly settle?: true;
  /** the keys, where the caller has just made them: nobody is asked for a passphrase that was just given */
  readonly made?: StoreKeys | undefined;
}

/**
 * Opens the store at a place with its master key: after an interrupted `rekey` with the one of two that it is sealed with.
 *
 * @throws CaiError `store.…`
 */
export async function openData(place: DataPlace, { servingFrom, settle, made }: Opening = {}): Promise<{ store: Store; keys: StoreKeys }> {
  const form = masterKeyForm(place);
  const candidates = made === undefined ? await openMasterKeys(form, place.keySurroundings ?? {}) : [{ keys: made, waits: false }];
  let refused: unknown;
  for (const { keys, waits } of candidates) {
    try {
      const store = await openStore(storePlace(place), keys, servingFrom);
      if (waits && settle) settleMasterKey(form);
      return { store, keys };
    } catch (error) {
      // Another key than the store's looks like a store that somebody wrote to.
      if (!(error instanceof CaiError) || error.id !== "store.record-tampered") throw error;
      refused ??= error;
    }
  }
  throw refused;
}

/**
 * Does something with the store at a place, which no trustee works on meanwhile.
 *
 * @throws CaiError `trustee.data-in-use`, `store.…`, and what `work` throws
 */
export async function withData<T>(place: DataPlace, work: (store: Store, keys: StoreKeys) => Promise<T>): Promise<T> {
  if (!(await storeExists(storePlace(place)))) {
    throw new CaiError("store.missing", `there is no trustee in ${place.dataDir}`, { hint: `cai trustee init --data ${place.dataDir}` });
  }
  const lock = lockPlace(place);
  try {
    const { store, keys } = await openData(place, { settle: true });
    try {
      return await work(store, keys);
    } finally {
      await store.close();
    }
  } finally {
    lock?.release();
  }
}
