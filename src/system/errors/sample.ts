import type { CatalogueEntry } from "./entry.ts";

/** Why sample evidence is refused, which nothing signs and which proves nothing. */
export const sampleErrors = {
  "sample.evidence-malformed": {
    exit: 3,
    cause: "The evidence is not the JSON object that a sample attester sends.",
    remedy: "Check the agent's version.",
  },
  "sample.report-data-mismatch": {
    exit: 3,
    cause: "The sample evidence was made for other report data: another key, nonce or caller.",
    remedy: "Attest again; evidence serves one purpose once.",
  },
  "sample.event-log-malformed": {
    exit: 3,
    cause: "The event log in the sample evidence cannot be read.",
    remedy: "Check how the agent collected and carried it.",
  },
  "sample.event-log-mismatch": {
    exit: 3,
    cause: "The event log in the sample evidence is not the log of what its measurement register holds.",
    remedy: "Attest again.",
  },
} as const satisfies Record<string, CatalogueEntry>;
