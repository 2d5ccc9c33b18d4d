export { type Appraisal, type AppraisalRequest, appraise } from "./appraisal.ts";
export { type AssuranceLevel, assurance, type ReferenceValues } from "./assurance.ts";
export { checkPolicy, type Finding, type LintId } from "./check/index.ts";
export {
  type CoverageRun,
  coverage,
  type ExplainOptions,
  type Explanation,
  explainQuery,
  type FileCoverage,
  type FormatOptions,
  formatExplanation,
  type MeasuredPolicy,
  measureCoverage,
  type Reason,
  type ReasonStyle,
  type ShownValue,
  shortReason,
} from "./explain/index.ts";
export { policyExtensions } from "./extensions.ts";
export { loadFixtures } from "./fixtures/index.ts";
export { capVector, type FloorFacts, type FloorHit, type Freshness, floor } from "./floor.ts";
export { formatPolicy } from "./format/index.ts";
export { type ClaimRead, type ConsultedReference, type Grounds, groundsOfAppraisal, groundsOfRelease } from "./grounds/index.ts";
export { policyHash } from "./policy-hash.ts";
export {
  type CompileOptions,
  compilePolicy,
  type EvaluateOptions,
  type Policy,
  PolicyError,
  type PolicyLimits,
  type PolicyModule,
  type Position,
  parsePolicyJson,
  policyText,
} from "./rego/index.ts";
export { decideRelease, type ReleaseDecision } from "./release.ts";
export type { ReleaseRequest } from "./release-request.ts";
export { type TemplateName, templates } from "./templates.ts";
export { type PolicyUnit, policyUnits, runTests, type TestOptions, type TestReport, type TestResult } from "./testing/index.ts";
export { statusOf, TRUST_CLAIMS, type TrustClaim, type TrustStatus, type TrustVector, tierOf } from "./trust-vector.ts";
