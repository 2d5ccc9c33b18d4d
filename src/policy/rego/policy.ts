import { CaiError, type JsonValue } from "../../system/index.ts";
import { policyHash } from "../policy-hash.ts";
import { CompiledPolicy } from "./compiled-policy.ts";
import { checkDialect, type Dialect } from "./dialect.ts";
import { parseModule } from "./module-parser.ts";
import { PolicyError } from "./position.ts";
import { Program } from "./program.ts";
import type { Budget } from "./run.ts";

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
  /** takes one version of the language only: v0 wants its keywords imported, v1 wants `if` and `contains`; by default both are taken */
  readonly strict?: Dialect;
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
  /** milliseconds of a clock that never goes back, for the limit of wall time; the process's own by default */
  readonly clock?: () => number;
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
  /** As {@link query}, as the JSON text of an array of objects; integers beyond 2^53 are exact. */
  queryJson(query: string, options?: EvaluateOptions): string;
}

const DEFAULT_LIMITS: Budget = {
  steps: 5_000_000,
  milliseconds: 2_000,
  depth: 400,
  members: 1_000_000,
  characters: 4 * 1_048_576,
};

/** UTF-8 bytes of all modules together. */
const MAXIMUM_BYTES = 1_048_576;

/** Compiled policies that are kept, the longest unused one first. */
const KEPT = 64;
const kept = new Map<string, Policy>();

/**
 * Compiles Rego text, v0 or v1. The latest policies are kept by the SHA-384 of their text, so that a text is compiled once.
 *
 * @throws CaiError `policy.parse-error`, `policy.compile-error` with line and column; `policy.limit-exceeded` above 1 MiB
 */
export function compilePolicy(modules: string | readonly PolicyModule[], options: CompileOptions = {}): Policy {
  const list = typeof modules === "string" ? [{ name: "policy", text: modules }] : modules;
  const units = list.reduce((sum, { text }) => sum + text.length, 0);
  // Text has at least as many bytes as UTF-16 units, so this bounds what is hashed.
  if (units > MAXIMUM_BYTES) throw tooLong(units);
  const key = keyOf(list, options);
  const known = kept.get(key);
  if (known !== undefined) {
    kept.delete(key);
    kept.set(key, known);
    return known;
  }
  const policy = compile(list, { ...DEFAULT_LIMITS, ...options.limits }, options.strict);
  kept.set(key, policy);
  if (kept.size > KEPT) kept.delete(kept.keys().next().value!);
  return policy;
}

/** One text's hash stands for itself; several and their names are hashed together. */
function keyOf(list: readonly PolicyModule[], { limits, strict }: CompileOptions): string {
  const isPlain = limits === undefined && strict === undefined;
  if (list.length === 1 && list[0]!.name === "policy" && isPlain) return policyHash(list[0]!.text);
  return `modules:${policyHash(JSON.stringify([list.map(({ name, text }) => [name, text]), limits, strict]))}`;
}

function tooLong(bytes: number): CaiError {
  return new CaiError("policy.limit-exceeded", "the policy is too long", {
    expected: `at most ${MAXIMUM_BYTES} bytes`,
    got: `${bytes} or more`,
  });
}

function compile(list: readonly PolicyModule[], budget: Budget, strict: Dialect | undefined): Policy {
  const bytes = list.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0);
  if (bytes > MAXIMUM_BYTES) throw tooLong(bytes);
  try {
    const modules = list.map(({ name, text }) => parse(name, text));
    const [refusal] = strict === undefined ? [] : modules.flatMap((module) => checkDialect(module, strict));
    if (refusal !== undefined) throw refusal;
    return new CompiledPolicy(new Program(modules), budget);
  } catch (error) {
    if (error instanceof PolicyError) throw error.withSource(list.find(({ name }) => name === error.at.module)?.text ?? "");
    if (error instanceof RangeError) throw new CaiError("policy.limit-exceeded", "the policy is nested too deeply", { cause: error });
    throw error;
  }
}

function parse(name: string, text: string) {
  if (!text.isWellFormed()) throw new CaiError("policy.parse-error", `${name} is no well-formed Unicode text`);
  return parseModule(name, text);
}

/**
 * Decodes a policy as it comes from a file or a request.
 *
 * @throws CaiError `policy.parse-error` where the bytes are no UTF-8
 */
export function policyText(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new CaiError("policy.parse-error", "the policy is no UTF-8 text", { cause });
  }
}
