import type { CatalogueEntry } from "./entry.ts";

/** What can happen to a verification that is nothing about the evidence. */
export const teeErrors = {
  "tee.verifier-lost": {
    exit: 1,
    cause: "The thread that verified evidence broke down or was ended, so there is no verdict.",
    remedy: "Attest again; where it happens again with the same evidence, report it.",
  },
  "tee.verifier-timeout": {
    exit: 1,
    cause: "Verifying evidence took far longer than it can take, and was ended.",
    remedy: "Attest again; where it happens again with the same evidence, report it.",
  },
} as const satisfies Record<string, CatalogueEntry>;
