import { CaiError } from "../../system/index.ts";
import type { Eval } from "../rego/code.ts";
import type { Context, Frame } from "../rego/context.ts";
import type { Position } from "../rego/position.ts";
import type { RuleCode, RuleGroup } from "../rego/rule-group.ts";
import type { BodyRecord, TracedBody } from "../rego/trace.ts";
import { equal, iterate, sizeOf, type Value } from "../rego/value.ts";
import type { Reason, ShownValue } from "./explanation.ts";
import type { BranchRun, GroupRun, GroupRuns } from "./group-runs.ts";
import { missingText } from "./missing.ts";
import { cut, plain, shortText } from "./short-text.ts";
import type { Link, StatementView } from "./statement-view.ts";
import type { TracedBranch, Traces } from "./traces.ts";

/** Rules and functions inside one another. */
const MAXIMUM_DEPTH = 10;
const MAXIMUM_ANSWERS = 3;
const MAXIMUM_LINKS = 6;
const MAXIMUM_ARGUMENTS_TEXT = 80;

const NONE: readonly Reason[] = [];
const NO_ARGUMENTS: readonly Value[] = [];

/** Finds the reasons of one evaluation. It runs the traced code of what decided; rules that have a value are read from the context. */
export class Explainer {
  truncated = false;
  readonly #traces: Traces;
  readonly #runs: GroupRuns;
  #left: number;
  #depth = 0;
  readonly #texts = new Map<Value, string>();
  readonly #explained = new Map<Context, Set<RuleGroup>>();

  /** @param reasons  most reasons that are given */
  constructor(traces: Traces, runs: GroupRuns, reasons: number) {
    this.#traces = traces;
    this.#runs = runs;
    this.#left = reasons;
  }

  /** Runs a body once and says why it has an answer, or which statement it has none for. */
  run(body: TracedBody, context: Context): readonly Reason[] {
    return this.#within(() => this.body(body, body.run(context, new Array(body.layout.size), 1), context), NONE);
  }

  /** The same of a run that was made. */
  body(body: TracedBody, record: BodyRecord, context: Context): readonly Reason[] {
    const [answer] = record.answers;
    if (answer !== undefined) return this.#held(body, answer.frame, context);
    // None was reached where a member is not what `every` has before its body, and all were where the head has no value.
    const isStatement = record.reached >= 0 && record.reached < body.placed.length;
    return this.#one(() => (isStatement ? this.#statement(body, record.reached, false, context, record.frame) : undefined));
  }

  #held(body: TracedBody, frame: Frame, context: Context): readonly Reason[] {
    const reasons = body.placed.flatMap((_, i) => this.#one(() => this.#statement(body, i, true, context, frame)));
    return reasons.length < 2 ? reasons : reasons.toSorted((a, b) => a.line - b.line || a.column - b.column);
  }

