/** The version of the KBS protocol that both ends speak by default (trustee.md §1.4). */
export const PROTOCOL_VERSION = "0.4.0";

/** Every version that a trustee can speak, the newest first; all but the newest only where the operator names them (security.md §5). */
export const PROTOCOL_VERSIONS = [PROTOCOL_VERSION, "0.3.0", "0.2.0", "0.1.1"] as const;
export type ProtocolVersion = (typeof PROTOCOL_VERSIONS)[number];

/** The versions whose attest message has no `runtime-data`, so that the nonce is known from the session only (agent.md §3.8). */
export type OlderVersion = Exclude<ProtocolVersion, typeof PROTOCOL_VERSION>;
export const OLDER_VERSIONS: readonly OlderVersion[] = ["0.3.0", "0.2.0", "0.1.1"];

/** @returns whether evidence of a version is composite, and its hashed data therefore has the member `additional-evidence` */
export function isComposite(version: ProtocolVersion): boolean {
  return version === PROTOCOL_VERSION || version === "0.3.0";
}
