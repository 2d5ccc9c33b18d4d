export { type CoverageRun, coverage, type FileCoverage, type MeasuredPolicy, measureCoverage } from "./coverage.ts";
export { type ExplainOptions, explainQuery } from "./explain-query.ts";
export type { Explanation, Reason, ShownValue } from "./explanation.ts";
export { type FormatOptions, formatExplanation, type ReasonStyle, shortReason } from "./format.ts";
