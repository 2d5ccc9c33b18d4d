/** What the fake kernel does wrong, in memory that both threads see: how often something is still to happen, unless said otherwise. */
const PLACES = [
  /** 1 while reads of `outblob` wait */
  "hold",
  /** writes to `inblob` that give EBUSY at once */
  "inblobBusy",
  /** writes to `inblob` that the kernel drops when the file is closed, where nobody sees the error */
  "inblobDropped",
  "outblobBusy",
  "outblobTimeout",
  "outblobInterrupted",
  "outblobIo",
  /** reads of `outblob` before which somebody else writes report data into the entry */
  "raced",
  /** reads of `outblob` that give other bytes than a quote: see `Outblob` */
  "outblob",
  /** which kind of TEE the driver speaks for: see `Provider` */
  "provider",
] as const;

export type FaultName = (typeof PLACES)[number];

/** Values of the place `outblob`. */
export const Outblob = { quote: 0, empty: 1, garbage: 2, otherReportData: 3, endless: 4, short: 5 } as const;
/** Values of the place `provider`. */
export const Provider = { tdx: 0, sev: 1, none: 2 } as const;

export class Faults {
  readonly memory: SharedArrayBuffer;
  readonly #places: Int32Array;

  constructor(memory = new SharedArrayBuffer(PLACES.length * 4)) {
    this.memory = memory;
    this.#places = new Int32Array(memory);
  }

  get(name: FaultName): number {
    return Atomics.load(this.#places, PLACES.indexOf(name));
  }

  set(name: FaultName, value: number): void {
    Atomics.store(this.#places, PLACES.indexOf(name), value);
    Atomics.notify(this.#places, PLACES.indexOf(name));
  }

  /** @returns true, and counts down, where it is still to happen */
  takes(name: FaultName): boolean {
    if (this.get(name) <= 0) return false;
    Atomics.sub(this.#places, PLACES.indexOf(name), 1);
    return true;
  }

  /** Blocks this thread while the place is 1. */
  wait(name: FaultName): void {
    Atomics.wait(this.#places, PLACES.indexOf(name), 1);
  }

  clear(): void {
    for (const name of PLACES) this.set(name, 0);
  }
}
