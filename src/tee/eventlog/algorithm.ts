import { createHash } from "node:crypto";

/** The digest algorithms of an event log by the names that claims use: TCG's numbers and sizes in bytes (tdx.md §4.2, trustee.md §6.0). */
const ALGORITHMS = {
  "SHA-1": { id: 0x0004, size: 20 },
  "SHA-256": { id: 0x000b, size: 32 },
  "SHA-384": { id: 0x000c, size: 48 },
  "SHA-512": { id: 0x000d, size: 64 },
  SM3: { id: 0x0012, size: 32 },
} as const;

export type DigestName = keyof typeof ALGORITHMS;

const NAMES: ReadonlyMap<number, DigestName> = new Map(Object.entries(ALGORITHMS).map(([name, { id }]) => [id, name as DigestName]));

/** The algorithm of a platform's measurement registers, by which a log of that platform is replayed. */
export interface LogHash {
  readonly name: DigestName;
  /** the digest of the parts put together, as many bytes as the algorithm has */
  digest(...parts: readonly Uint8Array[]): Uint8Array;
}

/** The hash of TDX: RTMRs are SHA-384. */
export const SHA384: LogHash = logHash("SHA-384", "sha384");

/** The hash of the register of sample evidence (trustee.md §6.5). */
export const SHA256: LogHash = logHash("SHA-256", "sha256");

function logHash(name: DigestName, algorithm: string): LogHash {
  return {
    name,
    digest(...parts) {
      const hash = createHash(algorithm);
      for (const part of parts) hash.update(part);
      return new Uint8Array(hash.digest());
    },
  };
}

/** The algorithm that TCG numbers so; undefined for one that no log here has. */
export const algorithmById = (id: number): DigestName | undefined => NAMES.get(id);

/** TCG's number of an algorithm. */
export const algorithmId = (name: DigestName): number => ALGORITHMS[name].id;

/** @returns bytes */
export const digestSize = (name: DigestName): number => ALGORITHMS[name].size;
