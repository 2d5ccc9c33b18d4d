import { z } from "zod";
import { type FloorFacts, type FloorHit, floor } from "../../policy/index.ts";
import type { JsonObject } from "../../system/index.ts";
import { type Denial, denialOf } from "./denial.ts";
import type { VerifiedEvidence } from "./verification.ts";

/**
 * What the floor looks at again when a token is used, of one piece of evidence: it stands in the tokens that this trustee signs
 * (security.md I12, I16).
 */
export const evidenceFacts = z.object({
  simulated: z.boolean(),
  /** whether the report data were compared with those of the run (security.md I7) */
  bound: z.boolean(),
  debug: z.boolean(),
  /** seconds since 1970 from which on the collateral counts as expired; absent where the platform has none */
  current_until: z.number().optional(),
  tcb_status: z.string().max(64),
  identifiers: z
    .array(
      z.object({
        kind: z.enum(["ppid", "platform-instance", "pck-serial", "chip-id", "csv-cek", "csv-pek"]),
        value: z.string().max(512),
      }),
    )
    .max(16),
});
export type EvidenceFacts = z.output<typeof evidenceFacts>;

/** @returns the facts of verified evidence */
export function factsOf({ claims, bound }: VerifiedEvidence): EvidenceFacts {
  const { simulated, currentUntil, identifiers = [] } = claims;
  const { debug, tcbStatus } = claims.floor;
  return {
    simulated,
    bound,
    debug,
    ...(currentUntil !== undefined && { current_until: currentUntil }),
    tcb_status: tcbStatus,
    identifiers: identifiers.map(({ kind, value }) => ({ kind, value })),
  };
}

/** What holds for evidence wherever it comes from. */
export interface FloorSurroundings extends Pick<FloorFacts, "world" | "fresh" | "purpose" | "acceptChallenge"> {
  readonly collateralGrace: number;
  /** the deny rows that hold */
  readonly denials: readonly Denial[];
  /** seconds since 1970 */
  readonly now: number;
}

/**
 * Holds evidence against the floor as of now (security.md §4).
 *
 * @param annotated  the object that attestation policies read (trustee.md §5.2)
 */
export function floorOf(facts: EvidenceFacts, annotated: JsonObject, { denials, now, ...rest }: FloorSurroundings): FloorHit[] {
  const { runtime_data_claims: _, init_data_claims: __, ...members } = annotated;
  const initData = typeof annotated["init_data"] === "string" ? annotated["init_data"] : "";
  const denial = denialOf(denials, { identifiers: facts.identifiers, initData, members });
  const denied = denial === undefined ? [] : [`${denial.kind}:${denial.value}`];
  return floor({
    ...rest,
    simulated: facts.simulated,
    bound: facts.bound,
    debug: facts.debug,
    collateralExpiredFor: facts.current_until === undefined ? 0 : Math.max(0, Math.ceil(now - facts.current_until)),
    tcbStatus: facts.tcb_status,
    identifiers: denied,
    denied,
  });
}
