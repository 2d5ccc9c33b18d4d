import { z } from "zod";
import type { JsonObject } from "../system/index.ts";
import { parseJsonText } from "./json-text.ts";
import { jsonValue, parseWith } from "./schema.ts";

/** A decision's running number, which administrators use, or its public id, which a refused machine shows (security.md I27). */
export type DecisionName = { readonly number: number } | { readonly id: string };

const PUBLIC_ID = /^[a-z2-7]{16}$/;
const NUMBER = /^[1-9]\d{0,15}$/;

/** @returns the decision that a text names; undefined where it is neither a number nor a public id */
export function parseDecisionName(text: string): DecisionName | undefined {
  if (NUMBER.test(text) && Number.isSafeInteger(Number(text))) return { number: Number(text) };
  return PUBLIC_ID.test(text) ? { id: text } : undefined;
}

const scalar = z.union([z.string(), z.number(), z.boolean(), z.null()]);

/** One statement, rule or clause of a policy, and why it held or not; see `Reason` of the policies' explanations. */
export interface DecisionStatement {
  readonly kind: "rule" | "clause" | "default" | "statement" | "member" | "answer";
  readonly holds: boolean;
  /** counts from 1 */
  readonly line: number;
  readonly text: string;
  readonly values?: readonly { readonly term: string; readonly value: string; readonly note?: string | undefined }[] | undefined;
  readonly note?: string | undefined;
  readonly passed?: number | undefined;
  readonly because?: readonly DecisionStatement[] | undefined;
}

const statement: z.ZodType<DecisionStatement> = z.lazy(() =>
  z.object({
    kind: z.enum(["rule", "clause", "default", "statement", "member", "answer"]),
    holds: z.boolean(),
    line: z.int(),
    text: z.string(),
    values: z
      .array(z.object({ term: z.string(), value: z.string(), note: z.string().optional() }))
      .readonly()
      .optional(),
    note: z.string().optional(),
    passed: z.int().optional(),
    because: z.array(statement).readonly().optional(),
  }),
);

const explanation = z.object({
  /** the kind of policy that was asked */
  policy: z.enum(["attestation", "resource"]),
  /** whose evidence, for an attestation policy: the submodule of the token */
  submodule: z.string().optional(),
  query: z.string(),
  outcome: z.enum(["true", "false", "undefined", "value"]),
  value: jsonValue.optional(),
  statements: z.array(statement).readonly(),
  /** true where reasons were left out */
  truncated: z.boolean().optional(),
});

const detail = z.object({
  v: z.literal(1),
  /** what the error said: for administrators only */
  reason: z.object({ message: z.string(), expected: z.string().optional(), got: z.string().optional() }).optional(),
  /** the id of the request, as it stands in the log */
  request: z.string().optional(),
  protocol: z.string().optional(),
  binding: z.string().optional(),
  fresh: z.string().optional(),
  policies: z
    .array(z.object({ kind: z.string(), id: z.string(), sha384: z.string(), realm: z.string().optional() }))
    .readonly()
    .optional(),
  /** grades by submodule */
  submods: z.record(z.string(), z.object({ status: z.string(), vector: z.record(z.string(), z.number()) })).optional(),
  /** the lines of the floor that did not hold */
  floor: z.array(z.string()).readonly().optional(),
  /** by submodule: the manufacturer's standing, and the versions and dates of the collateral */
  collateral: z.record(z.string(), z.record(z.string(), jsonValue)).optional(),
  /** what the policies read */
  claims: z
    .array(z.object({ name: z.string(), value: scalar.optional(), withheld: z.literal(true).optional() }))
    .readonly()
    .optional(),
  /** claims that were read and are not named */
  more_claims: z.int().optional(),
  references: z
    .array(
      z.object({
        name: z.string(),
        state: z.enum(["matched", "differs", "absent", "read"]),
        got: scalar.optional(),
        /** seconds since 1970 */
        expires: z.int().optional(),
        failed: z.literal(true).optional(),
      }),
    )
    .readonly()
    .optional(),
  explanations: z.array(explanation).readonly().optional(),
  /** true where a policy read what records do not keep, so that explanations show no values */
  values_withheld: z.literal(true).optional(),
  /** the decision that the token came from, and who asked for it then */
  attestation: z.object({ decision: z.string(), client: z.string().optional() }).optional(),
  /** what widens the defaults, as it was in force */
  switches: z.array(z.string()).readonly().optional(),
  administrator: z.object({ role: z.string(), name: z.string().optional() }).optional(),
  /** what an administrator changed: names, digests, sizes */
  change: z.record(z.string(), jsonValue).optional(),
  /** denials that are counted here and have no record of their own, by error id */
  suppressed: z.record(z.string(), z.int()).optional(),
  /** what the client says of itself, which nothing proves */
  unverified: z.record(z.string(), z.string()).optional(),
  /** parts that were left out, for the record would be too large */
  cut: z.array(z.string()).readonly().optional(),
});

/** What a decision record says besides its columns; every part is there where it applies. */
export type DecisionDetail = z.output<typeof detail>;
export type DecisionExplanation = z.output<typeof explanation>;

const record = z.object({
  number: z.int(),
  id: z.string(),
  /** seconds since 1970 */
  time: z.int(),
  kind: z.enum(["attest", "release", "appraise", "admin"]),
  outcome: z.enum(["allowed", "denied"]),
  realm: z.string().optional(),
  tee: z.string().optional(),
  subject: z.string().optional(),
  error: z.string().optional(),
  policyHash: z.string().optional(),
  level: z.string().optional(),
  digest: z.string().optional(),
  client: z.string().optional(),
  detail: detail.optional(),
});

/** A decision record as a trustee shows it to an administrator. */
export type ShownDecision = z.output<typeof record>;

const list = z.object({ decisions: z.array(record), next: z.int().optional() });
/** One record, and that of the attestation which its token came from. */
const single = z.object({ decision: record, attestation: record.optional() });

export type DecisionList = z.output<typeof list>;
export type SingleDecision = z.output<typeof single>;

const MAX_ANSWER = 4 * 1024 * 1024;

/** Reads the answer of `GET cai/decisions`. @throws CaiError `kbs.message-malformed` */
export function parseDecisionList(bytes: Uint8Array): DecisionList {
  return parseWith(list, parseJsonText(bytes, "the list of decisions", MAX_ANSWER), "the list of decisions");
}

/** Reads the answer of `GET cai/decisions/{number or id}`. @throws CaiError `kbs.message-malformed` */
export function parseDecision(bytes: Uint8Array): SingleDecision {
  return parseWith(single, parseJsonText(bytes, "the decision", MAX_ANSWER), "the decision");
}

/** The most that `detail` may have as JSON, bytes. */
export const MAX_DECISION_DETAIL = 64 * 1024;

/** The order in which parts of a detail are left out where it is too large: what is named last, last. */
const DISPENSABLE = ["unverified", "explanations", "claims", "references", "collateral", "change", "submods", "switches"] as const;

/**
 * @returns the detail as the JSON of at most 64 KiB that a record keeps: parts that do not fit are left out whole, and named in `cut`
 */
export function boundDetail(whole: DecisionDetail): JsonObject {
  let bounded: DecisionDetail = whole;
  for (const part of DISPENSABLE) {
    if (Buffer.byteLength(JSON.stringify(bounded)) <= MAX_DECISION_DETAIL) break;
    if (bounded[part] === undefined) continue;
    const { [part]: _, ...rest } = bounded;
    bounded = { ...rest, cut: [...(bounded.cut ?? []), part] };
  }
  return bounded as unknown as JsonObject;
}
