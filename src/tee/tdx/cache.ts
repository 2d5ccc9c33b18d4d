import { createHash } from "node:crypto";

const DEFAULT_LIMIT = 512;

/**
 * Remembers what was verified, by the digest of everything that the verification looked at, so that the same certificates, lists and documents
 * are paid for once (tdx.md §6, Budget). Only successes are kept; dates are never part of a remembered verdict. Bounded: the entry that was used
 * longest ago goes first.
 */
export class VerificationCache {
  readonly #entries = new Map<string, unknown>();
  readonly #limit: number;

  /** @param limit  the number of entries kept */
  constructor(limit: number = DEFAULT_LIMIT) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#entries.size;
  }

  /**
   * @param kind   names the verification; one kind always gives the same type
   * @param parts  all of its inputs
   * @returns what `verify` returned for these inputs; where it throws, nothing is remembered
   */
  remember<T>(kind: string, parts: readonly (Uint8Array | string)[], verify: () => T): T {
    const hash = createHash("sha256").update(kind);
    for (const part of parts) hash.update(`\0${Buffer.byteLength(part)}\0`).update(part);
    const key = hash.digest("base64");
    const known = this.#entries.get(key);
    if (known !== undefined) {
      this.#entries.delete(key);
      this.#entries.set(key, known);
      return known as T;
    }
    const value = verify();
    if (this.#entries.size >= this.#limit) {
      const oldest = this.#entries.keys().next().value;
      if (oldest !== undefined) this.#entries.delete(oldest);
    }
    this.#entries.set(key, value);
    return value;
  }
}
