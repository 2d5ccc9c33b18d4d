import type { Artefact } from "./artefact.ts";
import { batchFiles } from "./batch.ts";
import { type CrewPlan, suitableWorkers, withCrew } from "./crew.ts";
import type { FileEntry, IndexEntry } from "./entry.ts";
import { chunkCount } from "./layout.ts";
import { openUnsealer, type UnsealJob, type UnsealSetup } from "./unseal.ts";

/** How long work on a whole artefact is watched, spread and ended. */
export interface WorkOptions {
  /** told the bytes of plaintext done and in total, as they grow */
  readonly progress?: (done: number, total: number) => void;
  /** threads; 0 works on the calling one. Default: one a core, none for a small model or one that is no local file */
  readonly workers?: number;
  readonly signal?: AbortSignal;
}

/** From this size on a file is opened by several threads, where it needs not be hashed. */
const LARGE_FILE = 64 * 1024 * 1024;

/** The files that have bytes of their own: hard links left out. */
export function ownFiles(entries: readonly IndexEntry[]): FileEntry[] {
  return entries.filter((entry) => entry.kind === "file").filter((file) => file.linkOf === undefined);
}

/** @returns true where the chunks of `file` are opened by several jobs, so that the file must be made before them */
export function isSplit(file: FileEntry, digest: boolean): boolean {
  return !digest && file.size >= LARGE_FILE;
}

/**
 * Opens every chunk of every file, on all cores.
 *
 * @throws CaiError `model.block-corrupt`, `model.digest-mismatch`, `model.truncated`, `model.source-failed`, `model.interrupted`,
 *   `cli.output-failed`
 */
export async function unsealFiles(artefact: Artefact, target: Pick<UnsealSetup, "into" | "digest">, options: WorkOptions): Promise<void> {
  const files = ownFiles(artefact.entries);
  const total = files.reduce((sum, file) => sum + file.size, 0);
  const { source, header, prk } = artefact;
  let done = 0;
  const setup: UnsealSetup = {
    ...target,
    prk: prk.slice(),
    core: header.core,
    ...(source.file !== undefined && { archive: { ...source.file, size: source.size } }),
  };
  const crew: CrewPlan<UnsealSetup, UnsealJob, undefined> = {
    worker: "model/unseal-worker.ts",
    open: (local, progress) => openUnsealer(local, progress, source),
    workers: source.file === undefined ? 0 : (options.workers ?? suitableWorkers(total)),
    setup,
    progress(bytes) {
      done += bytes;
      options.progress?.(done, total);
    },
  };
  const jobs = planJobs(files, header.core, target.digest);
  try {
    await withCrew(crew, options.signal, (hands) =>
      Promise.all(
        hands.map(async (hand) => {
          for (let job = jobs.shift(); job !== undefined; job = jobs.shift()) await hand.run(job);
        }),
      ),
    );
  } finally {
    setup.prk.fill(0);
  }
}

/** Large pieces first, so that no thread is left with one at the end. */
function planJobs(files: readonly FileEntry[], core: Parameters<typeof chunkCount>[0], digest: boolean): UnsealJob[] {
  const jobs: UnsealJob[] = [];
  const whole: FileEntry[] = [];
  for (const file of [...files].sort((a, b) => b.size - a.size)) {
    if (!isSplit(file, digest)) {
      whole.push(file);
      continue;
    }
    const count = chunkCount(core, file.size);
    const step = LARGE_FILE / core.chunk;
    for (let first = 0; first < count; first += step) jobs.push({ kind: "chunks", file, first, end: Math.min(count, first + step) });
  }
  for (const files of batchFiles(whole, (file) => file.size)) jobs.push({ kind: "files", files });
  return jobs;
}
