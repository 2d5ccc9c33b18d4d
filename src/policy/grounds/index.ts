export type { ClaimRead } from "./claims.ts";
export { type Grounds, groundsOfAppraisal, groundsOfRelease } from "./grounds.ts";
export type { ConsultedReference } from "./references.ts";
