import type { Step } from "./code.ts";
import type { Local, Node } from "./ir.ts";

/** The code of a body so far, and the variables that have a value after it. */
export class Plan {
  readonly #outer: Plan | undefined;
  readonly #bound = new Set<Local>();
  readonly steps: Step[] = [];

  /** @param outer  the plan whose variables this one may use */
  constructor(outer?: Plan) {
    this.#outer = outer;
  }

  /** A plan to try something in: it knows this one's variables and has no steps of its own. */
  fork(): Plan {
    return new Plan(this);
  }

  /** Takes over what a fork did. */
  adopt(fork: Plan): void {
    this.adoptVariables(fork);
    this.steps.push(...fork.steps);
  }

  adoptVariables(fork: Plan): void {
    for (const local of fork.#bound) this.#bound.add(local);
  }

  /** A plan that knows the variables which have a value now, and none that get one later. */
  known(): Plan {
    const known = new Plan();
    for (let plan: Plan | undefined = this; plan !== undefined; plan = plan.#outer) known.adoptVariables(plan);
    return known;
  }

  bind(local: Local): void {
    this.#bound.add(local);
  }

  isBound(local: Local): boolean {
    return this.#bound.has(local) || (this.#outer?.isBound(local) ?? false);
  }

  /** True where a term is a pattern with variables that have no value yet: a variable, or an array or object of patterns. */
  isPattern(node: Node): boolean {
    switch (node.kind) {
      case "local":
        return !this.isBound(node.local);
      case "array":
        return node.items.some((item) => this.isPattern(item));
      case "object":
        return node.entries.some(([, value]) => this.isPattern(value));
      default:
        return false;
    }
  }
}
