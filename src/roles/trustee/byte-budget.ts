import { CaiError } from "../../system/index.ts";

/** Bounds how many bytes of requests are held at a time, over all of them (security.md I40). */
export class ByteBudget {
  readonly #all: number;
  #free: number;

  constructor(bytes: number) {
    this.#all = bytes;
    this.#free = bytes;
  }

  get taken(): number {
    return this.#all - this.#free;
  }

  /** @throws CaiError `kbs.busy` where so many are not free */
  take(bytes: number): void {
    if (bytes > this.#free) throw new CaiError("kbs.busy", "the requests under way are too large together");
    this.#free -= bytes;
  }

  give(bytes: number): void {
    this.#free += bytes;
  }
}
