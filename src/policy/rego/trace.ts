import type { Target } from "./call-code.ts";
import { type Exec, valuesOf } from "./code.ts";
import type { Context, Frame } from "./context.ts";
import { Generator } from "./generator.ts";
import type { Layout, Node, Statement } from "./ir.ts";
import { Plan } from "./plan.ts";
import type { Position } from "./position.ts";
import type { Program } from "./program.ts";
import type { RuleGroup } from "./rule-group.ts";
import type { Value } from "./value.ts";

/** A statement in the order in which its body runs. */
export interface PlacedStatement {
  readonly statement: Statement;
  /** the variables that have a value before it */
  readonly known: Plan;
}

/** What a body's answers give: a value, and the keys in front of it for members of a partial document. */
export interface Head {
  readonly keys: readonly Node[];
  readonly value: Node;
}

/** @returns the head of a body that has none */
export function headless(at: Position): Head {
  return { keys: [], value: { kind: "value", value: true, at } };
}

/** One answer of a body: the frame that led to it. */
export interface Answer {
  readonly frame: Frame;
  readonly keys: readonly Value[];
  readonly value: Value;
}

/** How far one run of a body came. */
export interface BodyRecord {
  /** how many statements held at once at most; -1 where what stands before the body did not match */
  reached: number;
  /** the frame when that many held for the first time */
  frame: Frame;
  readonly answers: Answer[];
  readonly wanted: number;
}

/** Generates code that calls `mark` in front of each statement of one body, and not in the closures inside it. */
class MarkingGenerator extends Generator {
  readonly placed: PlacedStatement[] = [];
  readonly #body: ReadonlySet<Statement>;
  readonly #mark: (index: number) => Exec;
  readonly #functionCode: (group: RuleGroup) => Target;

  constructor({ program, layout, statements, functionCode }: TracedBodyParts, mark: (index: number) => Exec) {
    super(program, layout);
    this.#body = new Set(statements);
    this.#functionCode = functionCode;
    this.#mark = mark;
  }

  override functionCode(group: RuleGroup): Target {
    return this.#functionCode(group);
  }

  protected override place(statement: Statement, plan: Plan, code: Plan): void {
    if (this.#body.has(statement)) {
      plan.steps.push({ test: this.#mark(this.placed.length) });
      this.placed.push({ statement, known: plan.known() });
    }
    super.place(statement, plan, code);
  }
}

export interface TracedBodyParts {
  readonly program: Program;
  /** of the rule that the body belongs to; more slots are taken from it */
  readonly layout: Layout;
  readonly statements: readonly Statement[];
  readonly at: Position;
  readonly head: Head;
  /** plans what stands before the body, such as the patterns of arguments */
  readonly before: (generator: Generator, plan: Plan) => void;
  /** code that calls a function of the policy */
  readonly functionCode: (group: RuleGroup) => Target;
}

/** Code of one body that records how far it comes: the same code as that of evaluation, with marks between the statements. */
export class TracedBody {
  readonly generator: Generator;
  readonly placed: readonly PlacedStatement[];
  /** the variables that have a value after all statements */
  readonly known: Plan;
  readonly layout: Layout;
  readonly #exec: Exec;
  readonly #slot: number;
  /** false where no statement is run twice, so that no frame needs a copy */
  readonly #iterates: boolean;

  constructor(parts: TracedBodyParts) {
    const { layout, statements, at, head, before } = parts;
    this.#slot = layout.allocate();
    this.layout = layout;
    const mark = (index: number): Exec => {
      return (_, frame) => {
        const record = frame[this.#slot] as BodyRecord;
        if (index > record.reached) {
          record.reached = index;
          if (this.#iterates) record.frame = frame.slice();
        }
        return true;
      };
    };
    const generator = new MarkingGenerator(parts, mark);
    const plan = new Plan();
    before(generator, plan);
    let finished = plan;
    const finish = (inner: Plan): Exec | null => {
      inner.steps.push({ test: mark(statements.length) });
      const keys = generator.values(head.keys, inner);
      const value = keys && generator.value(head.value, inner);
      if (keys === null || value === null) return null;
      finished = inner;
      return (context, frame) => {
        const path = valuesOf(keys, context, frame);
        if (path === undefined) return false;
        const result = value(context, frame);
        if (result === undefined) return false;
        const record = frame[this.#slot] as BodyRecord;
        record.answers.push({ frame: this.#iterates ? frame.slice() : frame, keys: path, value: result });
        return record.answers.length >= record.wanted;
      };
    };
    this.#exec = generator.body(statements, plan, at, finish, [...head.keys, head.value]);
    this.#iterates = finished.steps.some((step) => "wrap" in step);
    this.generator = generator;
    this.placed = generator.placed;
    this.known = finished.known();
  }

  /**
   * Runs the body until it has so many answers.
   *
   * @param frame  written to
   */
  run(context: Context, frame: Frame, wanted: number): BodyRecord {
    const record: BodyRecord = { reached: -1, frame, answers: [], wanted };
    frame[this.#slot] = record;
    this.#exec(context, frame);
    return record;
  }
}
