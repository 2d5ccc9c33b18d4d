/**
 * Starts a Worker of this program.
 *
 * A compiled executable holds its workers as extra entry points below the folder that `src/` was; a source tree holds them as files.
 * `scripts/build` finds worker files by their name (`*-worker.ts`).
 *
 * @param path  the worker's file below `src/`, for example `model/encrypt-worker.ts`
 */
export function startWorker(path: `${string}-worker.ts`): Worker {
  const inExecutable = import.meta.url.includes("/$bunfs/");
  return new Worker(new URL(inExecutable ? `/$bunfs/root/${path}` : `../${path}`, import.meta.url).href);
}
