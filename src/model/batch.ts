const BATCH_BYTES = 8 * 1024 * 1024;
const BATCH_FILES = 256;

/** Cuts a list of files into jobs that are worth a message to a thread: up to 8 MiB or 256 files each, one larger file alone. */
export function batchFiles<Item>(items: readonly Item[], sizeOf: (item: Item) => number): Item[][] {
  const batches: Item[][] = [];
  let room = 0;
  for (const item of items) {
    const batch = batches.at(-1);
    if (batch === undefined || batch.length === BATCH_FILES || sizeOf(item) > room) {
      batches.push([item]);
      room = BATCH_BYTES - sizeOf(item);
    } else {
      batch.push(item);
      room -= sizeOf(item);
    }
  }
  return batches;
}
