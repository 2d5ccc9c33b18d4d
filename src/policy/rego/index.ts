export { parsePolicyJson } from "./json-input.ts";
export {
  type CompileOptions,
  compilePolicy,
  type EvaluateOptions,
  type Policy,
  type PolicyLimits,
  type PolicyModule,
  policyText,
} from "./policy.ts";
export { PolicyError, type Position } from "./position.ts";
