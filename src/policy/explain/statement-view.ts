import { type Eval, type Step, sequence } from "../rego/code.ts";
import type { Context, Frame } from "../rego/context.ts";
import type { Local, Node, Statement } from "../rego/ir.ts";
import { nodeText, withoutHome } from "../rego/node-text.ts";
import type { Plan } from "../rego/plan.ts";
import type { RuleGroup } from "../rego/rule-group.ts";
import { outputOf, overrideCode } from "../rego/statement-code.ts";
import { headless, TracedBody } from "../rego/trace.ts";
import { unifyCode } from "../rego/unify-code.ts";
import { rulesOf } from "./rule-links.ts";
import type { Traces } from "./traces.ts";

/** Terms of one statement that are shown. */
const MAXIMUM_TERMS = 8;
/** Frames that are shown of a statement that iterates. */
const MAXIMUM_SAMPLES = 3;

export interface ShownTerm {
  readonly text: string;
  readonly node: Node;
  readonly code: Eval;
}

/** What a statement's outcome depends on, beyond documents. */
export type Link =
  | { readonly kind: "rule"; readonly group: RuleGroup }
  | { readonly kind: "function"; readonly group: RuleGroup; readonly name: string; readonly args: readonly Eval[] }
  | { readonly kind: "comprehension"; readonly body: () => TracedBody };

/** The parts of an `every`. */
export interface EveryParts {
  readonly domain: Eval;
  readonly body: TracedBody;
  readonly keySlot: number;
  readonly valueSlot: number;
}

/** How to show one statement: which of its terms, and what they depend on. */
export class StatementView {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly source: string;
  readonly shown: readonly ShownTerm[];
  readonly links: readonly Link[];
  /** the statement inside a negation, as a body of its own */
  readonly negated: TracedBody | undefined;
  readonly every: EveryParts | undefined;
  /** package of the statement */
  readonly home: readonly string[];
  readonly #changes: readonly ReturnType<typeof overrideCode>[];
  readonly #steps: readonly Step[];

  /**
   * @param before  the variables that have a value before the statement
   * @param known   those that have one in the frames that will be shown
   * @param said    variables that other statements show beside this one: shown again only where there is nothing else
   */
  constructor(traces: Traces, body: TracedBody, statement: Statement, before: Plan, known: Plan, said: ReadonlySet<Local>) {
    const { at } = statement;
    this.file = at.module;
    this.line = at.line;
    this.column = at.column;
    this.home = traces.homeOf(at.module);
    this.source = traces.texts.statement(at);
    const plan = known.known();
    this.#changes = statement.overrides.map((override) => {
      const value = override.value && body.generator.value(override.value, plan);
      return overrideCode(body.generator, override, value ?? undefined);
    });
    const negated = statement.kind === "not" ? statement.statement : undefined;
    const output = statement.kind === "expression" ? outputOf(traces.program, statement.term) : undefined;
    const plain: Statement = output === undefined ? statement : { at, overrides: statement.overrides, kind: "unify", ...output };
    const hidden = saidElsewhere(plain, before, known);
    const nodes = negated === undefined ? termsOf(plain).flatMap(subterms) : [];
    const shown = new Map<string, ShownTerm>();
    const links: Link[] = [];
    for (const node of nodes) {
      const text = nodeText(node, this.home);
      if (shown.has(text)) continue;
      const fork = plan.fork();
      const code = body.generator.value(node, fork);
      if (code === null) continue;
      plan.adopt(fork);
      if (shown.size < MAXIMUM_TERMS && node !== hidden) shown.set(text, { text, node, code });
      links.push(...this.#linksOf(traces, body, node, plan));
    }
    const terms = [...shown.values()];
    const fresh = terms.filter(({ node }) => node.kind !== "local" || !said.has(node.local));
    this.shown = fresh.length > 0 ? fresh : terms;
    this.links = links;
    this.#steps = plan.steps;
    const inherit = (_: unknown, inner: Plan) => inner.adoptVariables(known);
    const { program } = traces;
    const { layout } = body;
    this.negated =
      negated &&
      new TracedBody({
        program,
        layout,
        statements: [negated],
        at,
        head: headless(at),
        before: inherit,
        functionCode: traces.functionCode,
      });
    this.every = statement.kind === "every" ? everyParts(traces, body, statement, known) : undefined;
  }

  /** @returns the context in which the statement stands: that of its body, changed by its `with`; undefined where a value there has none */
  contextOf(context: Context, frame: Frame): Context | undefined {
    let changed: Context | undefined = context;
    for (const change of this.#changes) {
      changed = change(changed, frame);
      if (changed === undefined) return undefined;
    }
    return changed;
  }

  /** @returns frames to read the terms from: a few of those that the statement goes through where it iterates */
  samples(context: Context, frame: Frame): Frame[] {
    if (this.#steps.length === 0) return [frame];
    const samples: Frame[] = [];
    const collect = sequence(this.#steps, (_, one) => {
      samples.push(one.slice());
      return samples.length >= MAXIMUM_SAMPLES;
    });
    collect(context, frame.slice());
    return samples;
  }

  /** true where there is one frame to show, and nothing inside */
  get isSimple(): boolean {
    return this.#steps.length === 0 && this.negated === undefined && this.every === undefined;
  }

  get iterates(): boolean {
    return this.#steps.length > 0;
  }

  #linksOf(traces: Traces, body: TracedBody, node: Node, plan: Plan): Link[] {
    const { program } = traces;
    if (node.kind === "ref" && node.root === "data") return rulesOf(program, node).map((group) => ({ kind: "rule", group }));
    if (node.kind === "call") {
      const group = program.functionNamed(node.name);
      const args = group && body.generator.values(node.args.slice(0, group.arity), plan);
      return group !== undefined && args ? [{ kind: "function", group, name: withoutHome(group.name, this.home), args }] : [];
    }
    if (node.kind !== "comprehension") return [];
    const known = plan.known();
    let traced: TracedBody | undefined;
    const make = () =>
      new TracedBody({
        program,
        layout: body.layout,
        statements: node.body,
        at: node.at,
        head: { keys: node.key === undefined ? [] : [node.key], value: node.value },
        before: (_, inner) => inner.adoptVariables(known),
        functionCode: traces.functionCode,
      });
    return [
      {
        kind: "comprehension",
        body: () => {
          traced ??= make();
          return traced;
        },
      },
    ];
  }
}

