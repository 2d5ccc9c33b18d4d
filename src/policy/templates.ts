import affirming from "./templates/affirming.rego" with { type: "text" };
import affirmingPlain from "./templates/affirming-plain.rego" with { type: "text" };
import affirmingSample from "./templates/affirming-sample.rego" with { type: "text" };
import affirmingSimulated from "./templates/affirming-simulated.rego" with { type: "text" };
import attestation from "./templates/attestation.rego" with { type: "text" };
import attestationSimulated from "./templates/attestation-simulated.rego" with { type: "text" };
import denyAll from "./templates/deny-all.rego" with { type: "text" };

/** The policies that are shipped. `attestation…` grade evidence; the others decide on resources, `deny-all` for a new trustee. */
export const templates = {
  "deny-all": denyAll,
  affirming,
  "affirming-plain": affirmingPlain,
  "affirming-simulated": affirmingSimulated,
  "affirming-sample": affirmingSample,
  attestation,
  "attestation-simulated": attestationSimulated,
} as const satisfies Record<string, string>;

export type TemplateName = keyof typeof templates;
