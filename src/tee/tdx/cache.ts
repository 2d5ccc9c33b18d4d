import { createHash } from "node:crypto";

const DEFAULT_LIMITS: CacheLimits = { entries: 512, bytes: 8 * 1024 * 1024 };
/** Longer texts are kept as their digest. */
const MAX_INLINE = 64;

/** Stands for bytes and texts that were hashed before. */
export class Fingerprint {
  readonly digest: string;
  /** of all that was hashed, bytes */
  readonly size: number;

  constructor(...parts: readonly (Uint8Array | string)[]) {
    const hash = createHash("sha256");
    let size = 0;
    for (const part of parts) {
      // A text is hashed as it is, unpaired surrogates and all: in UTF-8 they would look like the character that stands for a broken one.
      const bytes = typeof part !== "string" || part.isWellFormed() ? part : Buffer.from(part, "utf16le");
      const length = Buffer.byteLength(bytes);
      hash.update(`\0${typeof part === typeof bytes ? typeof part : "utf16"} ${length}\0`).update(bytes);
      size += length;
    }
    this.digest = hash.digest("base64");
    this.size = size;
  }
}

/** Fingerprints of objects that never change once they are made, each computed once. */
export class Fingerprints<T extends object> {
  readonly #known = new WeakMap<T, Fingerprint>();
  readonly #partsOf: (object: T) => readonly (Uint8Array | string)[];

  /** @param partsOf  everything of the object that counts */
  constructor(partsOf: (object: T) => readonly (Uint8Array | string)[]) {
    this.#partsOf = partsOf;
  }

  of(object: T): Fingerprint {
    let fingerprint = this.#known.get(object);
    if (fingerprint === undefined) {
      fingerprint = new Fingerprint(...this.#partsOf(object));
      this.#known.set(object, fingerprint);
    }
    return fingerprint;
  }
}

/** What one kind of verification may keep. */
export interface CacheLimits {
  readonly entries: number;
  /** of the inputs, which what is kept was made from */
  readonly bytes: number;
}

interface Entry {
  readonly value: unknown;
  readonly size: number;
}

/**
 * Remembers what was verified, by the digest of everything that the verification looked at, so that the same certificates, lists and documents
 * are paid for once (tdx.md §6, Budget). Only successes are kept; dates are never part of a remembered verdict. Bounded: of each kind, the entry
 * that was used longest ago goes first. A flood of one kind, say of one machine's certificates spelled in many ways, costs no other kind its place.
 */
export class VerificationCache {
  readonly #kinds = new Map<string, { readonly entries: Map<string, Entry>; bytes: number }>();
  readonly #limits: CacheLimits;

  /** @param limits  of each kind that has none of its own */
  constructor(limits: Partial<CacheLimits> = {}) {
    this.#limits = { ...DEFAULT_LIMITS, ...limits };
  }

  /** The number of entries. */
  get size(): number {
    return [...this.#kinds.values()].reduce((sum, { entries }) => sum + entries.size, 0);
  }

  /**
   * @param kind    names the verification; one kind always gives the same type
   * @param inputs  all that it looks at
   * @param limits  of this kind, where it has some of its own
   * @returns what `verify` returned for these inputs; where it throws, nothing is remembered
   */
  remember<T>(
    kind: string,
    inputs: readonly (Uint8Array | string | Fingerprint)[],
    verify: () => T,
    limits: CacheLimits = this.#limits,
  ): T {
    let key = "";
    let size = 0;
    for (const input of inputs) {
      if (typeof input === "string" && input.length <= MAX_INLINE) {
        key += `"${input.length} ${input}`;
        continue;
      }
      const fingerprint = input instanceof Fingerprint ? input : new Fingerprint(input);
      key += `#${fingerprint.digest}`;
      size += fingerprint.size;
    }
    const found = this.#kinds.get(kind);
    const known = found?.entries.get(key);
    if (found !== undefined && known !== undefined) {
      found.entries.delete(key);
      found.entries.set(key, known);
      return known.value as T;
    }
    const value = verify();
    this.#keep(kind, key, { value, size }, limits);
    return value;
  }

  #keep(kind: string, key: string, entry: Entry, { entries, bytes }: CacheLimits): void {
    if (entry.size > bytes) return;
    let kept = this.#kinds.get(kind);
    if (kept === undefined) {
      kept = { entries: new Map(), bytes: 0 };
      this.#kinds.set(kind, kept);
    }
    kept.entries.set(key, entry);
    kept.bytes += entry.size;
    for (const [oldest, { size }] of kept.entries) {
      if (kept.entries.size <= entries && kept.bytes <= bytes) break;
      kept.entries.delete(oldest);
      kept.bytes -= size;
    }
  }
}
