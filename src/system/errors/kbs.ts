import type { CatalogueEntry } from "./entry.ts";

export const kbsErrors = {} as const satisfies Record<string, CatalogueEntry>;
