export {
  type CompileOptions,
  compilePolicy,
  type EvaluateOptions,
  type Policy,
  type PolicyLimits,
  type PolicyModule,
  policyText,
} from "./policy.ts";
