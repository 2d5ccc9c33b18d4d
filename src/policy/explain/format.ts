import type { Explanation, Reason, ShownValue } from "./explanation.ts";
import { cut } from "./short-text.ts";

/** How a piece of the text is to look: of something that holds, that fails, or that is beside the point. */
export type ReasonStyle = "holds" | "fails" | "aside";

export interface FormatOptions {
  /** colours a piece of text; left out, it stays as it is */
  readonly paint?: (style: ReasonStyle, text: string) => string;
}

const MAXIMUM_SHORT = 400;

/** Writes an explanation as text: one line a reason, what it depends on indented below it. Ends with a line end. */
export function formatExplanation(explanation: Explanation, { paint = (_, text) => text }: FormatOptions = {}): string {
  const lines: string[] = [];
  const isRule = explanation.reasons.some(({ kind }) => kind === "rule");
  if (!isRule) lines.push(`${explanation.query} ${verdict(explanation)}`);
  for (const reason of explanation.reasons) write(reason, isRule ? 0 : 1);
  if (explanation.truncated) lines.push(paint("aside", "… further reasons are left out"));
  return `${lines.join("\n")}\n`;

  function write(reason: Reason, depth: number): void {
    const mark = reason.holds ? paint("holds", "✓") : paint("fails", "✗");
    const note = reason.note === undefined ? "" : paint("aside", ` (${reason.note})`);
    const place = paint("aside", `${reason.file}:${reason.line}`);
    const indent = "  ".repeat(depth);
    switch (reason.kind) {
      case "rule": {
        const [value] = reason.values;
        lines.push(`${indent}${mark} ${reason.source}${value === undefined ? "" : ` is ${value.value}`}${note}`);
        break;
      }
      case "member":
        lines.push(`${indent}${mark} ${reason.source}${note}`);
        break;
      case "clause":
      case "default":
      case "statement":
        lines.push(`${indent}${mark} ${place}  ${reason.source}${note}`);
        for (const value of reason.values) lines.push(`${indent}    ${valueText(value)}`);
        break;
      case "answer":
        lines.push(`${indent}${mark} ${place}  ${reason.values.map(({ value }) => value).join(", ")} by ${reason.source}${note}`);
        break;
    }
    for (const one of reason.because) write(one, depth + 1);
  }
}

function verdict({ outcome, value }: Explanation): string {
  if (outcome === "value") return value === undefined ? "has answers" : "has a value";
  return `is ${outcome}`;
}

function valueText({ term, value, note }: ShownValue): string {
  return note === undefined ? `${term} is ${value}` : `${term} is ${value}: ${note}`;
}

/**
 * Says in one line of at most 400 characters why a query is not true: the failing statement that lies deepest in the rule that came
 * furthest, with its values. For records and logs of the operator: it names what the policy expects, so it never goes to the peer.
 *
 * @returns undefined where the query is true or no reason is known
 */
export function shortReason({ outcome, reasons }: Explanation): string | undefined {
  if (outcome === "true") return undefined;
  const deepest = reasons.map(deepestFailure).find((found) => found !== undefined);
  if (deepest === undefined) return undefined;
  const { file, line, source } = deepest;
  const inner = deepest.because.find((one) => one.kind === "statement");
  const values = (deepest.values.length > 0 ? deepest : (inner ?? deepest)).values.slice(0, 2).map(valueText);
  return cut(
    [`${file}:${line}: ${source}`, values.length > 0 ? values.join(", ") : (deepest.note ?? "")].filter(Boolean).join(": "),
    MAXIMUM_SHORT,
  );
}

/** What failed, and nothing below it did. */
function deepestFailure(reason: Reason): Reason | undefined {
  const failed = reason.because.filter(({ holds, kind }) => !holds && kind !== "default");
  const [next] = failed.toSorted((a, b) => (b.passed ?? 0) - (a.passed ?? 0));
  const below = next === undefined ? undefined : deepestFailure(next);
  if (below !== undefined) return below;
  return reason.holds || reason.kind === "member" ? undefined : reason;
}
