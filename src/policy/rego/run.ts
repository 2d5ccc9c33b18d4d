import { CaiError, type JsonValue } from "../../system/index.ts";

/** What a run may consume; members as `PolicyLimits` documents them. */
export interface Budget {
  readonly steps: number;
  readonly milliseconds: number;
  readonly depth: number;
  readonly members: number;
  readonly characters: number;
}

export interface RunSettings {
  readonly budget: Budget;
  /** milliseconds of a clock that never goes back */
  readonly clock: () => number;
  readonly lenient: boolean;
  /** nanoseconds since 1970; undefined where the caller gave no time */
  readonly now: bigint | undefined;
  readonly referenceValue: ((id: string) => JsonValue) | undefined;
}

/** Most steps between two looks at the clock. Slow steps bring the looks closer together. */
const MAXIMUM_INTERVAL = 256;
const SLOW_MILLISECONDS = 5;

/** What one evaluation has consumed, and what it was given besides documents. */
export class Run {
  readonly settings: RunSettings;
  #steps = 0;
  #interval = 8;
  #nextLook = 8;
  #lastLook: number;
  #depth = 0;
  readonly #start: number;

  constructor(settings: RunSettings) {
    this.settings = settings;
    this.#start = settings.clock();
    this.#lastLook = this.#start;
  }

  /** Counts work: one iteration, one call, or `amount` members or 64 characters. */
  tick(amount = 1): void {
    this.#steps += amount;
    if (this.#steps >= this.#nextLook) this.#look();
  }

  #look(): void {
    const { steps, milliseconds } = this.settings.budget;
    if (this.#steps > steps) throw exceeded(`expected at most ${steps} steps`);
    const now = this.settings.clock();
    if (now - this.#start > milliseconds) throw exceeded(`expected at most ${milliseconds} ms`);
    this.#interval = now - this.#lastLook > SLOW_MILLISECONDS ? 1 : Math.min(this.#interval * 2, MAXIMUM_INTERVAL);
    this.#lastLook = now;
    this.#nextLook = this.#steps + this.#interval;
  }

  enter(): void {
    this.tick();
    if (++this.#depth > this.settings.budget.depth) throw exceeded(`expected at most ${this.settings.budget.depth} nested calls`);
  }

  leave(): void {
    this.#depth--;
  }

  /** Refuses a collection that is too large, before it is made where its size is known. */
  members(count: number): void {
    if (count > this.settings.budget.members) throw exceeded(`expected a collection of at most ${this.settings.budget.members} members`);
    this.tick(count);
  }

  /** The same for a string's length. */
  characters(count: number): void {
    if (count > this.settings.budget.characters) {
      throw exceeded(`expected a string of at most ${this.settings.budget.characters} characters`);
    }
    this.tick(1 + (count >>> 6));
  }
}

function exceeded(message: string): CaiError {
  return new CaiError("policy.limit-exceeded", message, { hint: "a policy is given a budget; make it do less" });
}
