import type { CatalogueEntry } from "./entry.ts";

export const tdxErrors = {} as const satisfies Record<string, CatalogueEntry>;
