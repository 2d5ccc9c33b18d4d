import { CaiError } from "../../../system/index.ts";

/** Requests that may wait (security.md I40). */
const WAITING = 32;

/**
 * Makes evidence one piece at a time: the hardware quotes one at a time anyway, and what changes the registers must not run in between. Requests over
 * the same report data share one piece.
 */
export class QuoteQueue<T> {
  readonly #running = new Map<string, Promise<T>>();
  #waiting = 0;
  #last: Promise<unknown> = Promise.resolve();

  /** @throws CaiError `agent.evidence-busy` where too many wait already, and what `make` throws */
  shared(reportData: Uint8Array, make: () => Promise<T>): Promise<T> {
    const key = reportData.toHex();
    const running = this.#running.get(key);
    if (running !== undefined) return running;
    const made = this.alone(make).finally(() => this.#running.delete(key));
    this.#running.set(key, made);
    return made;
  }

  /** Runs `work` while nothing else of this queue runs. @throws CaiError `agent.evidence-busy`, and what `work` throws */
  async alone<R>(work: () => Promise<R>): Promise<R> {
    if (this.#waiting >= WAITING) {
      throw new CaiError("agent.evidence-busy", `${WAITING} requests for evidence wait already`, { hint: "ask again in a few seconds" });
    }
    this.#waiting++;
    const before = this.#last;
    const done = Promise.withResolvers<void>();
    this.#last = done.promise;
    await before;
    this.#waiting--;
    try {
      return await work();
    } finally {
      done.resolve();
    }
  }
}
