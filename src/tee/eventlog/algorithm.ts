import { createHash } from "node:crypto";

/** The digest algorithms of an event log: their TCG numbers, the names that claims use, and their sizes in bytes (tdx.md §4.2, trustee.md §6.0). */
export const DIGEST_ALGORITHMS = [
  { id: 0x0004, name: "SHA-1", size: 20 },
  { id: 0x000b, name: "SHA-256", size: 32 },
  { id: 0x000c, name: "SHA-384", size: 48 },
  { id: 0x000d, name: "SHA-512", size: 64 },
  { id: 0x0012, name: "SM3", size: 32 },
] as const;

export type DigestAlgorithm = (typeof DIGEST_ALGORITHMS)[number];
export type DigestName = DigestAlgorithm["name"];

/** The algorithm of a platform's measurement registers, by which a log of that platform is replayed. */
export interface LogHash {
  readonly name: DigestName;
  /** the digest of the parts put together, as many bytes as the algorithm has */
  digest(...parts: readonly Uint8Array[]): Uint8Array;
}

/** The hash of TDX: RTMRs are SHA-384. */
export const SHA384: LogHash = {
  name: "SHA-384",
  digest(...parts) {
    const hash = createHash("sha384");
    for (const part of parts) hash.update(part);
    return new Uint8Array(hash.digest());
  },
};

export const algorithmById = (id: number): DigestAlgorithm | undefined => DIGEST_ALGORITHMS.find((one) => one.id === id);

/** @param name  one of the five; the compiler knows no others */
export function algorithmByName(name: DigestName): DigestAlgorithm {
  return DIGEST_ALGORITHMS.find((one) => one.name === name)!;
}
