import { z } from "zod";
import { CaiError } from "../../../system/index.ts";
import { rfc3339 } from "../validity.ts";
import type { LabelledSet } from "./file.ts";

const schema = z.object({
  tee: z.enum(["tdx", "sgx"]),
  /** 12 lower-case hex digits */
  fmspc: z.string(),
  /** the authority that certified such machines */
  ca: z.enum(["platform", "processor"]),
  update: z.union([z.string(), z.number()]),
  simulated: z.boolean(),
  /** lower-case SHA-256 hex of the key of the root */
  trust_anchor: z.string(),
  tcb_evaluation_number: z.number(),
  qe_evaluation_number: z.number(),
  /** RFC 3339, as all dates here: of the highest TCB level */
  tcb_date: z.string(),
  /** when the TCB info was issued */
  issued: z.string(),
  age_seconds: z.number(),
  /** when the first of its dates passes */
  expires: z.string(),
  expired: z.boolean(),
  origin: z.string(),
  fetched: z.string(),
  /** why it could not be renewed when that was last tried; null where it was, or was not tried */
  problem: z.string().nullable(),
});

/** What people and programs are told of a set. */
export type CollateralSummary = z.output<typeof schema>;

/** @param now  seconds since 1970 */
export function summarizeCollateral({ facts, update, origin, fetched }: LabelledSet, now: number, problem?: CaiError): CollateralSummary {
  return {
    tee: facts.tee,
    fmspc: facts.fmspc,
    ca: facts.ca,
    update,
    simulated: facts.simulated,
    trust_anchor: facts.anchor,
    tcb_evaluation_number: facts.tcbInfo.evaluationNumber,
    qe_evaluation_number: facts.qeIdentity.evaluationNumber,
    tcb_date: rfc3339(facts.tcbInfo.tcbDate),
    issued: rfc3339(facts.tcbInfo.issued),
    age_seconds: now - facts.tcbInfo.issued,
    expires: rfc3339(facts.expires),
    expired: now > facts.expires,
    origin,
    fetched: rfc3339(fetched),
    problem: problem === undefined ? null : `${problem.id}: ${problem.message}`,
  };
}

/** Reads a trustee's list. @throws CaiError `net.response-invalid` */
export function parseCollateralSummaries(body: Uint8Array): CollateralSummary[] {
  try {
    return z.array(schema).parse(JSON.parse(new TextDecoder().decode(body)));
  } catch (cause) {
    throw new CaiError("net.response-invalid", "the trustee's list of collateral has another form", { cause });
  }
}
