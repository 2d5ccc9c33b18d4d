import { createReadStream, existsSync, rmSync } from "node:fs";
import { resolve } from "node:path";
import { CaiError, writeWholeFile } from "../../../system/index.ts";
import { type DataPlace, lockPlace, masterKeyForm, openData, storePlace } from "../data.ts";
import { loadTrusteeKeys } from "../identity.ts";
import { prepareDirectory } from "../init.ts";
import { importStore, openMasterKeys, type StoreKeys, storeExists } from "../store/index.ts";
import type { BackupContents } from "./back-up.ts";
import { type BackupHeader, parseBackupHeader } from "./backup-header.ts";
import { linedRows } from "./row-lines.ts";
import { readSealedStream, type SealedStream } from "./sealed-stream.ts";

export interface RestoreRequest extends DataPlace {
  /** the backup */
  readonly file: string;
  /** the world that the caller expects */
  readonly simulated: boolean;
  /** seconds since 1970: nonces given out before are foreign to the restored trustee */
  readonly now: number;
}

export interface Restored extends BackupContents {
  /** without the prefix `tid:` */
  readonly tid: string;
}

/**
 * Makes a trustee of a backup, where there is none: all of it, in one transaction, or nothing. It has the identity of the one that was
 * backed up, so that one must not go on.
 *
 * @throws CaiError `store.not-empty`, `store.backup-…`, `store.master-key-…`, `trustee.world-mismatch`, `store.schema-unknown`, …
 */
export async function restoreTrustee(request: RestoreRequest): Promise<Restored> {
  const { stream, header } = await openBackup(request);
  const place = storePlace(request);
  prepareDirectory(resolve(request.dataDir));
  const lock = lockPlace(request);
  try {
    if (await storeExists(place)) throw new CaiError("store.not-empty", `there is a trustee at ${place.shown} already`);
    const fresh = place.kind === "sqlite" && !existsSync(place.path);
    const written = writeParameters(request, header);
    try {
      const [keys, content] = await unlock(stream, request);
      const counts = new Map<string, number>();
      await importStore(place, keys, linedRows(content, counts), request.now);
      const { store } = await openData(request);
      try {
        const { tid } = await loadTrusteeKeys(store);
        return { created: header.created, world: header.world, rows: Object.fromEntries(counts), tid };
      } finally {
        await store.close();
      }
    } catch (error) {
      if (fresh && !(await storeExists(place))) removeDatabase(place.path);
      if (written !== undefined) rmSync(written);
      throw error;
    }
  } finally {
    lock?.release();
  }
}

/** Reads a backup to its end and writes nothing. @throws CaiError as {@link restoreTrustee} */
export async function checkBackup(request: RestoreRequest): Promise<BackupContents> {
  const { stream, header } = await openBackup(request);
  const [, content] = await unlock(stream, request);
  const counts = new Map<string, number>();
  for await (const _ of linedRows(content, counts));
  return { created: header.created, world: header.world, rows: Object.fromEntries(counts) };
}

async function openBackup({ file, simulated }: RestoreRequest): Promise<{ stream: SealedStream; header: BackupHeader }> {
  const stream = await readSealedStream(piecesOf(file));
  const header = parseBackupHeader(stream.header);
  const expected = simulated ? "simulated" : "production";
  if (header.world === expected) return { stream, header };
  throw new CaiError("trustee.world-mismatch", `the backup is of a trustee of the ${header.world} world`, { expected, got: header.world });
}

async function* piecesOf(path: string): AsyncIterable<Uint8Array> {
  try {
    for await (const piece of createReadStream(path, { highWaterMark: 256 * 1024 })) yield piece as Uint8Array;
  } catch (error) {
    throw new CaiError("cli.input-unreadable", `cannot read ${path}`, { got: (error as NodeJS.ErrnoException).code ?? String(error) });
  }
}

/** A passphrase needs its parameters, which come with the backup. @returns the file that was written */
function writeParameters(request: RestoreRequest, { passphrase }: BackupHeader): string | undefined {
  const form = masterKeyForm(request);
  const parameters = form.kind === "passphrase" ? form.parameters : undefined;
  if (parameters === undefined || passphrase === undefined || existsSync(parameters)) return undefined;
  writeWholeFile(parameters, `${JSON.stringify(passphrase)}\n`, { mode: 0o600 });
  return parameters;
}

async function unlock(stream: SealedStream, request: RestoreRequest): Promise<[StoreKeys, AsyncIterable<Uint8Array>]> {
  const candidates = await openMasterKeys(masterKeyForm(request), request.keySurroundings ?? {});
  let refused: unknown;
  for (const { keys } of candidates) {
    try {
      return [keys, stream.open(keys.backup)];
    } catch (error) {
      refused ??= error;
    }
  }
  throw refused;
}

function removeDatabase(path: string): void {
  for (const suffix of ["", "-wal", "-shm", "-journal"]) rmSync(`${path}${suffix}`, { force: true });
}
