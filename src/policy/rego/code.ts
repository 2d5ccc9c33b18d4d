import type { Context, Frame } from "./context.ts";
import type { Value } from "./value.ts";

/** Generated code of a term: its value, undefined where it has none. */
export type Eval = (context: Context, frame: Frame) => Value | undefined;

/** Generated code of a body: goes through its answers, until one says that it is enough; true where one did. */
export type Exec = (context: Context, frame: Frame) => boolean;

/** One step of a body: a test that holds or not, or anything that calls what follows for each of its answers. */
export type Step = { readonly test: Exec } | { readonly wrap: (next: Exec) => Exec };

/** @returns the values of all the terms, or undefined where one of them has none */
export function valuesOf(terms: readonly Eval[], context: Context, frame: Frame): Value[] | undefined {
  const values: Value[] = [];
  for (const term of terms) {
    const value = term(context, frame);
    if (value === undefined) return undefined;
    values.push(value);
  }
  return values;
}

/** Chains steps; neighbouring tests become one loop. */
export function sequence(steps: readonly Step[], last: Exec): Exec {
  let next = last;
  for (let end = steps.length; end > 0; ) {
    const step = steps[end - 1]!;
    if ("wrap" in step) {
      next = step.wrap(next);
      end--;
      continue;
    }
    let start = end - 1;
    while (start > 0 && "test" in steps[start - 1]!) start--;
    next = testsThen(
      steps.slice(start, end).map((one) => (one as { readonly test: Exec }).test),
      next,
    );
    end = start;
  }
  return next;
}

function testsThen(tests: readonly Exec[], next: Exec): Exec {
  const [first, second] = tests;
  if (tests.length === 1) return (context, frame) => first!(context, frame) && next(context, frame);
  if (tests.length === 2) return (context, frame) => first!(context, frame) && second!(context, frame) && next(context, frame);
  return (context, frame) => {
    for (let i = 0; i < tests.length; i++) if (!tests[i]!(context, frame)) return false;
    return next(context, frame);
  };
}
