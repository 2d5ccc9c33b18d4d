import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import {
  compilePolicy,
  type EvaluateOptions,
  type ExplainOptions,
  explainQuery,
  formatExplanation,
  measureCoverage,
  type Policy,
  type Reason,
} from "../../../src/policy/index.ts";
import { CaiError, type JsonValue } from "../../../src/system/index.ts";

const folder = resolve(process.env["CAI_VECTORS"] ?? resolve(import.meta.dir, "../../../../shared/vectors"), "rego/v1");

interface Case {
  readonly note: string;
  readonly query: string;
  readonly modules?: readonly string[];
  readonly data?: JsonValue;
  readonly input?: JsonValue;
  readonly strict_error?: boolean;
}

/** A value's text, or the id of the error that came instead. */
function outcome(work: () => unknown): string {
  try {
    return `value ${JSON.stringify(work())}`;
  } catch (error) {
    if (error instanceof CaiError) return `error ${error.id}`;
    throw error;
  }
}

/** The rule paths that a case can be asked for: what its query reads below `data`. */
function pathsOf(query: string): string[] {
  return [...query.matchAll(/data(?:\.[A-Za-z_][A-Za-z0-9_]*)+/g)].map(([path]) => path);
}

/** Reasons that contradict themselves: a rule with a value that no clause gave it, or a clause that holds where there is none. */
function contradictions(reasons: readonly Reason[], truncated: boolean): string[] {
  return reasons.flatMap((reason) => {
    const inner = contradictions(reason.because, truncated);
    const clauses = reason.because.filter(({ kind }) => kind === "clause" || kind === "default" || kind === "answer");
    if (reason.kind !== "rule" || reason.note !== undefined || truncated) return inner;
    const [shown] = reason.values;
    const isPartial = clauses.some(({ kind }) => kind === "answer") || ["set()", "{}"].includes(shown!.value);
    if (isPartial) return inner;
    const given = clauses.some(({ holds }) => holds);
    return given === (shown!.value !== "undefined") ? inner : [...inner, `${reason.source} is ${shown!.value}`];
  });
}

function check(policy: Policy, query: string, options: ExplainOptions): void {
  const text = outcome(() => policy.evaluate(query, options));
  let contradicting: string[] = [];
  const explained = outcome(() => {
    const explanation = explainQuery(policy, query, options);
    expect(formatExplanation(explanation)).toEndWith("\n");
    contradicting = contradictions(explanation.reasons, explanation.truncated);
    const { outcome: word, value } = explanation;
    expect<string>(word).toBe(value === undefined ? "undefined" : typeof value === "boolean" ? String(value) : "value");
    return value;
  });
  expect({ query, explained, contradicting }).toEqual({ query, explained: text, contradicting: [] });
}

describe.skipIf(!existsSync(folder))("on the conformance cases of the Rego language (skipped where there are no vectors)", () => {
  const files = existsSync(folder) ? readdirSync(folder).sort() : [];
  for (const file of files) {
    test(`explanations and coverage of ${file.replace(/\.json$/, "")} come to what evaluation comes to`, () => {
      const { cases } = JSON.parse(readFileSync(resolve(folder, file), "utf8")) as { readonly cases: readonly Case[] };
      for (const { query, modules = [], data = {}, input, strict_error: strict } of cases) {
        let policy: Policy;
        try {
          policy = compilePolicy(modules.map((text, i) => ({ name: `module${i}`, text })));
        } catch (error) {
          if (error instanceof CaiError) continue;
          throw error;
        }
        const options: EvaluateOptions = { data, lenient: strict !== true, now: 1_700_000_000, ...(input !== undefined && { input }) };
        for (const path of pathsOf(query)) check(policy, path, { ...options, reasons: 10_000 });
        const answers = outcome(() => policy.query(query, options));
        const has = outcome(() => (explainQuery(policy, query, options).outcome === "undefined" ? "none" : "some"));
        if (answers.startsWith("error") || has.startsWith("error")) expect(has).toBe(answers);
        else if (!/^\s*data[\w.]*\s*$/.test(query))
          expect({ query, has }).toEqual({ query, has: `value "${answers === "value []" ? "none" : "some"}"` });
        expect(outcome(() => measureCoverage(policy).policy.query(query, options))).toBe(answers);
      }
    });
  }
});