/** The terms whose values decide a statement. */
function termsOf(statement: Statement): readonly Node[] {
  switch (statement.kind) {
    case "expression":
      return [statement.term];
    case "unify":
      return [statement.left, statement.right];
    case "some-in":
      return [statement.value, ...(statement.key === undefined ? [] : [statement.key]), statement.domain];
    case "every":
      return [statement.domain];
    case "not":
      return [];
  }
}

/** The term whose value needs no line: a call that is the whole statement, or the value of a variable that is shown itself. */
function saidElsewhere(statement: Statement, before: Plan, known: Plan): Node | undefined {
  if (statement.kind === "expression" && statement.term.kind === "call") return statement.term;
  if (statement.kind !== "unify" || statement.left.kind !== "local") return undefined;
  return !before.isBound(statement.left.local) && known.isBound(statement.left.local) ? statement.right : undefined;
}

/** The parts of a term that have values worth showing: the term before its own parts. */
function subterms(node: Node): Node[] {
  switch (node.kind) {
    case "value":
    case "slot":
      return [];
    case "local":
      return node.local.name === "_" ? [] : [node];
    case "ref": {
      const inner = node.path.flatMap(subterms);
      return typeof node.root === "string" || node.root.kind === "local" ? [node, ...inner] : [node, ...subterms(node.root), ...inner];
    }
    case "call":
      return [node, ...node.args.flatMap(subterms)];
    case "array":
    case "set":
      return node.items.flatMap(subterms);
    case "object":
      return node.entries.flatMap((entry) => entry.flatMap(subterms));
    case "template":
      return [node, ...node.parts.flatMap((part) => (typeof part === "string" ? [] : subterms(part)))];
    case "comprehension":
      return [node];
  }
}

function everyParts(
  traces: Traces,
  body: TracedBody,
  statement: Statement & { readonly kind: "every" },
  known: Plan,
): EveryParts | undefined {
  const { generator, layout } = body;
  const domain = generator.value(statement.domain, known.fork());
  if (domain === null) return undefined;
  const keySlot = layout.allocate();
  const valueSlot = layout.allocate();
  const inner = new TracedBody({
    program: traces.program,
    layout,
    statements: statement.body,
    at: statement.at,
    head: headless(statement.at),
    functionCode: traces.functionCode,
    before: (own, plan) => {
      plan.adoptVariables(known);
      const { key, value } = statement;
      if (key !== undefined) unifyCode(own, key, { kind: "slot", slot: keySlot, at: key.at }, plan);
      unifyCode(own, value, { kind: "slot", slot: valueSlot, at: value.at }, plan);
    },
  });
  return { domain, body: inner, keySlot, valueSlot };
}
