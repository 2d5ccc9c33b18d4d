import { CaiError } from "../../system/index.ts";
import { explainQuery, type FileCoverage, formatExplanation, measureCoverage } from "../explain/index.ts";
import { compilePolicy, type EvaluateOptions, type Policy, type PolicyModule } from "../rego/policy.ts";
import { findTests, type TestRule } from "./test-rules.ts";
import { policyUnits } from "./units.ts";

/** Reasons at most that are given of a test that failed. */
const SHOWN_REASONS = 200;

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
  /** notes which lines run */
  readonly coverage?: boolean;
}

export interface TestReport {
  readonly results: readonly TestResult[];
  /** of the files without tests; empty where it was not asked for */
  readonly coverage: readonly FileCoverage[];
}

/**
 * Runs the tests of modules, by the conventions of Open Policy Agent: every rule `test_…` has to be exactly true. Undefined, any other value,
 * and an error are failures; `todo_test_…` is skipped. Tests do not see one another: each is an evaluation of its own.
 *
 * @throws CaiError `policy.parse-error`, `policy.compile-error`, `policy.limit-exceeded`: nothing runs then
 */
export function runTests(modules: readonly PolicyModule[], options: TestOptions): TestReport {
  const lines: FileCoverage[] = [];
  const testFiles = new Set<string>();
  const results = policyUnits(modules).flatMap(({ about, modules: unit }) => {
    const { tests, modules: distinct } = findTests(unit);
    const policy = compilePolicy(distinct);
    const measured = options.coverage === true ? measureCoverage(policy) : undefined;
    const chosen = tests.filter(({ name }) => options.only?.test(name) ?? true);
    const run = chosen.map((rule) => runTest(policy, measured?.policy ?? policy, rule, options));
    for (const { file } of tests) testFiles.add(file);
    lines.push(...(measured?.lines() ?? []));
    return run.map((result) => ({ ...(about !== undefined && { about }), ...result }));
  });
  return { results, coverage: merged(lines.filter(({ file }) => !testFiles.has(file))) };
}

/** A line is covered where it is in any run of its file. */
function merged(lines: readonly FileCoverage[]): FileCoverage[] {
  return [...Map.groupBy(lines, ({ file }) => file)].map(([file, those]) => {
    const covered = new Set(those.flatMap((one) => one.covered));
    const others = new Set(those.flatMap((one) => one.notCovered).filter((line) => !covered.has(line)));
    const sorted = (numbers: Iterable<number>) => [...numbers].sort((a, b) => a - b);
    return { file, covered: sorted(covered), notCovered: sorted(others) };
  });
}

/**
 * @param policy   explains what failed
 * @param running  is evaluated; of the same modules
 */
function runTest(policy: Policy, running: Policy, { name, query, file, line, skipped }: TestRule, options: TestOptions): TestResult {
  const result = (outcome: TestResult["outcome"], milliseconds = 0, reason?: string): TestResult => ({
    name,
    file,
    line,
    outcome,
    milliseconds: Math.round(milliseconds * 1000) / 1000,
    ...(reason !== undefined && { reason }),
  });
  if (skipped) return result("skip");
  const start = options.clock();
  try {
    const value = running.evaluate(query, options.evaluation);
    const took = options.clock() - start;
    if (value === true) return result("pass", took);
    return result(
      "fail",
      took,
      formatExplanation(explainQuery(policy, query, { ...options.evaluation, reasons: SHOWN_REASONS })).trimEnd(),
    );
  } catch (error) {
    const { id, message } = CaiError.from(error);
    return result("error", options.clock() - start, `${id}: ${message}`);
  }
}
