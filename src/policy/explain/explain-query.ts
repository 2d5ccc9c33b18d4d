import { CompiledPolicy } from "../rego/compiled-policy.ts";
import { toJson } from "../rego/json-output.ts";
import type { EvaluateOptions, Policy } from "../rego/policy.ts";
import { Explainer } from "./explainer.ts";
import type { Explanation, Reason } from "./explanation.ts";
import { GroupRuns } from "./group-runs.ts";
import { Traces } from "./traces.ts";

export interface ExplainOptions extends EvaluateOptions {
  /** most reasons that are given; 40 by default, which keeps the cost near that of the evaluation */
  readonly reasons?: number;
}

const DEFAULT_REASONS = 40;

const traces = new WeakMap<Policy, Traces>();

/**
 * Evaluates a query and says why it came out as it did: for what is false or undefined the statements that failed, as deep as the rules
 * and functions go that they depend on, with the values they compared; for what is true the statements that carried it.
 *
 * The evaluation is the usual one; afterwards the bodies that decided run once more with marks between their statements. At most 40
 * reasons, 10 rules or functions deep, within the same limits as the evaluation. Values are shortened, but they are what the policy
 * reads: an explanation is for the operator, never for the peer whose claims are judged.
 *
 * @param policy  of `compilePolicy`
 * @param query   a path such as `data.policy.allow`, or any body
 * @throws CaiError what `Policy.evaluate` throws: where the evaluation ends with an error, that is the reason
 */
export function explainQuery(policy: Policy, query: string, options: ExplainOptions = {}): Explanation {
  if (!(policy instanceof CompiledPolicy)) throw new TypeError("expected a policy of compilePolicy");
  const own = traces.get(policy) ?? new Traces(policy);
  traces.set(policy, own);
  const runs = new GroupRuns(own);
  const explainer = new Explainer(own, runs, options.reasons ?? DEFAULT_REASONS);
  return policy.run(options, query, (context) => {
    const { body, value: code } = own.query(query);
    if (code === undefined) {
      const record = body.run(context, new Array(body.layout.size), 1);
      const reasons = traced(own, runs, () => explainer.run(body, context));
      return { query, outcome: record.answers.length > 0 ? "value" : "undefined", reasons, truncated: explainer.truncated };
    }
    const value = code(context, new Array(body.layout.size));
    const reasons = unwrapped(traced(own, runs, () => explainer.run(body, context)));
    const asked = { query, reasons, truncated: explainer.truncated };
    if (value === undefined) return { ...asked, outcome: "undefined" };
    return { ...asked, outcome: value === true ? "true" : value === false ? "false" : "value", value: toJson(value) };
  });
}

/** Has the functions that traced code calls run traced too. */
function traced<T>(own: Traces, runs: GroupRuns, work: () => T): T {
  own.runs = runs;
  try {
    return work();
  } finally {
    own.runs = undefined;
  }
}

/** Of a query that only names rules, the rules are the reasons. */
function unwrapped(reasons: readonly Reason[]): readonly Reason[] {
  const [only] = reasons;
  return reasons.length === 1 && only!.values.length <= 1 && only!.because.length > 0 ? only!.because : reasons;
}
