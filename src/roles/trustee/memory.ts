/** Below this a process is left alone, bytes. */
const SMALL = 130e6;
/** How much must have been gained since the process was smallest, bytes: a collection that finds nothing is time that requests wait. */
const GAIN = 12e6;
/** Milliseconds between two collections: each keeps requests waiting for some 40 ms. */
const PAUSE_MS = 1900;

/** What the process is asked, and told. */
export interface Memory {
  /** @returns the resident set, bytes */
  resident(): number;
  /** Collects all garbage, and waits for that. */
  collect(): void;
  /** milliseconds of a clock that never goes back */
  now(): number;
}

const thisProcess: Memory = {
  resident: () => process.memoryUsage.rss(),
  collect: () => Bun.gc(true),
  now: () => performance.now(),
};

/**
 * Keeps a process that answers many requests small. What requests leave behind outlives the runtime's small collections where they wait for the
 * disk together, and the runtime makes a large one only when there is twice as much as was in use.
 *
 * @returns to be called again and again
 */
export function memoryKeeper(memory: Memory = thisProcess): () => void {
  let smallest = Number.POSITIVE_INFINITY;
  let collected = Number.NEGATIVE_INFINITY;
  return () => {
    const resident = memory.resident();
    smallest = Math.min(smallest, resident);
    const due = resident > Math.max(SMALL, smallest + GAIN) && memory.now() - collected >= PAUSE_MS;
    if (!due) return;
    memory.collect();
    collected = memory.now();
    smallest = Number.POSITIVE_INFINITY;
  };
}
