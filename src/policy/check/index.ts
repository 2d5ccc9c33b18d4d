export { checkPolicy } from "./check-policy.ts";
export type { Finding, LintId } from "./finding.ts";
