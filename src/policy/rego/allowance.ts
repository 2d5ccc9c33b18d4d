/** Nodes between two reports. */
const SLICE = 4096;
/** Nodes that count as one step of a run: looking at a value is quick beside calling a rule. */
const NODES_PER_STEP = 16;

let left = SLICE;
let report: ((steps: number) => void) | undefined;

/**
 * Counts work inside values: comparing them, finding them in sets, writing them out. A value that holds another one many times over has
 * far more nodes than memory shows, so no such walk may go uncounted.
 *
 * A module's state, for comparisons are everywhere and have no run at hand; evaluation is synchronous.
 *
 * @param nodes  values looked at; where text or a copy is made, 16 and one more for each 4 characters
 */
export function countNodes(nodes: number): void {
  left -= nodes;
  if (left >= 0) return;
  const steps = Math.ceil((SLICE - left) / NODES_PER_STEP);
  left = SLICE;
  report?.(steps);
}

/** Runs work whose {@link countNodes} goes to `count`, which throws where it is too much. */
export function countingNodes<T>(count: (steps: number) => void, work: () => T): T {
  const outer = report;
  report = count;
  try {
    return work();
  } finally {
    report = outer;
  }
}

/** Counts a node that is copied or written out. */
export function countWritten(characters = 0): void {
  countNodes(NODES_PER_STEP + (characters >>> 2));
}
