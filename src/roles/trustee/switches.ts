import { PROTOCOL_VERSION } from "../../protocol/index.ts";
import type { parseTrusteeSettings } from "./settings.ts";

/**
 * The settings that widen the defaults, as records name them (security.md §6: a switch is put into decision records).
 *
 * @returns `name` or `name=value` of each that is in force, in the spelling of the settings file
 */
export function switchesInForce({
  acceptSample,
  collateralGraceSeconds,
  insecureHttp,
  legacyOpenAttestationPolicy,
  protocolVersions,
  trustAnchors,
}: ReturnType<typeof parseTrusteeSettings>): readonly string[] {
  const older = protocolVersions.filter((version) => version !== PROTOCOL_VERSION);
  return [
    ...(acceptSample ? ["accept_sample"] : []),
    ...(collateralGraceSeconds > 0 ? [`collateral_grace=${collateralGraceSeconds}`] : []),
    ...(insecureHttp ? ["insecure_http"] : []),
    ...(legacyOpenAttestationPolicy ? ["legacy_open_attestation_policy"] : []),
    ...(older.length > 0 ? [`protocol_versions=${older.join(",")}`] : []),
    ...(trustAnchors.length > 0 ? [`trust_anchor=${trustAnchors.length} simulated`] : []),
  ];
}
