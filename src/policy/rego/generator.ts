import { callCode, type Target } from "./call-code.ts";
import { type Eval, type Exec, sequence } from "./code.ts";
import { collectionCode, comprehensionCode, templateCode } from "./collection-code.ts";
import { eachLocal, eachLocalOf, type Layout, type Local, type Node, type Statement } from "./ir.ts";
import { meant } from "./names.ts";
import type { Plan } from "./plan.ts";
import { errorAt, type Position } from "./position.ts";
import type { Program } from "./program.ts";
import { refCode } from "./ref-code.ts";
import type { RuleGroup } from "./rule-group.ts";
import { statementCode } from "./statement-code.ts";

/** Attempts to place statements before a policy counts as too large to order. */
const MAXIMUM_ATTEMPTS = 200_000;

/** How many attempts there were to place statements. */
export interface Attempts {
  count: number;
}

/** Generates the code of one rule or query. A part that needs variables which have no value yet answers null and is tried again later. */
export class Generator {
  readonly program: Program;
  readonly layout: Layout;
  /** the group whose rule this is; undefined for a query */
  readonly owner: RuleGroup | undefined;

  readonly #attempts: Attempts;

  /** @param attempts  shared by all that counts as one policy; a query's own where it is left out */
  constructor(program: Program, layout: Layout, owner?: RuleGroup, attempts: Attempts = { count: 0 }) {
    this.program = program;
    this.layout = layout;
    this.owner = owner;
    this.#attempts = attempts;
  }

  /** @returns code for the term's value; iteration that it needs goes into the plan before it */
  value(node: Node, plan: Plan): Eval | null {
    switch (node.kind) {
      case "value": {
        const { value } = node;
        return () => value;
      }
      case "slot":
        return slotCode(node.slot);
      case "local":
        return plan.isBound(node.local) ? slotCode(node.local.slot) : null;
      case "ref":
        return refCode(this, node, plan);
      case "call":
        return callCode(this, node, plan);
      case "array":
      case "set":
      case "object":
        return collectionCode(this, node, plan);
      case "comprehension":
        return comprehensionCode(this, node, plan);
      case "template":
        return templateCode(this, node, plan);
    }
  }

  /** @returns code for the values of several terms; null where one of them is not ready */
  values(nodes: readonly Node[], plan: Plan): Eval[] | null {
    const codes: Eval[] = [];
    for (const node of nodes) {
      const code = this.value(node, plan);
      if (code === null) return null;
      codes.push(code);
    }
    return codes;
  }

  /**
   * Generates a body: takes, again and again, the first statement whose variables have values.
   *
   * @param plan    what stands before the body; taken over
   * @param finish  makes the code that runs for each answer; null where a variable of the head has no value
   * @param head    the terms that `finish` uses, for its error message
   * @throws CaiError `policy.compile-error` where a variable is unsafe
   */
  body(statements: readonly Statement[], plan: Plan, at: Position, finish: (plan: Plan) => Exec | null, head: readonly Node[] = []): Exec {
    const waiting = [...statements];
    while (waiting.length > 0) {
      const ready = waiting.findIndex((statement) => {
        this.countAttempt(statement.at);
        const fork = plan.fork();
        if (!statementCode(this, statement, fork)) return false;
        this.place(statement, plan, fork);
        return true;
      });
      if (ready < 0) throw unsafe(waiting[0]!.at, plan, this.layout.globals, (visit) => eachLocalOf(waiting[0]!, visit));
      waiting.splice(ready, 1);
    }
    const last = finish(plan);
    if (last === null) {
      throw unsafe(at, plan, this.layout.globals, (visit) => {
        for (const node of head) eachLocal(node, visit);
      });
    }
    return sequence(plan.steps, last);
  }

  /** @returns code that calls a function of the policy */
  functionCode(group: RuleGroup): Target {
    return (context, args) => group.call(context, args);
  }

  /** Appends a statement's code to its body. */
  protected place(_statement: Statement, plan: Plan, code: Plan): void {
    plan.adopt(code);
  }

  /** Counts an attempt to place a statement: ordering takes time that grows with the square of a body. */
  countAttempt(at: Position): void {
    if (++this.#attempts.count > MAXIMUM_ATTEMPTS)
      throw errorAt("policy.limit-exceeded", at, "the statements of the policy are too many to order");
  }
}

function slotCode(slot: number): Eval {
  return (_, frame) => frame[slot] as ReturnType<Eval>;
}

function unsafe(at: Position, plan: Plan, globals: readonly string[], eachUsed: (visit: (local: Local) => void) => void): Error {
  const names = new Set<string>();
  const known = new Set(globals);
  eachUsed((local) => (plan.isBound(local) ? known : names).add(local.name));
  const [first = ""] = names;
  return errorAt("policy.compile-error", at, `variable ${[...names].join(", ")} is unsafe: no statement gives it a value first`, {
    hint: "a variable in a head, a negation or a call needs a value from another statement",
    ...meant(first, known),
  });
}
