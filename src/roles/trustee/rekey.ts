import { timingSafeEqual } from "node:crypto";
import { chmodSync, constants, copyFileSync, rmSync } from "node:fs";
import { CaiError } from "../../system/index.ts";
import { type DataPlace, masterKeyForm, withData } from "./data.ts";
import {
  describeMasterKey,
  discardNextKey,
  type MasterKeyForm,
  makeNextKey,
  parseMasterKeyForm,
  settleMasterKey,
  syncFolder,
} from "./store/index.ts";

export interface RekeyRequest extends DataPlace {
  /** the setting `--master-key` of the new key; default: a new one in the place of the old one */
  readonly next?: string | undefined;
  /** where the old key's file is kept, for backups that were made with it */
  readonly keepOld?: string | undefined;
}

/**
 * Puts a trustee's store under another master key. The old key is there until the store is sealed with the new one, and both are while that is
 * not known, so that the store opens whenever this is interrupted.
 *
 * @returns where the new key is, and the file of the old one that was removed
 * @throws CaiError `cli.usage`, `cli.output-exists`, `trustee.data-in-use`, `store.…`
 */
export async function rekeyTrustee(request: RekeyRequest): Promise<{ masterKey: string; removed?: string }> {
  const { keySurroundings = {}, dataDir, next: setting, keepOld } = request;
  const used = masterKeyForm(request);
  const next = setting === undefined ? used : parseMasterKeyForm(setting, dataDir, keySurroundings);
  if (used.kind === "credential" && sameForm(used, next)) {
    throw new CaiError("cli.usage", "a credential is not this program's to replace", {
      expected: "--new-master-key with another credential, a file or a passphrase",
    });
  }
  return withData(request, async (store, keys) => {
    if (keepOld !== undefined) keepOldKey(used, keepOld);
    discardNextKey(used);
    const made = await makeNextKey(next, used, keySurroundings);
    // The same file by another name, above all: it would be removed as the old one, and the only key with it.
    if (timingSafeEqual(made.keys.mac, keys.mac))
      throw new CaiError("cli.usage", "the new master key is the one that the store is sealed with");
    await store.rekey(made.keys);
    if (made.waits) settleMasterKey(next);
    const removed = used.kind === "file" && !sameForm(used, next) ? used.path : undefined;
    if (removed !== undefined) rmSync(removed);
    return { masterKey: describeMasterKey(next), ...(removed !== undefined && { removed }) };
  });
}

function sameForm(one: MasterKeyForm, other: MasterKeyForm): boolean {
  return describeMasterKey(one) === describeMasterKey(other);
}

function keepOldKey(used: MasterKeyForm, place: string): void {
  if (used.kind !== "file") throw new CaiError("cli.usage", "--keep-old is for a master key in a file");
  try {
    copyFileSync(used.path, place, constants.COPYFILE_EXCL);
    chmodSync(place, 0o600);
    syncFolder(place);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "EEXIST") throw new CaiError("cli.output-exists", `${place} is there already`);
    throw new CaiError("cli.output-failed", `cannot write ${place}`, { cause });
  }
}
