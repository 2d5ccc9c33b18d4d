/** The id of the two policies that decide: the attestation policy of RCAR (trustee.md §1.7), and the resource policy. */
export const POLICY_IN_FORCE = "default";
