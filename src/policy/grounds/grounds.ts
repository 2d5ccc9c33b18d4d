import type { JsonObject, JsonValue } from "../../system/index.ts";
import { type AppraisalRequest, CLAIM_QUERIES } from "../appraisal.ts";
import { type Explanation, explainQuery } from "../explain/index.ts";
import { compilePolicy, type EvaluateOptions, type Policy } from "../rego/index.ts";
import { RELEASE_QUERY, type ReleaseRequest, releaseData } from "../release-request.ts";
import { TRUST_CLAIMS, tierOf } from "../trust-vector.ts";
import { type ClaimRead, claimsRead, NOT_KEPT, readNotKept, redacted } from "./claims.ts";
import { type ConsultedReference, consultedReferences, markFailed } from "./references.ts";
import { pruned, withoutValues } from "./statements.ts";
import { Tracking } from "./tracking.ts";

/** What one policy decided on. */
export interface Grounds {
  /** at most 64 */
  readonly claims: readonly ClaimRead[];
  /** claims that were read besides */
  readonly moreClaims: number;
  readonly references: readonly ConsultedReference[];
  /** the statements that decided: of each rule that was asked for and has a value. Of one that carried, without what lies below its statements */
  readonly explanations: readonly Explanation[];
  /** true where the policy read something that records do not keep: the explanations then show no values */
  readonly withheld: boolean;
  /** false where a query has no explanation: it could not be explained within the policy's budget, or evaluating took too long to do it again */
  readonly explained: boolean;
}

/** What a policy is given. */
interface Given extends JsonObject {
  readonly input: JsonObject;
  readonly data: JsonObject;
}

interface Question {
  readonly policyText: string;
  readonly given: Given;
  readonly now: number | undefined;
  readonly queries: readonly string[];
  /** says which queries are worth an explanation, and whether each came out well */
  choose(answers: readonly (JsonValue | undefined)[]): readonly { readonly query: string; readonly holds: boolean }[];
}

/** Kept grounds of one policy, and what they rest on: what the policy read, and what an explanation shows besides. */
interface Kept {
  readonly isAlike: (given: Given) => boolean;
  readonly grounds: Grounds;
}

/** Reasons of one explanation. What holds is cut back afterwards, and has to reach its last statement first. */
const REASONS = 250;
/** Milliseconds of an evaluation after which nothing is explained: whoever waits for the decision would wait as long again, several times. */
const SLOW = 100;
/** Grounds of one policy that are kept: as many as there are kinds of machines that differ where it looks. */
const KEPT = 64;
const kept = new WeakMap<Policy, Map<string, Kept[]>>();
/** Built-ins whose answers depend on more than documents. */
const UNSTEADY = /now_ns|\b(?:rand|uuid|jwt|runtime)\b/;

/**
 * The grounds of an appraisal: the claims that the attestation policy read, the reference values that it asked for, and the statements that gave
 * each trust claim its value.
 *
 * It evaluates once more and explains, which takes about a millisecond; the grounds of evidence that is the same wherever the policy looks are
 * kept, and take microseconds.
 *
 * @param request  as `appraise` takes it; the floor is no policy and has no part in this
 */
export function groundsOfAppraisal({ policyText, evidence, references, now }: Omit<AppraisalRequest, "floor" | "policyId">): Grounds {
  return groundsOf({ policyText, given: { input: evidence, data: { reference: references } }, now, queries: CLAIM_QUERIES, choose });

  function choose([object, ...singles]: readonly (JsonValue | undefined)[]) {
    const whole =
      typeof object === "object" && object !== null ? [{ query: CLAIM_QUERIES[0]!, holds: Object.values(object).every(isWell) }] : [];
    const each = TRUST_CLAIMS.flatMap((_, i) => {
      const value = singles[i];
      return value === undefined ? [] : [{ query: CLAIM_QUERIES[i + 1]!, holds: isWell(value) }];
    });
    return [...whole, ...each];
  }
}

function isWell(value: JsonValue): boolean {
  return typeof value === "number" && ["none", "affirming"].includes(tierOf(value));
}

