import type { Context, Frame } from "../rego/context.ts";
import type { RuleGroup } from "../rego/rule-group.ts";
import type { BodyRecord } from "../rego/trace.ts";
import type { Value } from "../rego/value.ts";
import type { TracedBranch, Traces } from "./traces.ts";

/** Calls that one explanation remembers. */
const MAXIMUM_KEPT = 2_000;
/** Calls of one function that are looked through for one like the call at hand: while code runs, and for a reason. */
const RECENT = 2;
const SEARCHED = 200;

/** One branch that was run, and how far it came. */
export type BranchRun = readonly [TracedBranch, BodyRecord];

/** What the rules of one complete rule or function came to. */
export interface GroupRun {
  readonly context: Context;
  readonly args: readonly Value[];
  readonly value: Value | undefined;
  /** the branches that have no value */
  readonly failed: readonly BranchRun[];
  /** those among them that stand before `held` in the same rule: it is their `else` */
  readonly before: readonly BranchRun[];
  readonly held: BranchRun | undefined;
  readonly isDefault: boolean;
}

/** Runs the traced code of rules, and of functions while traced code calls them, so that no call is run again to be explained. */
export class GroupRuns {
  readonly #traces: Traces;
  readonly #kept = new Map<RuleGroup, GroupRun[]>();
  #count = 0;

  constructor(traces: Traces) {
    this.#traces = traces;
  }

  /** Calls a function as traced code does. */
  call(group: RuleGroup, context: Context, args: readonly Value[]): Value | undefined {
    return (this.#find(group, context, args, RECENT) ?? this.#keep(group, this.run(group, context, args))).value;
  }

  /** @returns the run of a call, which most often was made already */
  ofCall(group: RuleGroup, context: Context, args: readonly Value[]): GroupRun {
    return this.#find(group, context, args, SEARCHED) ?? this.#keep(group, this.run(group, context, args));
  }

  /** Runs the branches until one has a value. Rules that contradict each other have ended the evaluation before. */
  run(group: RuleGroup, context: Context, args: readonly Value[]): GroupRun {
    context.run.enter();
    const failed: BranchRun[] = [];
    for (const rule of group.rules) {
      const start = failed.length;
      for (const traced of this.#traces.branches(rule)) {
        const frame: Frame = new Array(traced.body.layout.size);
        for (let i = 0; i < args.length; i++) frame[i + 1] = args[i];
        const record = traced.body.run(context, frame, 1);
        const [answer] = record.answers;
        if (answer !== undefined) {
          context.run.leave();
          const { value } = answer;
          return { context, args, value, failed, before: failed.slice(start), held: [traced, record], isDefault: false };
        }
        failed.push([traced, record]);
      }
    }
    context.run.leave();
    const value = group.fallback && (group.kind === "complete" ? group.value(context) : group.call(context, args));
    return { context, args, value, failed, before: [], held: undefined, isDefault: value !== undefined };
  }

  #find(group: RuleGroup, context: Context, args: readonly Value[], most: number): GroupRun | undefined {
    const runs = this.#kept.get(group);
    if (runs === undefined) return undefined;
    for (let i = runs.length - 1; i >= 0 && i >= runs.length - most; i--) {
      const run = runs[i]!;
      if (run.context === context && run.args.every((arg, at) => arg === args[at])) return run;
    }
    return undefined;
  }

  #keep(group: RuleGroup, run: GroupRun): GroupRun {
    if (this.#count++ >= MAXIMUM_KEPT) return run;
    const runs = this.#kept.get(group);
    if (runs === undefined) this.#kept.set(group, [run]);
    else runs.push(run);
    return run;
  }
}
