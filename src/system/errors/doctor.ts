import type { CatalogueEntry } from "./entry.ts";

/** Errors of `cai doctor`: what it finds is none. */
export const doctorErrors = {
  "doctor.check-failed": {
    exit: 1,
    cause: "Something about the machine could not be looked at, so what is wrong with it is not known.",
    remedy: "Run as root; if it stays, report it with the message of the finding that ends in `check-failed`.",
  },
} as const satisfies Record<string, CatalogueEntry>;
