import type { FakeGuest } from "./fake-guest.ts";
import { type Faults, Outblob, Provider } from "./faults.ts";
import { attribute, folder, type Handle, KernelError, type KernelFile, type KernelFolder } from "./kernel-tree.ts";

const INBLOB_MAX = 64;
const OUTBLOB_MAX = 32 * 1024;
const PRIVLEVEL_MAX = 3;
const text = (value: string | number) => new TextEncoder().encode(`${value}\n`);

/**
 * The folder of configfs-tsm's reports, as Linux has it: attributes come with an entry, binary attributes are taken when they are closed, quotes are
 * made when they are first read and kept until something is written.
 *
 * @param told  hears of each step, for tests that look at their order
 */
export function tsmReports(guest: FakeGuest, faults: Faults, told: (step: string) => void): KernelFolder {
  return {
    ...folder(),
    mkdir(name) {
      if (faults.get("provider") === Provider.none) throw new KernelError("ENXIO");
      told(`mkdir ${name}`);
      return new Entry(guest, faults, told).folder();
    },
    rmdir: (name) => told(`rmdir ${name}`),
  };
}

/** One entry: a request for a report, and the report. */
class Entry {
  readonly #guest: FakeGuest;
  readonly #faults: Faults;
  readonly #told: (step: string) => void;
  readonly #sev: boolean;
  #inblob = new Uint8Array();
  #generation = 0;
  #readGeneration = 0;
  #outblob: Uint8Array | undefined;

  constructor(guest: FakeGuest, faults: Faults, told: (step: string) => void) {
    this.#guest = guest;
    this.#faults = faults;
    this.#told = told;
    this.#sev = faults.get("provider") === Provider.sev;
  }

  folder(): KernelFolder {
    const made = folder({
      provider: attribute({ show: () => text(this.#sev ? "sev_guest" : "tdx_guest") }),
      generation: attribute({ show: () => this.#step("generation", () => text(this.#generation)) }),
      inblob: this.#inblobFile(),
      outblob: this.#outblobFile(),
    });
    // The driver says which attributes there are; that of TDX has no privilege levels.
    if (this.#sev) {
      made.children.set("privlevel", attribute({ store: (bytes) => this.#setPrivilegeLevel(bytes) }));
      made.children.set("privlevel_floor", attribute({ show: () => text(0) }));
    }
    return made;
  }

  /** Taken when it is closed, and what goes wrong then is seen by nobody (configfs drops the result). */
  #inblobFile(): KernelFile {
    return {
      kind: "file",
      mode: 0o200,
      size: 0,
      open: ({ read }) => {
        if (read) throw new KernelError("EACCES");
        let written: Uint8Array | undefined;
        return {
          write: (offset, bytes) => {
            if (this.#faults.takes("inblobBusy")) throw new KernelError("EBUSY");
            if (offset + bytes.length > INBLOB_MAX) throw new KernelError("EFBIG");
            const grown = new Uint8Array(Math.max(written?.length ?? 0, offset + bytes.length));
            grown.set(written ?? new Uint8Array());
            grown.set(bytes, offset);
            written = grown;
            this.#told(`inblob ${bytes.length} at ${offset}`);
            return bytes.length;
          },
          close: () => {
            if (written === undefined || this.#faults.takes("inblobDropped")) return;
            this.#take(written);
          },
        };
      },
    };
  }

  #outblobFile(): KernelFile {
    return {
      kind: "file",
      mode: 0o444,
      size: 0,
      open: ({ write }): Handle => {
        if (write) throw new KernelError("EACCES");
        let kept: Uint8Array | undefined;
        return {
          read: (offset, size) => {
            kept ??= this.#step("outblob", () => this.#read());
            return kept.subarray(offset, offset + size);
          },
        };
      },
    };
  }

  #setPrivilegeLevel(bytes: Uint8Array): void {
    const value = new TextDecoder().decode(bytes).trim();
    if (!/^\d+$/.test(value) || Number(value) > PRIVLEVEL_MAX) throw new KernelError("EINVAL");
    this.#generation++;
  }

  #take(inblob: Uint8Array): void {
    this.#generation++;
    this.#inblob = Uint8Array.from(inblob);
  }

  #read(): Uint8Array {
    if (this.#faults.get("hold") === 1) {
      this.#told("held");
      this.#faults.wait("hold");
    }
    if (this.#faults.takes("raced")) this.#take(new Uint8Array(INBLOB_MAX).fill(0xbb));
    if (this.#inblob.length === 0) throw new KernelError("EINVAL");
    if (this.#outblob === undefined || this.#readGeneration !== this.#generation) {
      this.#outblob = this.#report();
      this.#readGeneration = this.#generation;
    }
    if (this.#outblob.length > OUTBLOB_MAX && this.#faults.get("outblob") !== Outblob.endless) throw new KernelError("EFBIG");
    return this.#outblob;
  }

  /** What the driver does: it asks the host, and waits. */
  #report(): Uint8Array {
    if (this.#faults.takes("outblobBusy")) throw new KernelError("EBUSY");
    if (this.#inblob.length !== INBLOB_MAX) throw new KernelError("EINVAL");
    if (this.#faults.takes("outblobIo")) throw new KernelError("EIO");
    if (this.#faults.takes("outblobInterrupted")) throw new KernelError("EINTR");
    if (this.#faults.takes("outblobTimeout")) throw new KernelError("ETIMEDOUT");
    switch (this.#faults.get("outblob")) {
      case Outblob.empty:
        return new Uint8Array();
      case Outblob.garbage:
        return new Uint8Array(4000).fill(0x5a);
      case Outblob.short:
        return this.#guest.quote(this.#inblob).subarray(0, 1020);
      case Outblob.otherReportData:
        return this.#guest.quote(new Uint8Array(INBLOB_MAX).fill(0xee));
      case Outblob.endless:
        return Buffer.concat([this.#guest.quote(this.#inblob), new Uint8Array(100 * 1024)]);
      default:
        return Buffer.concat([this.#guest.quote(this.#inblob), new Uint8Array(70)]);
    }
  }

  #step<T>(name: string, run: () => T): T {
    this.#told(name);
    return run();
  }
}
