import { RE2JS } from "re2js";
import type { Run } from "../run.ts";
import { BuiltinFailure } from "./builtin.ts";

/** Characters of one pattern. */
const MAXIMUM_PATTERN = 4096;
const KEPT = 128;
const kept = new Map<string, RE2JS>();

/**
 * Compiles a regular expression of RE2's syntax, which matches in linear time.
 *
 * @throws BuiltinFailure where the pattern is none or too large
 */
export function regularExpression(pattern: string): RE2JS {
  let expression = kept.get(pattern);
  if (expression !== undefined) return expression;
  if (pattern.length > MAXIMUM_PATTERN) throw new BuiltinFailure(`expected a pattern of at most ${MAXIMUM_PATTERN} characters`);
  try {
    expression = RE2JS.compile(pattern);
  } catch (error) {
    if (error instanceof RangeError) throw error;
    throw new BuiltinFailure("expected a regular expression of RE2's syntax");
  }
  if (kept.size >= KEPT) kept.delete(kept.keys().next().value!);
  kept.set(pattern, expression);
  return expression;
}

/** Counts the work of matching before it is done: it grows with the text and with the compiled pattern. */
function charge(expression: RE2JS, text: string, run: Run): void {
  run.characters(text.length);
  run.tick(Math.ceil((text.length * expression.programSize()) / 16));
}

export function matches(pattern: string, text: string, run: Run): boolean {
  const expression = regularExpression(pattern);
  charge(expression, text, run);
  return expression.matcher(text).find();
}

/** One match: where it is, and its groups, empty where one took no part. */
export interface Match {
  readonly start: number;
  readonly end: number;
  readonly groups: readonly string[];
  readonly named: { readonly [name: string]: number };
}

/** @returns at most `limit` matches that do not overlap; an empty one never touches the one before */
export function allMatches(pattern: string, text: string, limit: number, run: Run): Match[] {
  const expression = regularExpression(pattern);
  charge(expression, text, run);
  const matcher = expression.matcher(text);
  const named = expression.namedGroups();
  const found: Match[] = [];
  let previousEnd = -1;
  while ((limit < 0 || found.length < limit) && matcher.find()) {
    run.tick();
    const [start, end] = [matcher.start(), matcher.end()];
    if (start === end && start === previousEnd) continue;
    previousEnd = end;
    const groups = Array.from({ length: matcher.groupCount() + 1 }, (_, i) => matcher.group(i) ?? "");
    found.push({ start, end, groups, named });
  }
  return found;
}
