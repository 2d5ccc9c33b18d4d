import type { Target } from "../rego/call-code.ts";
import type { Eval } from "../rego/code.ts";
import type { CompiledPolicy } from "../rego/compiled-policy.ts";
import { Generator } from "../rego/generator.ts";
import { eachLocalOf, Layout, type Local, type ResolvedBranch, type ResolvedRule, type Statement } from "../rego/ir.ts";
import { parseQuery } from "../rego/module-parser.ts";
import { Plan } from "../rego/plan.ts";
import type { Position } from "../rego/position.ts";
import type { Program } from "../rego/program.ts";
import { Resolver } from "../rego/resolver.ts";
import type { RuleCode, RuleGroup } from "../rego/rule-group.ts";
import { headless, TracedBody } from "../rego/trace.ts";
import { matchArguments } from "../rego/unify-code.ts";
import type { GroupRuns } from "./group-runs.ts";
import { SourceText } from "./source-text.ts";
import { StatementView } from "./statement-view.ts";

/** Traced queries that a policy keeps. */
const KEPT_QUERIES = 32;

/** One branch of a rule with its traced code. */
export interface TracedBranch {
  readonly body: TracedBody;
  readonly branch: ResolvedBranch;
}

/** A query with its traced code. */
export interface TracedQuery {
  readonly body: TracedBody;
  readonly at: Position;
  /** its value where it is one expression without variables */
  readonly value: Eval | undefined;
}

/** The traced code of one policy. Each part is generated when an explanation first needs it, and kept. */
export class Traces {
  readonly program: Program;
  readonly texts: SourceText;
  readonly #homes: ReadonlyMap<string, readonly string[]>;
  readonly #branches = new WeakMap<RuleCode, readonly TracedBranch[]>();
  readonly #views = new WeakMap<Statement, { held?: StatementView; failed?: StatementView }>();
  /** where calls of functions go while an explanation is made */
  runs: GroupRuns | undefined;
  readonly functionCode = (group: RuleGroup): Target => {
    return (context, args) => (this.runs === undefined ? group.call(context, args) : this.runs.call(group, context, args));
  };
  readonly #queries = new Map<string, TracedQuery>();

  constructor({ program }: CompiledPolicy) {
    this.program = program;
    this.texts = new SourceText(program.sources);
    this.#homes = new Map(program.modules.map(({ name, package: path }) => [name, path]));
  }

  /** @returns the package of a module; the names of its rules are shown without it */
  homeOf(module: string): readonly string[] {
    return this.#homes.get(module) ?? [];
  }

  branches(rule: RuleCode): readonly TracedBranch[] {
    let branches = this.#branches.get(rule);
    if (branches === undefined) {
      branches = rule.source.branches.map((branch) => ({ branch, body: this.#branch(rule.source, branch) }));
      this.#branches.set(rule, branches);
    }
    return branches;
  }

  #branch(rule: ResolvedRule, branch: ResolvedBranch): TracedBody {
    return new TracedBody({
      program: this.program,
      layout: rule.layout,
      statements: branch.body,
      at: branch.at,
      head: { keys: branch.keys, value: branch.element ?? branch.value },
      before: (generator, plan) => matchArguments(generator, rule, plan),
      functionCode: this.functionCode,
    });
  }

  /** @throws CaiError `policy.parse-error`, `policy.compile-error` */
  query(text: string): TracedQuery {
    this.texts.setQuery(text);
    let query = this.#queries.get(text);
    if (query === undefined) {
      query = this.#query(text);
      if (this.#queries.size >= KEPT_QUERIES) this.#queries.clear();
      this.#queries.set(text, query);
    }
    return query;
  }

  #query(text: string): TracedQuery {
    const literals = parseQuery(text);
    const layout = new Layout();
    const { body: statements } = new Resolver({ package: [], imports: [] }, this.program).query(literals, layout);
    const { at } = literals[0]!;
    const body = new TracedBody({
      program: this.program,
      layout,
      statements,
      at,
      head: headless(at),
      before: () => {},
      functionCode: this.functionCode,
    });
    const [statement] = statements;
    const plan = new Plan();
    const isExpression = statements.length === 1 && statement?.kind === "expression" && statement.overrides.length === 0;
    const value = isExpression ? new Generator(this.program, layout).value(statement.term, plan) : null;
    // Code that needs steps before it iterates, and so may have more than one value.
    return { body, at, value: value !== null && plan.steps.length === 0 ? value : undefined };
  }

  /** @returns how to show a statement of a body, as one that held or one that failed */
  view(body: TracedBody, index: number, holds: boolean): StatementView {
    const { statement, known } = body.placed[index]!;
    const kept = this.#views.get(statement) ?? {};
    this.#views.set(statement, kept);
    if (holds) {
      kept.held ??= new StatementView(this, body, statement, known, body.known, saidBefore(body, index));
      return kept.held;
    }
    kept.failed ??= new StatementView(this, body, statement, known, known, NOTHING);
    return kept.failed;
  }
}

const NOTHING: ReadonlySet<Local> = new Set();

/** The variables in the statements of a body before the one at `index`. */
function saidBefore(body: TracedBody, index: number): ReadonlySet<Local> {
  const said = new Set<Local>();
  for (const { statement } of body.placed.slice(0, index)) eachLocalOf(statement, (local) => said.add(local));
  return said;
}
