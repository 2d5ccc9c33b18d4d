import { resolve } from "node:path";
import { CaiError } from "../../system/index.ts";
import {
  type KeySurroundings,
  lockData,
  type MasterKeyForm,
  openMasterKeys,
  openStore,
  parseMasterKeyForm,
  type Store,
  type StoreKeys,
  settleMasterKey,
  storeExists,
} from "./store/index.ts";

/** Where the data of a trustee and its master key are. */
export interface DataPlace {
  readonly dataDir: string;
  /** the setting `--master-key`; see {@link parseMasterKeyForm} */
  readonly masterKey?: string | undefined;
  /** what of the process a master key may come from; default: nothing */
  readonly keySurroundings?: KeySurroundings | undefined;
}

/** @returns where the master key of a place is. @throws CaiError `cli.setting-invalid` */
export function masterKeyForm({ dataDir, masterKey, keySurroundings = {} }: DataPlace): MasterKeyForm {
  return parseMasterKeyForm(masterKey, resolve(dataDir), keySurroundings);
}

/** How a store is opened. */
interface Opening {
  /** as {@link openStore} takes it */
  readonly servingFrom?: number;
  /** the caller holds the data lock, so that a `rekey` that was interrupted can be finished */
  readonly settle?: true;
}

/**
 * Opens the store at a place with its master key: after an interrupted `rekey` with the one of two that it is sealed with.
 *
 * @throws CaiError `store.…`
 */
export async function openData(place: DataPlace, { servingFrom, settle }: Opening = {}): Promise<{ store: Store; keys: StoreKeys }> {
  const form = masterKeyForm(place);
  const candidates = await openMasterKeys(form, place.keySurroundings ?? {});
  let refused: unknown;
  for (const [i, keys] of candidates.entries()) {
    try {
      const store = openStore(resolve(place.dataDir), servingFrom, keys);
      if (i > 0 && settle) settleMasterKey(form);
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
  if (!storeExists(resolve(place.dataDir))) {
    throw new CaiError("store.unreadable", `there is no trustee in ${place.dataDir}`, { hint: `cai trustee init --data ${place.dataDir}` });
  }
  const lock = lockData(resolve(place.dataDir));
  try {
    const { store, keys } = await openData(place, { settle: true });
    try {
      return await work(store, keys);
    } finally {
      await store.close();
    }
  } finally {
    lock.release();
  }
}
