/**
 * Platforms of class cpu, by their names in both upstream families (trustee.md §1.3). Evidence of this class is primary or nothing: as
 * additional evidence it could bring a second key into one run (security.md I1).
 */
export const CPU_PLATFORMS: ReadonlySet<string> = new Set([
  "az-snp-vtpm",
  "az-tdx-vtpm",
  "azsnpvtpm",
  "aztdxvtpm",
  "cca",
  "csv",
  "hygontpm",
  "sample",
  "se",
  "sev",
  "sgx",
  "snp",
  "system",
  "tdx",
  "tpm",
]);

/** @returns whether a platform's evidence may only be primary */
export function isCpuPlatform(tee: string): boolean {
  return CPU_PLATFORMS.has(tee);
}

/** Platforms that the families spell differently (trustee.md §1.3). */
const SPELLINGS: readonly (readonly [string, string])[] = [
  ["azsnpvtpm", "az-snp-vtpm"],
  ["aztdxvtpm", "az-tdx-vtpm"],
];

/** @returns every spelling of a platform's name, its own first; what is emitted is the one that the guest used */
export function spellingsOf(tee: string): readonly string[] {
  const pair = SPELLINGS.find((names) => names.includes(tee));
  return pair === undefined ? [tee] : [tee, ...pair.filter((name) => name !== tee)];
}

/** @returns what a platform has in a map, under whichever spelling it stands there */
export function underAnySpelling<T>(platforms: ReadonlyMap<string, T>, tee: string): T | undefined {
  for (const name of spellingsOf(tee)) {
    const found = platforms.get(name);
    if (found !== undefined) return found;
  }
  return undefined;
}
