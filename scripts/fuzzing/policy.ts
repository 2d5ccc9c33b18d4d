import { existsSync, readdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { compilePolicy, type EvaluateOptions, explainQuery, type Policy, templates } from "../../src/policy/index.ts";
import { parseModule } from "../../src/policy/rego/module-parser.ts";
import { CaiError, type JsonObject, type JsonValue } from "../../src/system/index.ts";
import { mutated } from "./mutation.ts";
import { Random } from "./random.ts";
import { RegoText } from "./rego-text.ts";
import { FuzzFinding, type FuzzReport, type FuzzSettings } from "./run.ts";

const ROOT = resolve(import.meta.dir, "../..");
const EXAMPLES = resolve(ROOT, "examples/policies");
const CASES = resolve(process.env["CAI_VECTORS"] ?? resolve(ROOT, "../shared/vectors"), "rego/v1");

const INPUT: JsonObject = { a: [1, "b", { c: null }], b: { x: 0.5, é: [[]] }, submods: { cpu0: { "ear.status": "affirming" } } };
/** Small enough that no case takes long. A clock that stands still, so that only steps can end a case: those are the same every time. */
const LIMITS = { steps: 20_000, depth: 60, members: 5_000, characters: 50_000 };
const OPTIONS: EvaluateOptions = {
  input: INPUT,
  data: { other: { n: 1 } },
  now: 1_700_000_000,
  clock: () => 0,
  referenceValue: () => ["a"],
};
const MOST_RULES = 3;

/** What a run of the fuzzer did. */
interface PolicyReport extends FuzzReport {
  /** of those that parsed and compiled, and of those that had a value or none without an error */
  readonly compiled: number;
  readonly evaluated: number;
  readonly explained: number;
}

/**
 * Runs mutated and generated policies: nothing may come out but values and errors of the policy room, the same ones each time, and an
 * explanation has the outcome of the evaluation.
 *
 * @throws FuzzFinding the first case that shows otherwise
 */
export function fuzzPolicies({ seed, goesOn, started }: FuzzSettings): PolicyReport {
  const seeds = seedTexts();
  const counts = { cases: 0, compiled: 0, evaluated: 0, explained: 0 };
  let slowest = { milliseconds: 0, text: "" };
  while (goesOn()) {
    // Each case has a stream of its own, so that one number makes it again without those before it.
    const random = new Random(seed + counts.cases);
    const generated = () => new RegoText(random).module();
    const any = () => (random.chance(2) ? random.of(seeds) : generated());
    const text = random.chance(3) ? generated() : mutated(any(), any, random);
    started?.(counts.cases, text);
    const start = performance.now();
    try {
      // Failures of built-in functions would end most of the generated cases early.
      runCase(text, { ...OPTIONS, lenient: random.chance(2) }, counts);
    } catch (cause) {
      throw new FuzzFinding(`seed ${seed + counts.cases}: ${cause instanceof Error ? cause.stack : String(cause)}\n${text}`, { cause });
    }
    const milliseconds = performance.now() - start;
    if (milliseconds > slowest.milliseconds) slowest = { milliseconds, text };
    counts.cases++;
  }
  return { ...counts, slowest };
}

function runCase(text: string, options: EvaluateOptions, counts: { compiled: number; evaluated: number; explained: number }): void {
  const policy = outcomeOf(() => compilePolicy(text, { limits: LIMITS }));
  if (!("value" in policy)) return;
  counts.compiled++;
  for (const query of queriesOf(text)) {
    const first = outcomeOf(() => policy.value.evaluate(query, options));
    const second = outcomeOf(() => policy.value.evaluate(query, options));
    if (textOf(first) !== textOf(second)) throw new Error(`${query} gave ${textOf(first)}, then ${textOf(second)}`);
    if (!("value" in first)) continue;
    counts.evaluated++;
    if (explains(policy.value, query, options, first.value)) counts.explained++;
  }
}

/** @returns false where explaining took more than the budget of the policy. @throws where it says something else than the evaluation */
function explains(policy: Policy, query: string, options: EvaluateOptions, value: JsonValue | undefined): boolean {
  const explained = outcomeOf(() => explainQuery(policy, query, options));
  if (!("value" in explained)) {
    if (explained.id === "policy.limit-exceeded") return false;
    throw new Error(`${query} is ${textOf({ value })}, but explaining it ended with ${explained.id}: ${explained.message}`);
  }
  const expected = value === undefined ? "undefined" : typeof value === "boolean" ? String(value) : "value";
  if (explained.value.outcome !== expected) throw new Error(`${query} is ${expected}, explained as ${explained.value.outcome}`);
  return true;
}

type Outcome<T> = { readonly value: T } | { readonly id: string; readonly message: string };

/** @throws what is no error of a policy: a crash */
function outcomeOf<T>(work: () => T): Outcome<T> {
  try {
    return { value: work() };
  } catch (error) {
    if (error instanceof CaiError && error.id.startsWith("policy.") && error.message.isWellFormed()) {
      return { id: error.id, message: error.message };
    }
    throw error;
  }
}

function textOf(outcome: Outcome<JsonValue | undefined>): string {
  return "value" in outcome ? (JSON.stringify(outcome.value) ?? "undefined") : `${outcome.id}: ${outcome.message}`;
}

function queriesOf(text: string): string[] {
  const module = parseModule("policy", text);
  const path = (steps: readonly string[]) => `data${steps.map((step) => `[${JSON.stringify(step)}]`).join("")}`;
  const rules = module.rules.filter(({ args }) => args === undefined).map(({ name }) => path([...module.package, name]));
  return [...new Set(rules)].slice(0, MOST_RULES).concat(path(module.package));
}

/** Texts to start from: what is shipped, the examples, and the conformance cases where they are there. */
function seedTexts(): string[] {
  const examples = readdirSync(EXAMPLES).map((file) => readFileSync(resolve(EXAMPLES, file), "utf8"));
  const cases = existsSync(CASES) ? readdirSync(CASES).flatMap((file) => modulesOf(resolve(CASES, file))) : [];
  return [...Object.values(templates), ...examples, ...cases];
}

function modulesOf(path: string): readonly string[] {
  const { cases } = JSON.parse(readFileSync(path, "utf8")) as { readonly cases: readonly { readonly modules?: readonly string[] }[] };
  return cases.flatMap(({ modules }) => modules ?? []);
}
