import type { Explanation, Reason, ShownValue } from "../explain/index.ts";

/** Levels of reasons that are kept of what holds: the rule, its clause, the statements of that. */
const HELD_DEPTH = 3;

/** @returns the reasons without what lies below the statements that carried the outcome, and without objects that are shown in part */
export function pruned(explanation: Explanation): Explanation {
  const reasons = explanation.reasons.map((reason) => cutBelow(reason, HELD_DEPTH));
  return { ...explanation, reasons };
}

function cutBelow(reason: Reason, depth: number): Reason {
  const values = reason.values.filter(({ value }) => !value.endsWith(" in all}"));
  return { ...reason, values, because: depth <= 1 ? [] : reason.because.map((one) => cutBelow(one, depth - 1)) };
}

/** @returns the statements without any value: names and texts are the policy's own, values are what it was given */
export function withoutValues(explanation: Explanation): Explanation {
  const { value: _, ...rest } = explanation;
  return { ...rest, reasons: explanation.reasons.map(bare) };
}

const NO_VALUES: readonly ShownValue[] = [];

function bare({ note: _, ...reason }: Reason): Reason {
  const because = reason.because.map(bare);
  switch (reason.kind) {
    case "rule":
      // A function is written with its arguments.
      return { ...reason, source: reason.source.replace(/\(.*/s, "(…)"), values: NO_VALUES, because };
    case "member":
      return { ...reason, source: "(a member)", values: NO_VALUES, because };
    default:
      return { ...reason, values: NO_VALUES, because };
  }
}
