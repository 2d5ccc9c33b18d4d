export interface FuzzSettings {
  /** 32 bits */
  readonly seed: number;
  /** asked before each case */
  readonly goesOn: () => boolean;
  /** hears of the number of each case before it runs, so that a crash can be found again */
  readonly started?: (number: number, text: string) => void;
}

/** What a run of a fuzzer did: its counts, and the case that took longest. */
export interface FuzzReport {
  readonly cases: number;
  readonly slowest: SlowestCase;
}

export interface SlowestCase {
  readonly milliseconds: number;
  readonly text: string;
}

/** Thrown for a case that shows an error of the program; the message has all that is needed to make it again. */
export class FuzzFinding extends Error {}