/** The same of a release: why the resource policy allowed it or not. */
export function groundsOfRelease({ policyText, token, resource, now }: Omit<ReleaseRequest, "floor">): Grounds {
  const given = { input: token, data: releaseData(resource) };
  const choose = ([allow]: readonly (JsonValue | undefined)[]) => [{ query: RELEASE_QUERY, holds: allow === true }];
  return groundsOf({ policyText, given, now, queries: [RELEASE_QUERY], choose });
}

/** Of a policy that does not compile. */
const NO_GROUNDS: Grounds = { claims: [], moreClaims: 0, references: [], explanations: [], withheld: false, explained: false };

function groundsOf(question: Question): Grounds {
  const policy = attempt(() => compilePolicy(question.policyText));
  if (policy === undefined) return NO_GROUNDS;
  const byQuery = kept.get(policy) ?? new Map<string, Kept[]>();
  kept.set(policy, byQuery);
  const key = question.queries.join();
  const list = byQuery.get(key) ?? [];
  byQuery.set(key, list);
  const at = list.findIndex(({ isAlike }) => isAlike(question.given));
  if (at >= 0) {
    const [known] = list.splice(at, 1);
    list.unshift(known!);
    return known!.grounds;
  }
  const evaluated = new Tracking(question.given);
  const { grounds, explained } = found(policy, question, evaluated);
  const isSteady = !UNSTEADY.test(question.policyText);
  if (isSteady && grounds.explained && evaluated.complete && explained.complete) {
    const [isRead, isShown] = [evaluated.likeness(), explained.likeness(NOT_KEPT)];
    list.unshift({ isAlike: (given) => isRead(given) && isShown(given), grounds });
    if (list.length > KEPT) list.pop();
  }
  return grounds;
}

function found(policy: Policy, question: Question, evaluated: Tracking<Given>): { grounds: Grounds; explained: Tracking<Given> } {
  const { given, now, queries } = question;
  const start = performance.now();
  const answers = evaluate(policy, queries, optionsOf(evaluated.document, now));
  const isSlow = performance.now() - start > SLOW;
  const withheld = readNotKept(evaluated.reads);
  // Nothing of it was read, so the explanation is the same, and what it shows beside what was read is safe to keep.
  const shown = withheld ? given : redacted(given);
  const explained = new Tracking(shown);
  const failed: ConsultedReference[] = [];
  const references = referencesIn(given);
  const chosen = question.choose(answers);
  const explanations = (isSlow ? [] : chosen).flatMap(({ query, holds }) => {
    const explanation = attempt(() => explainQuery(policy, query, { ...optionsOf(explained.document, now), reasons: REASONS }));
    if (explanation === undefined) return [];
    if (!holds) {
      const own = new Tracking(given);
      evaluate(policy, [query], optionsOf(own.document, now));
      failed.push(...consultedReferences(own.reads, references));
    }
    const part = holds ? pruned(explanation) : explanation;
    return [withheld ? withoutValues(part) : part];
  });
  const { claims, more } = claimsRead(evaluated.reads);
  const consulted = markFailed(consultedReferences(evaluated.reads, references), failed);
  const isWhole = explanations.length === chosen.length;
  const grounds = { claims, moreClaims: more, references: consulted, explanations, withheld, explained: isWhole };
  return { grounds, explained };
}

function referencesIn({ data: { reference } }: Given): JsonObject {
  return typeof reference === "object" && !Array.isArray(reference) ? (reference as JsonObject) : {};
}

function optionsOf({ input, data }: Given, now: number | undefined): EvaluateOptions {
  const references = data["reference"] as JsonObject | undefined;
  return {
    input,
    data,
    ...(now !== undefined && { now }),
    ...(references && { referenceValue: (id) => (Object.hasOwn(references, id) ? references[id]! : null) }),
  };
}

/** What a policy reads before it ends with an error is what it read. */
function evaluate(policy: Policy, queries: readonly string[], options: EvaluateOptions): readonly (JsonValue | undefined)[] {
  return attempt(() => policy.evaluateEach(queries, options)) ?? [];
}

/** The decision has been made, without any of this; what goes wrong here is missing in the record, and changes nothing else. */
function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}