  /** Nothing more once the budget is used up. */
  #one(make: () => Reason | undefined): readonly Reason[] {
    if (this.#left <= 0) {
      this.truncated = true;
      return NONE;
    }
    this.#left--;
    const reason = this.#within(make, undefined);
    return reason === undefined ? NONE : [reason];
  }

  /** The evaluation itself had no error and kept its limits; what the search for reasons meets beyond it ends that search only. */
  #within<T>(work: () => T, otherwise: T): T {
    try {
      return work();
    } catch (error) {
      if (error instanceof CaiError && error.id === "policy.eval-error") return otherwise;
      if (!(error instanceof RangeError) && !(error instanceof CaiError && error.id === "policy.limit-exceeded")) throw error;
      this.#left = 0;
      this.truncated = true;
      return otherwise;
    }
  }

  #statement(body: TracedBody, index: number, holds: boolean, context: Context, frame: Frame): Reason {
    const view = this.#traces.view(body, index, holds);
    const { file, line, column, source } = view;
    const changed = view.contextOf(context, frame);
    if (view.isSimple && changed !== undefined) {
      const values = this.#values(view, changed, frame);
      return { kind: "statement", holds, file, line, column, source, values, because: this.#links(view, holds, changed, frame) };
    }
    const base = { kind: "statement", holds, file, line, column, source } as const;
    if (changed === undefined) return { ...base, values: [], note: "a value after with is undefined", because: NONE };
    if (view.negated !== undefined)
      return { ...base, values: [], because: this.body(view.negated, view.negated.run(changed, frame.slice(), 1), changed) };
    const frames = view.samples(changed, frame);
    const values = frames.length === 0 ? this.#bases(view, changed, frame) : frames.flatMap((one) => this.#values(view, changed, one));
    if (view.every !== undefined) return { ...base, values, ...this.#every(view, holds, changed, frame) };
    const because = this.#links(view, holds, changed, frames[0] ?? frame);
    return view.iterates && frames.length > 1
      ? { ...base, values, note: "values of the first members", because }
      : { ...base, values, because };
  }

  #short(value: Value | undefined): string {
    if (value === undefined) return "undefined";
    // The same documents and digests come up again and again.
    let text = this.#texts.get(value);
    if (text === undefined) {
      text = shortText(value);
      this.#texts.set(value, text);
    }
    return text;
  }

  #values(view: StatementView, context: Context, frame: Frame): ShownValue[] {
    return view.shown.map(({ text, node, code }) => {
      const value = this.#attempt(code, context, frame);
      if (value instanceof CaiError) return { term: text, value: "undefined", note: plain(value.message) };
      if (value !== undefined) return { term: text, value: this.#short(value) };
      const note = node.kind === "ref" ? missingText(this.#traces.program, node, view.home, context, frame) : undefined;
      return note === undefined ? { term: text, value: "undefined" } : { term: text, value: "undefined", note };
    });
  }

  /** Of a statement that iterates over nothing. */
  #bases(view: StatementView, context: Context, frame: Frame): ShownValue[] {
    return view.shown.flatMap(({ text, node }) => {
      const note = node.kind === "ref" ? missingText(this.#traces.program, node, view.home, context, frame) : undefined;
      return note === undefined ? [] : [{ term: text, value: "undefined", note }];
    });
  }

  /** A part of a statement that failed may be one that was never evaluated, and that has an error of its own. */
  #attempt(code: Eval, context: Context, frame: Frame): Value | undefined | CaiError {
    try {
      return code(context, frame);
    } catch (error) {
      if (error instanceof CaiError && error.id === "policy.eval-error") return error;
      throw error;
    }
  }

  #every(
    view: StatementView,
    holds: boolean,
    context: Context,
    frame: Frame,
  ): { readonly note?: string; readonly because: readonly Reason[] } {
    const { domain, body, keySlot, valueSlot } = view.every!;
    const of = domain(context, frame);
    if (of === undefined || sizeOf(of) === undefined) return { because: this.#links(view, holds, context, frame) };
    const because: Reason[] = [];
    const { file, line, column } = view;
    iterate(of, (key, value) => {
      context.run.tick();
      const inner = frame.slice();
      inner[keySlot] = key;
      inner[valueSlot] = value;
      const record = body.run(context, inner, 1);
      const memberHolds = record.answers.length > 0;
      if (memberHolds !== holds) return false;
      const source = Array.isArray(of) || equal(key, value) ? shortText(value) : `${shortText(key)}: ${shortText(value)}`;
      because.push(
        ...this.#one(() => ({ kind: "member", holds, file, line, column, source, values: [], because: this.body(body, record, context) })),
      );
      return !holds || because.length >= MAXIMUM_ANSWERS;
    });
    return { note: `of ${sizeOf(of)} members`, because };
  }

  #links(view: StatementView, holds: boolean, context: Context, frame: Frame): readonly Reason[] {
    if (view.links.length === 0) return NONE;
    return view.links.slice(0, MAXIMUM_LINKS).flatMap((link) => this.#link(link, holds, context, frame));
  }

  #link(link: Link, holds: boolean, context: Context, frame: Frame): readonly Reason[] {
    if (this.#depth >= MAXIMUM_DEPTH) {
      this.truncated = true;
      return NONE;
    }
    this.#depth++;
    try {
      switch (link.kind) {
        case "rule":
          return this.#one(() => this.#rule(link.group, context));
        case "function": {
          return this.#one(() => {
            const args: Value[] = [];
            for (const arg of link.args) {
              const value = arg(context, frame);
              if (value === undefined) return undefined;
              args.push(value);
            }
            return this.#call(link, args, context);
          });
        }
        case "comprehension": {
          if (holds) return NONE;
          const body = link.body();
          const record = body.run(context, frame.slice(), 1);
          return record.answers.length > 0 ? NONE : this.body(body, record, context);
        }
      }
    } finally {
      this.#depth--;
    }
  }

  #rule(group: RuleGroup, context: Context): Reason | undefined {
    const { module: file, line, column } = group.at;
    const base = { kind: "rule", file, line, column, source: group.name } as const;
    if (context.isReplaced(group.path)) return { ...base, holds: true, values: [], note: "replaced by with", because: NONE };
    const value = group.value(context);
    const values = [{ term: group.name, value: this.#short(value) }];
    const holds = value !== undefined && value !== false;
    const explained = this.#explained.get(context) ?? new Set();
    this.#explained.set(context, explained);
    if (explained.has(group)) return { ...base, holds, values, note: "explained already", because: NONE };
    explained.add(group);
    const because =
      group.kind === "complete" ? this.#clauses(group, this.#runs.run(group, context, NO_ARGUMENTS)) : this.#contributions(group, context);
    return { ...base, holds, values, because };
  }

  #call({ group, name }: Link & { readonly kind: "function" }, args: readonly Value[], context: Context): Reason {
    const { module: file, line, column } = group.at;
    const shown = args.map((arg) => this.#short(arg)).join(", ");
    const source = `${name}(${cut(shown, MAXIMUM_ARGUMENTS_TEXT)})`;
    const base = { kind: "rule", file, line, column, source } as const;
    if (context.mocks?.has(group.name) === true) return { ...base, holds: true, values: [], note: "replaced by with", because: NONE };
    const run = this.#runs.ofCall(group, context, args);
    const { value } = run;
    const because = this.#clauses(group, run);
    return { ...base, holds: value !== undefined && value !== false, values: [{ term: source, value: this.#short(value) }], because };
  }

  /** The clause that gave a complete rule or a function its value; where none did, all of them and the default. */
  #clauses(group: RuleGroup, { failed, before, held, isDefault, context }: GroupRun): readonly Reason[] {
    const explained = (runs: readonly BranchRun[]) => runs.flatMap(([traced, record]) => this.#clause(traced, record, context));
    // An `else` counts because the branches before it have no value.
    if (held !== undefined) return [...explained(before), ...explained([held])];
    return [...(isDefault && group.fallback !== undefined ? this.#default(group.fallback) : NONE), ...explained(failed)];
  }

  #default(fallback: RuleCode): readonly Reason[] {
    const base = this.#placed("default", true, fallback.at);
    return this.#one(() => ({ ...base, source: `default ${base.source}`, values: [], because: NONE }));
  }

  #clause({ body, branch }: TracedBranch, record: BodyRecord, context: Context): readonly Reason[] {
    return this.#one(() => {
      const base = { ...this.#placed("clause", record.answers.length > 0, branch.at), values: [] };
      if (base.holds) return { ...base, because: this.body(body, record, context) };
      if (record.reached < 0) return { ...base, note: "the arguments do not match its patterns", passed: 0, because: NONE };
      const passed = record.reached;
      if (passed === body.placed.length) return { ...base, note: "its body holds, but its head has no value", passed, because: NONE };
      return { ...base, passed, because: this.body(body, record, context) };
    });
  }

  /** What the rules of a partial set or document gave; where none gave anything, why. */
  #contributions(group: RuleGroup, context: Context): readonly Reason[] {
    const given: Reason[] = [];
    const failed: (readonly [TracedBranch, BodyRecord])[] = [];
    for (const traced of group.rules.flatMap((rule) => this.#traces.branches(rule))) {
      const record = traced.body.run(context, new Array(traced.body.layout.size), MAXIMUM_ANSWERS);
      if (record.answers.length === 0) failed.push([traced, record]);
      for (const { frame, keys, value } of record.answers) {
        given.push(
          ...this.#one(() => {
            const base = this.#placed("answer", true, traced.branch.at);
            const path = keys.map((key) => `[${shortText(key)}]`).join("");
            const values = [{ term: `${group.name}${path}`, value: this.#short(value) }];
            return { ...base, values, because: this.#held(traced.body, frame, context) };
          }),
        );
      }
    }
    return given.length > 0 ? given : failed.flatMap(([traced, record]) => this.#clause(traced, record, context));
  }

  #placed<K extends Reason["kind"]>(kind: K, holds: boolean, at: Position) {
    return { kind, holds, file: at.module, line: at.line, column: at.column, source: this.#traces.texts.head(at) } as const;
  }
}
