import type { Step } from "./code.ts";
import { eachLocal, type Local, type Node } from "./ir.ts";

/** The code of a body so far, and the variables that have a value after it. */
export class Plan {
  readonly bound: Set<Local>;
  readonly steps: Step[];

  constructor(bound: Iterable<Local> = [], steps: readonly Step[] = []) {
    this.bound = new Set(bound);
    this.steps = [...steps];
  }

  /** A plan to try something in: it starts from these variables, with no steps. */
  fork(): Plan {
    return new Plan(this.bound);
  }

  /** Takes over what a fork did. */
  adopt(fork: Plan): void {
    for (const local of fork.bound) this.bound.add(local);
    this.steps.push(...fork.steps);
  }

  /** True where a term is a pattern with variables that have no value yet: a variable, or an array or object of patterns. */
  isPattern(node: Node): boolean {
    switch (node.kind) {
      case "local":
        return !this.bound.has(node.local);
      case "array":
        return node.items.some((item) => this.isPattern(item));
      case "object":
        return node.entries.some(([, value]) => this.isPattern(value));
      default:
        return false;
    }
  }

  /** True where every variable of a term has a value. */
  isReady(node: Node): boolean {
    let ready = true;
    eachLocal(node, (local) => {
      ready &&= this.bound.has(local);
    });
    return ready;
  }
}
