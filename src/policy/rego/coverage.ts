import type { Exec } from "./code.ts";
import { type Attempts, Generator } from "./generator.ts";
import type { Layout, Node, Statement } from "./ir.ts";
import type { Plan } from "./plan.ts";
import type { Position } from "./position.ts";
import { Program } from "./program.ts";
import type { RuleGroup } from "./rule-group.ts";
import type { Module } from "./syntax.ts";

/** The start of a statement or head, and whether it was reached. */
interface Point {
  reached: boolean;
}

/** A program whose bodies note what they reach. */
export class Covering {
  readonly program: Program;
  readonly #points = new Map<string, Map<number, Point[]>>();

  /** @throws CaiError as `Program` does */
  constructor(modules: readonly Module[]) {
    for (const { name } of modules) this.#points.set(name, new Map());
    this.program = new Program(
      modules,
      (program, layout, owner, attempts) => new CoveringGenerator(this, program, layout, owner, attempts),
    );
  }

  /** @returns for each module the lines that count, and whether everything that starts there was reached */
  files(): { readonly file: string; readonly lines: ReadonlyMap<number, boolean> }[] {
    return [...this.#points].map(([file, lines]) => ({
      file,
      lines: new Map([...lines].map(([line, points]) => [line, points.every(({ reached }) => reached)])),
    }));
  }

  point({ module, line }: Position): Point {
    const lines = this.#points.get(module)!;
    const point = { reached: false };
    const points = lines.get(line);
    if (points === undefined) lines.set(line, [point]);
    else points.push(point);
    return point;
  }
}

class CoveringGenerator extends Generator {
  readonly #covering: Covering;
  readonly #pointOf = new Map<Statement, Point>();
  #headSeen = false;

  constructor(covering: Covering, program: Program, layout: Layout, owner?: RuleGroup, attempts?: Attempts) {
    super(program, layout, owner, attempts);
    this.#covering = covering;
  }

  override body(
    statements: readonly Statement[],
    plan: Plan,
    at: Position,
    finish: (plan: Plan) => Exec | null,
    head: readonly Node[] = [],
  ): Exec {
    // The first body is the rule's own; closures have their statements only.
    const point = this.#headPoint(at);
    if (point === undefined) return super.body(statements, plan, at, finish, head);
    const marked = (inner: Plan): Exec | null => {
      const last = finish(inner);
      if (last === null) return null;
      return (context, frame) => {
        point.reached = true;
        return last(context, frame);
      };
    };
    return super.body(statements, plan, at, marked, head);
  }

  #headPoint(at: Position): Point | undefined {
    if (this.#headSeen) return undefined;
    this.#headSeen = true;
    return this.#covering.point(at);
  }

  protected override place(statement: Statement, plan: Plan, code: Plan): void {
    // A statement inside a closure is placed again with each attempt to place the closure.
    const point = this.#pointOf.get(statement) ?? this.#covering.point(statement.at);
    this.#pointOf.set(statement, point);
    plan.steps.push({
      test: () => {
        point.reached = true;
        return true;
      },
    });
    super.place(statement, plan, code);
  }
}
