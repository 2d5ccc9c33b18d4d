import { CaiError, type JsonValue } from "../../system/index.ts";
import { compilePolicy, type EvaluateOptions, type Policy, type PolicyModule } from "../rego/policy.ts";
import { findTests, type TestRule } from "./test-rules.ts";
import { policyUnits } from "./units.ts";

/** What became of one test. */
export interface TestResult {
  /** for example `data.policy_test.test_denies_debug` */
  readonly name: string;
  /** the policy that the test ran with, where the modules hold alternatives */
  readonly about?: string;
  readonly file: string;
  /** from 1 */
  readonly line: number;
  readonly outcome: "pass" | "fail" | "error" | "skip";
  readonly milliseconds: number;
  /** why it did not pass; the failing statements and values of a test that failed */
  readonly reason?: string;
}

export interface TestOptions {
  /** what every test is evaluated with */
  readonly evaluation: EvaluateOptions;
  /** runs those tests whose name it matches; all by default */
  readonly only?: RegExp;
  /** milliseconds of a clock that never goes back */
  readonly clock: () => number;
  /** says why a query is not true */
  readonly explain?: (policy: Policy, query: string, evaluation: EvaluateOptions) => string;
  /** hears of every test that ran */
  readonly ran?: (policy: Policy, query: string) => void;
}

/**
 * Runs the tests of modules, by the conventions of Open Policy Agent: every rule `test_…` has to be exactly true. Undefined, any other value,
 * and an error are failures; `todo_test_…` is skipped. Tests do not see one another: each is an evaluation of its own.
 *
 * @throws CaiError `policy.parse-error`, `policy.compile-error`, `policy.limit-exceeded`: nothing runs then
 */
export function runTests(modules: readonly PolicyModule[], options: TestOptions): TestResult[] {
  return policyUnits(modules).flatMap(({ about, modules: unit }) => {
    const { tests, modules: distinct } = findTests(unit);
    const policy = compilePolicy(distinct);
    const chosen = tests.filter(({ name }) => options.only?.test(name) ?? true);
    return chosen.map((rule) => ({ ...(about !== undefined && { about }), ...runTest(policy, rule, options) }));
  });
}

function runTest(policy: Policy, { name, query, file, line, skipped }: TestRule, options: TestOptions): TestResult {
  const result = (outcome: TestResult["outcome"], milliseconds = 0, reason?: string): TestResult => ({
    name,
    file,
    line,
    outcome,
    milliseconds,
    ...(reason !== undefined && { reason }),
  });
  if (skipped) return result("skip");
  const start = options.clock();
  try {
    const value = policy.evaluate(query, options.evaluation);
    const took = options.clock() - start;
    options.ran?.(policy, query);
    if (value === true) return result("pass", took);
    return result("fail", took, options.explain?.(policy, query, options.evaluation) ?? `expected true, got ${kindOf(value)}`);
  } catch (error) {
    const { id, message } = CaiError.from(error);
    return result("error", options.clock() - start, `${id}: ${message}`);
  }
}

function kindOf(value: JsonValue | undefined): string {
  if (value === undefined) return "undefined";
  if (typeof value === "boolean" || value === null) return String(value);
  return Array.isArray(value) ? "an array" : typeof value === "object" ? "an object" : `a ${typeof value}`;
}
