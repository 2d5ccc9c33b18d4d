import { CompiledPolicy } from "../rego/compiled-policy.ts";
import { Covering } from "../rego/coverage.ts";
import type { EvaluateOptions, Policy } from "../rego/policy.ts";

/** Which lines of one module were run. A line counts where a statement or a head starts; all that start there have to be run. */
export interface FileCoverage {
  readonly file: string;
  /** line numbers from 1, ascending */
  readonly covered: readonly number[];
  readonly notCovered: readonly number[];
}

/** One evaluation that is measured. */
export interface CoverageRun {
  readonly query: string;
  readonly options?: EvaluateOptions;
}

/** A policy that notes the lines it runs, and what it has noted so far. */
export interface MeasuredPolicy {
  readonly policy: Policy;
  lines(): FileCoverage[];
}

/**
 * Makes a second policy of the same modules that notes which lines it runs. The first one stays as fast as it is.
 *
 * A statement is covered where it was reached, whether it held or not; the head of a rule where the rule gave a value.
 *
 * @param policy  of `compilePolicy`
 */
export function measureCoverage(policy: Policy): MeasuredPolicy {
  if (!(policy instanceof CompiledPolicy)) throw new TypeError("expected a policy of compilePolicy");
  const covering = new Covering(policy.program.modules);
  return {
    policy: new CompiledPolicy(covering.program, policy.budget),
    lines: () => covering.files().map(({ file, lines }) => report(file, lines)),
  };
}

/** Runs queries and reports which lines they ran. @throws CaiError what `Policy.query` throws */
export function coverage(policy: Policy, runs: readonly CoverageRun[]): FileCoverage[] {
  const measured = measureCoverage(policy);
  for (const { query, options } of runs) measured.policy.query(query, options);
  return measured.lines();
}

function report(file: string, lines: ReadonlyMap<number, boolean>): FileCoverage {
  const numbers = [...lines.keys()].sort((a, b) => a - b);
  return { file, covered: numbers.filter((line) => lines.get(line)), notCovered: numbers.filter((line) => !lines.get(line)) };
}
