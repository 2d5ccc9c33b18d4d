import { CaiError } from "../../../system/index.ts";

/** What became of one item of a batch. */
export type Outcome<R> = { readonly value: R } | { readonly error: unknown };

/**
 * Group commit: what is asked for while a transaction is under way goes into the next one together, so that many who wait share one
 * transaction and one wait for the disk.
 */
export class Batcher<T, R> {
  readonly #flush: (items: readonly T[]) => Promise<readonly Outcome<R>[]>;
  readonly #max: number;
  readonly #ready: () => Promise<void>;
  #waiting: { readonly item: T; readonly resolve: (value: R) => void; readonly reject: (error: unknown) => void }[] = [];
  #running: Promise<void> | undefined;

  /**
   * @param flush  does all of it in one transaction, and says of each item, in order, what became of it; what it throws is everybody's
   * @param max    how many items go into one transaction at most
   * @param ready  what is waited for before a transaction begins: its items are those that are there afterwards
   */
  constructor(flush: (items: readonly T[]) => Promise<readonly Outcome<R>[]>, max: number, ready = async () => {}) {
    this.#flush = flush;
    this.#max = max;
    this.#ready = ready;
  }

  add(item: T): Promise<R> {
    return new Promise<R>((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject });
      this.#running ??= this.#run();
    });
  }

  /** Waits until nothing is under way or waiting. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  async #run(): Promise<void> {
    // Whoever asks within the same turn of the event loop comes along.
    await new Promise<void>((resolve) => setImmediate(resolve));
    while (this.#waiting.length > 0) {
      await this.#ready();
      const batch = this.#waiting.splice(0, this.#max);
      try {
        const outcomes = await this.#flush(batch.map(({ item }) => item));
        for (const [i, { resolve, reject }] of batch.entries()) {
          const outcome = outcomes[i] ?? { error: new CaiError("internal.unexpected", "a batch answered fewer items than it was given") };
          if ("error" in outcome) reject(outcome.error);
          else resolve(outcome.value);
        }
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    this.#running = undefined;
  }
}
