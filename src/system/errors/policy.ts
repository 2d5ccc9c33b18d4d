import type { CatalogueEntry } from "./entry.ts";

export const policyErrors = {} as const satisfies Record<string, CatalogueEntry>;
