import type { Artefact } from "./artefact.ts";
import { chunkCount } from "./layout.ts";
import { ownFiles, unsealFiles, type WorkOptions } from "./unseal-files.ts";

/**
 * How much is checked (model-format.md §3.8): `header` is what opening the artefact checked already (key, commitment, index, root),
 * `chunks` every tag, `deep` every tag and each file's SHA-256.
 */
export type VerifyMode = "header" | "chunks" | "deep";

/** What an artefact holds, and how much of it was checked. */
export interface VerifyCounts {
  readonly files: number;
  readonly directories: number;
  readonly symlinks: number;
  /** plaintext of all files; the second name of a hard link counts nothing */
  readonly bytes: number;
  /** blocks whose tags were checked */
  readonly chunks: number;
  /** files whose digest was compared: fewer than there are where the artefact carries none */
  readonly digests: number;
}

/**
 * Checks an opened artefact.
 *
 * @throws CaiError `model.block-corrupt` naming file and block, `model.digest-mismatch`, `model.truncated`, `model.source-failed`,
 *   `model.interrupted`
 */
export async function verifyArtefact(artefact: Artefact, mode: VerifyMode, options: WorkOptions = {}): Promise<VerifyCounts> {
  if (mode !== "header") await unsealFiles(artefact, { digest: mode === "deep" }, options);
  const files = ownFiles(artefact.entries);
  const count = (kind: string) => artefact.entries.filter((entry) => entry.kind === kind).length;
  return {
    files: count("file"),
    directories: count("directory"),
    symlinks: count("symlink"),
    bytes: files.reduce((sum, file) => sum + file.size, 0),
    chunks: mode === "header" ? 0 : files.reduce((sum, file) => sum + chunkCount(artefact.header.core, file.size), 0),
    digests: mode === "deep" ? files.filter((file) => file.digest !== undefined).length : 0,
  };
}
