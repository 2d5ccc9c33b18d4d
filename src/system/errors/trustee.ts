import type { CatalogueEntry } from "./entry.ts";

export const trusteeErrors = {} as const satisfies Record<string, CatalogueEntry>;
