import type { parseTrusteeSettings } from "./settings.ts";

/**
 * The settings that widen the defaults, as records name them (security.md §6: a switch is put into decision records).
 *
 * @returns `name` or `name=value` of each that is in force, in the spelling of the settings file
 */
export function switchesInForce({
  collateralGraceSeconds,
  insecureHttp,
  trustAnchors,
}: ReturnType<typeof parseTrusteeSettings>): readonly string[] {
  return [
    ...(collateralGraceSeconds > 0 ? [`collateral_grace=${collateralGraceSeconds}`] : []),
    ...(insecureHttp ? ["insecure_http"] : []),
    ...(trustAnchors.length > 0 ? [`trust_anchor=${trustAnchors.length} simulated`] : []),
  ];
}
