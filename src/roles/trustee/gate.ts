import { CaiError } from "../../system/index.ts";

/** Seconds after which a refused client may try again. */
export const RETRY_AFTER = 2;

/** Lets a fixed number through at a time, keeps a bounded queue, and refuses the rest (security.md I40). */
export class Gate {
  readonly #slots: number;
  readonly #maxWaiting: number;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  /**
   * @param slots       how many run at a time
   * @param maxWaiting  how many wait at most
   */
  constructor(slots: number, maxWaiting: number) {
    this.#slots = slots;
    this.#maxWaiting = maxWaiting;
  }

  /** @throws CaiError `kbs.busy` where the queue is full; otherwise what `work` throws */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#slots) {
      if (this.#waiting.length >= this.#maxWaiting) {
        throw new CaiError("kbs.busy", "the trustee has too much to do", { hint: `Try again in ${RETRY_AFTER} seconds.` });
      }
      // The one that ends hands its slot over, so the count stays as it is.
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else {
      this.#running++;
    }
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    }
  }
}
