import type { CatalogueEntry } from "./entry.ts";

/** Errors of `cai demo`. */
export const demoErrors = {
  "demo.step-failed": {
    exit: 1,
    cause: "A step that the story needs did not work.",
    remedy: "Read the message; run with --keep and look at the logs.",
  },
  "demo.not-proved": {
    exit: 1,
    cause: "Something that the demo promises did not hold.",
    remedy: "The table names it; run with --keep and look at the logs.",
  },
} as const satisfies Record<string, CatalogueEntry>;
