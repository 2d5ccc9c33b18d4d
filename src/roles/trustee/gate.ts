import { CaiError } from "../../system/index.ts";

/** Seconds after which a refused client may try again. */
export const RETRY_AFTER = 2;

/** Lets a fixed number be under way at a time and refuses the rest, before anything of theirs is spent (security.md I40). */
export class Gate {
  readonly #slots: number;
  #running = 0;

  /** @param slots  how many are under way at a time */
  constructor(slots: number) {
    this.#slots = slots;
  }

  /** @throws CaiError `kbs.busy` where so many are under way; otherwise what `work` throws */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#slots) {
      throw new CaiError("kbs.busy", "the trustee has too much to do", { hint: `Try again in ${RETRY_AFTER} seconds.` });
    }
    this.#running++;
    try {
      return await work();
    } finally {
      this.#running--;
    }
  }
}
