import type { CatalogueEntry } from "./entry.ts";

export const cryptoErrors = {} as const satisfies Record<string, CatalogueEntry>;
