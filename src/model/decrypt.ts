import { closeSync, ftruncateSync } from "node:fs";
import { link, lutimes, mkdir, readdir, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { CaiError } from "../system/index.ts";
import type { Artefact } from "./artefact.ts";
import type { IndexEntry } from "./entry.ts";
import { errorCode } from "./source.ts";
import { createOutput } from "./unseal.ts";
import { isSplit, ownFiles, unsealFiles, type WorkOptions } from "./unseal-files.ts";

const DIRECTORY_MODE = 0o700;

/**
 * Writes the plaintext of an artefact into a directory that is empty or not there yet. Only its owner may read what is made. Every
 * block is authenticated before it is written; on any failure what was made is removed again.
 *
 * @throws CaiError `cli.output-exists` where the directory holds something, `cli.output-failed`, `model.block-corrupt` naming file
 *   and block, `model.truncated`, `model.source-failed`, `model.interrupted`
 */
export async function decryptArtefact(artefact: Artefact, into: string, options: WorkOptions = {}): Promise<void> {
  const made = await makeTarget(into);
  try {
    await makeTree(artefact, into, options);
  } catch (error) {
    await removeTarget(into, made);
    throw error instanceof CaiError ? error : failed(into, error);
  }
}

async function makeTree({ entries, ...rest }: Artefact, into: string, options: WorkOptions): Promise<void> {
  for (const { kind, path } of entries) if (kind === "directory") await mkdir(join(into, path), { mode: DIRECTORY_MODE });
  for (const file of ownFiles(entries)) {
    if (!isSplit(file, false)) continue;
    const fd = createOutput(into, file);
    try {
      ftruncateSync(fd, file.size);
    } finally {
      closeSync(fd);
    }
  }
  await unsealFiles({ entries, ...rest }, { into, digest: false }, options);
  // Links come last, so that nothing is ever written through one.
  for (const entry of entries) {
    if (entry.kind === "symlink") await symlink(entry.target, join(into, entry.path));
    else if (entry.kind === "file" && entry.linkOf !== undefined) {
      await link(join(into, entries[entry.linkOf]!.path), join(into, entry.path));
    }
  }
  await setTimes(entries, into);
}

/** Deepest first: making a name in a directory changes the directory's time. */
async function setTimes(entries: readonly IndexEntry[], into: string): Promise<void> {
  for (const { path, mtime } of entries.toReversed()) if (mtime !== undefined) await lutimes(join(into, path), mtime, mtime);
}

/** @returns true where the directory was made, false where it was there and empty */
async function makeTarget(into: string): Promise<boolean> {
  try {
    await mkdir(into, { mode: DIRECTORY_MODE });
    return true;
  } catch (cause) {
    if (errorCode(cause) !== "EEXIST") throw failed(into, cause);
  }
  const names = await readdir(into).catch((cause) => {
    throw errorCode(cause) === "ENOTDIR" ? new CaiError("cli.output-exists", `${into} exists and is no directory`) : failed(into, cause);
  });
  if (names.length > 0) throw new CaiError("cli.output-exists", `${into} is not empty`, { hint: "give a directory that is empty or new" });
  return false;
}

async function removeTarget(into: string, made: boolean): Promise<void> {
  if (made) return rm(into, { recursive: true });
  for (const name of await readdir(into)) await rm(join(into, name), { recursive: true });
}

function failed(path: string, cause: unknown): CaiError {
  return new CaiError("cli.output-failed", `the model cannot be written to ${path}`, { got: errorCode(cause), cause });
}
