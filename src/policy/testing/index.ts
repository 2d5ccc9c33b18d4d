export { runTests, type TestOptions, type TestResult } from "./runner.ts";
export { type PolicyUnit, policyUnits } from "./units.ts";
