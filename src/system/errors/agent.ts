import type { CatalogueEntry } from "./entry.ts";

export const agentErrors = {} as const satisfies Record<string, CatalogueEntry>;
