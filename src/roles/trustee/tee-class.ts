/**
 * Platforms of class cpu, by their names in both upstream families (trustee.md §1.3). Evidence of this class is primary or nothing: as
 * additional evidence it could bring a second key into one run (security.md I1).
 */
const CPU_PLATFORMS: ReadonlySet<string> = new Set([
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
