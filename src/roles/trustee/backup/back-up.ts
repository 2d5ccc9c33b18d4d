import { randomBytes } from "node:crypto";
import { closeSync, existsSync, fsyncSync, linkSync, openSync, rmSync, writeSync } from "node:fs";
import { CaiError } from "../../../system/index.ts";
import { type DataPlace, masterKeyForm, openData } from "../data.ts";
import { passphraseParameters, SCHEMA_VERSION, syncFolder, type World } from "../store/index.ts";
import type { BackupHeader } from "./backup-header.ts";
import { rowLines } from "./row-lines.ts";
import { sealStream } from "./sealed-stream.ts";

/** What a backup holds. */
export interface BackupContents {
  /** seconds since 1970 */
  readonly created: number;
  readonly world: World;
  /** rows by table */
  readonly rows: Readonly<Record<string, number>>;
}

/**
 * Writes everything that a trustee remembers into one file: one state of it, also while it serves. The file is encrypted and authenticated
 * under a key of its own that the master key leads to; secrets in it are sealed under the master key as well, which is not in it (security.md §5).
 *
 * @param path  where there is nothing yet; nothing is left there where it fails
 * @param now   seconds since 1970
 * @throws CaiError `cli.output-exists`, `cli.output-failed`, `store.…`
 */
export async function backUp(place: DataPlace, path: string, now: number, signal?: AbortSignal): Promise<BackupContents> {
  if (existsSync(path)) throw taken(path);
  const { store, keys } = await openData(place);
  try {
    const header: BackupHeader = { created: now, world: store.world, store: store.id, schema: SCHEMA_VERSION, ...passphraseOf(place) };
    const counts = new Map<string, number>();
    await writeNew(path, sealStream(keys.backup, JSON.stringify(header), rowLines(store.snapshot(), counts)), signal);
    return { created: now, world: store.world, rows: Object.fromEntries(counts) };
  } finally {
    await store.close();
  }
}

function passphraseOf(place: DataPlace): Pick<BackupHeader, "passphrase"> {
  const form = masterKeyForm(place);
  return form.kind === "passphrase" ? { passphrase: passphraseParameters(form.parameters) } : {};
}

/** Writes a file that others see when it is whole, and never in the place of another one. */
async function writeNew(path: string, content: AsyncIterable<Uint8Array>, signal: AbortSignal | undefined): Promise<void> {
  const unfinished = `${path}.${randomBytes(6).toHex()}`;
  try {
    const file = openSync(unfinished, "wx", 0o600);
    try {
      for await (const piece of content) {
        signal?.throwIfAborted();
        for (let at = 0; at < piece.length; ) at += writeSync(file, piece, at);
      }
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    linkSync(unfinished, path);
    syncFolder(path);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    if (cause instanceof CaiError) throw cause;
    if (code === "EEXIST") throw taken(path);
    throw new CaiError("cli.output-failed", `cannot write ${path}: ${code ?? cause}`, { ...(code !== undefined && { got: code }), cause });
  } finally {
    rmSync(unfinished, { force: true });
  }
}

function taken(path: string): CaiError {
  return new CaiError("cli.output-exists", `${path} is there already`);
}
