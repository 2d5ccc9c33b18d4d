import { CaiError, type JsonValue } from "../../system/index.ts";
import { countingNodes } from "./allowance.ts";
import type { Eval, Exec } from "./code.ts";
import { Context, type Frame } from "./context.ts";
import { Generator } from "./generator.ts";
import { Layout, type Local } from "./ir.ts";
import { jsonText, toJson } from "./json-output.ts";
import { parseQuery } from "./module-parser.ts";
import { Plan } from "./plan.ts";
import type { EvaluateOptions, Policy } from "./policy.ts";
import { errorAt, PolicyError } from "./position.ts";
import type { Program } from "./program.ts";
import { Resolver } from "./resolver.ts";
import { type Budget, Run } from "./run.ts";
import type { Literal } from "./syntax.ts";
import type { Value } from "./value.ts";

/** Compiled queries that a policy keeps. */
const KEPT_QUERIES = 32;

interface PathQuery {
  readonly code: Eval;
  readonly size: number;
}

/** The {@link Policy} of a program. */
export class CompiledPolicy implements Policy {
  readonly program: Program;
  readonly budget: Budget;
  readonly #paths = new Map<string, PathQuery>();

  constructor(program: Program, budget: Budget) {
    this.program = program;
    this.budget = budget;
  }

  evaluate(query: string, options: EvaluateOptions = {}): JsonValue | undefined {
    return this.run(options, query, (context) => this.#path(query, context));
  }

  evaluateEach(queries: readonly string[], options: EvaluateOptions = {}): (JsonValue | undefined)[] {
    return this.run(options, queries, (context) => queries.map((query) => this.#path(query, context)));
  }

  query(query: string, options: EvaluateOptions = {}): { readonly [variable: string]: JsonValue }[] {
    return this.#answers(query, options, (bindings) => {
      const answer: { [variable: string]: JsonValue } = Object.create(null);
      for (const [name, value] of bindings) answer[name] = toJson(value);
      return answer;
    });
  }

  queryJson(query: string, options: EvaluateOptions = {}): string {
    const answers = this.#answers(query, options, (bindings) => {
      return `{${bindings.map(([name, value]) => `${JSON.stringify(name)}:${jsonText(value)}`).join()}}`;
    });
    return `[${answers.join()}]`;
  }

  #answers<T>(query: string, options: EvaluateOptions, answer: (bindings: readonly Binding[]) => T): T[] {
    const answers: T[] = [];
    this.run(options, query, (context) => {
      const literals = parseQuery(query);
      const layout = new Layout();
      const { body, named } = new Resolver({ package: [], imports: [] }, this.program).query(literals, layout);
      const collect: Exec = (_, frame) => {
        answers.push(answer(bound(named, frame)));
        context.run.members(1);
        return false;
      };
      const exec = new Generator(this.program, layout).body(body, new Plan(), literals[0]!.at, () => collect);
      exec(context, new Array(layout.size));
    });
    return answers;
  }

  #path(query: string, context: Context): JsonValue | undefined {
    let path = this.#paths.get(query);
    if (path === undefined) {
      path = this.#compilePath(query);
      if (this.#paths.size >= KEPT_QUERIES) this.#paths.clear();
      this.#paths.set(query, path);
    }
    const value = path.code(context, new Array(path.size));
    return value === undefined ? undefined : toJson(value);
  }

  #compilePath(query: string): PathQuery {
    const literals = parseQuery(query);
    const [literal] = literals as [Literal];
    if (literals.length === 1 && literal.kind === "expression" && literal.with.length === 0) {
      const layout = new Layout();
      const { body } = new Resolver({ package: [], imports: [] }, this.program).query(literals, layout);
      const [statement] = body;
      const plan = new Plan();
      const code = statement?.kind === "expression" ? new Generator(this.program, layout).value(statement.term, plan) : null;
      // Code that needs steps before it would iterate, and so could have more than one value.
      if (code !== null && plan.steps.length === 0) return { code, size: layout.size };
    }
    throw errorAt("policy.compile-error", literal.at, "expected a path without variables, such as data.policy.allow");
  }

  /** Runs something in a new context of these options, within the policy's budget. */
  run<T>(options: EvaluateOptions, queries: string | readonly string[], work: (context: Context) => T): T {
    const run = new Run({
      budget: this.budget,
      clock: options.clock ?? processClock,
      lenient: options.lenient ?? false,
      now: options.now === undefined ? undefined : BigInt(Math.trunc(options.now)) * 1_000_000_000n,
      referenceValue: options.referenceValue,
    });
    try {
      const context = new Context(run, options.input as Value | undefined, (options.data ?? {}) as Value);
      return countingNodes(
        (steps) => run.tick(steps),
        () => work(context),
      );
    } catch (error) {
      if (error instanceof PolicyError) {
        const { module } = error.at;
        throw error.withSource(this.program.sources.get(module) ?? (typeof queries === "string" ? queries : ""));
      }
      // The stack is the last limit: of documents that are nested deeper than any rule.
      if (error instanceof RangeError) throw new CaiError("policy.limit-exceeded", "nested too deeply", { cause: error });
      throw error;
    }
  }
}

const processClock = () => performance.now();

type Binding = readonly [name: string, value: Value];

function bound(named: readonly Local[], frame: Frame): Binding[] {
  return named.flatMap(({ name, slot }): Binding[] => (frame[slot] === undefined ? [] : [[name, frame[slot] as Value]]));
}
