/** The eight claims of an EAR trustworthiness vector (trustee.md §5.2). */
export const TRUST_CLAIMS = [
  "instance-identity",
  "configuration",
  "executables",
  "file-system",
  "hardware",
  "runtime-opaque",
  "storage-opaque",
  "sourced-data",
] as const;

export type TrustClaim = (typeof TRUST_CLAIMS)[number];

/** The claims that were set, each an integer from -128 to 127; 0 counts as set. */
export type TrustVector = { readonly [claim in TrustClaim]?: number };

/** Status tiers from best-known to worst (trustee.md §5.2). */
const TIERS = ["none", "affirming", "warning", "contraindicated"] as const;

export type TrustStatus = (typeof TIERS)[number];

/** @returns the tier of one claim value (trustee.md §5.2) */
export function tierOf(value: number): TrustStatus {
  if (value >= -1 && value <= 1) return "none";
  if (value >= -32 && value <= 31) return "affirming";
  if (value >= -96 && value <= 95) return "warning";
  return "contraindicated";
}

/** @returns the worse of two claim values; the first where they share a tier */
export function worseClaim(first: number, second: number): number {
  return TIERS.indexOf(tierOf(second)) > TIERS.indexOf(tierOf(first)) ? second : first;
}

/** @returns the worst tier over the vector, `none` for an empty one */
export function statusOf(vector: TrustVector): TrustStatus {
  const worst = Object.values(vector).reduce((rank, value) => Math.max(rank, TIERS.indexOf(tierOf(value))), 0);
  return TIERS[worst]!;
}
