import type { CatalogueEntry } from "./entry.ts";

export const modelErrors = {} as const satisfies Record<string, CatalogueEntry>;
