/** A stream of choices that one number determines, so that whatever was found can be made again. */
export class Random {
  #state: number;

  /** @param seed  32 bits */
  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** @returns 32 bits; a counter scrambled by multiplications and shifts */
  next(): number {
    this.#state = (this.#state + 0x9e3779b9) >>> 0;
    let bits = this.#state;
    bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
    bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
    return (bits ^ (bits >>> 16)) >>> 0;
  }

  /** @returns an integer from 0 to `bound` - 1 */
  below(bound: number): number {
    return this.next() % bound;
  }

  chance(oneIn: number): boolean {
    return this.below(oneIn) === 0;
  }

  of<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)]!;
  }

  list<T>(most: number, make: () => T): T[] {
    return Array.from({ length: this.below(most + 1) }, make);
  }
}
