import { CaiError, type JsonValue } from "../../system/index.ts";

/** One Rego module: its name appears in error messages. */
export interface PolicyModule {
  readonly name: string;
  readonly text: string;
}

/** What a policy may consume before it ends with `policy.limit-exceeded`. */
export interface PolicyLimits {
  /** iterations, rule and function calls, and built-in work, in abstract steps; 5,000,000 by default */
  readonly steps?: number;
  /** milliseconds of wall time; 2,000 by default */
  readonly milliseconds?: number;
  /** nested rule and function calls; 400 by default */
  readonly depth?: number;
  /** members of one array, set or object; 1,000,000 by default */
  readonly members?: number;
  /** UTF-16 units of one string; 4 Mi by default */
  readonly characters?: number;
}

export interface CompileOptions {
  readonly limits?: PolicyLimits;
}

export interface EvaluateOptions {
  /** used as it is, never copied; must not change during the evaluation */
  readonly input?: JsonValue;
  /** the base document below `data`; rules of the policy stand over it */
  readonly data?: JsonValue;
  /** seconds since 1970 for `time.now_ns` */
  readonly now?: number;
  /** true makes an expression undefined where a built-in fails; by default that ends the evaluation */
  readonly lenient?: boolean;
  /** answers `query_reference_value`; without it the built-in gives null */
  readonly referenceValue?: (id: string) => JsonValue;
}

/** A compiled policy. Holds no state between evaluations. */
export interface Policy {
  /**
   * @param query  a rule path such as `data.policy.allow`
   * @returns the value, undefined where there is none; sets come as sorted arrays, integers beyond 2^53 as the nearest number
   * @throws CaiError `policy.eval-error`, `policy.limit-exceeded`; `policy.parse-error`, `policy.compile-error` for the query itself
   */
  evaluate(query: string, options?: EvaluateOptions): JsonValue | undefined;
  /** As {@link evaluate} for several paths in one run: rules are evaluated once and the limits hold for all together. */
  evaluateEach(queries: readonly string[], options?: EvaluateOptions): (JsonValue | undefined)[];
  /** Every answer of any query, for example `x := data.policy.allow`: its variables by name (trustee.md §5.6). */
  query(query: string, options?: EvaluateOptions): { readonly [variable: string]: JsonValue }[];
}

/**
 * Compiles Rego text, v0 or v1.
 *
 * @throws CaiError `policy.parse-error`, `policy.compile-error` with line and column; `policy.limit-exceeded` above 1 MiB
 */
export function compilePolicy(_modules: string | readonly PolicyModule[], _options: CompileOptions = {}): Policy {
  throw new CaiError("policy.compile-error", "the engine is not linked yet");
}
