export { runTests, type TestOptions, type TestReport, type TestResult } from "./runner.ts";
export { type PolicyUnit, policyUnits } from "./units.ts";
