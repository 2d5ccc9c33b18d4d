export { catalogue, type ErrorId } from "./catalogue.ts";
export type { CatalogueEntry } from "./entry.ts";
export type { QuoteReason } from "./quote-reasons.ts";
