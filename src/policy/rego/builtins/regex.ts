import type { Run } from "../run.ts";
import type { Value } from "../value.ts";
import { type Builtin, BuiltinFailure, type Builtins, builtin, indexArg, stringArg } from "./builtin.ts";
import { allMatches, type Match, matches, regularExpression } from "./regular-expression.ts";

/** The text that `$1`, `${name}` and `$$` of a replacement mean for a match. */
function expanded(template: string, match: Match): string {
  return template.replace(/\$(?:(\$)|\{(\w+)\}|(\w+))/g, (_, dollar?: string, braced?: string, bare?: string) => {
    if (dollar !== undefined) return "$";
    const name = braced ?? bare!;
    const index = /^\d+$/.test(name) ? Number(name) : match.named[name];
    return index === undefined ? "" : (match.groups[index] ?? "");
  });
}

function replaced(text: string, pattern: string, template: string, run: Run): string {
  let result = "";
  let at = 0;
  for (const match of allMatches(pattern, text, -1, run)) {
    result += text.slice(at, match.start) + expanded(template, match);
    at = match.end;
    if (result.length > run.settings.budget.characters) run.characters(result.length);
  }
  return result + text.slice(at);
}

function split(pattern: string, text: string, run: Run): string[] {
  const parts: string[] = [];
  let at = 0;
  for (const { start, end } of allMatches(pattern, text, -1, run)) {
    // An empty match at either end separates nothing.
    if (end === 0 || (start === end && start === text.length)) continue;
    parts.push(text.slice(at, start));
    at = end;
  }
  parts.push(text.slice(at));
  return parts;
}

function found(list: (match: Match) => Value): Builtin {
  return builtin(3, (args, run) => allMatches(stringArg(args, 0), stringArg(args, 1), indexArg(args, 2), run).map(list));
}

function isValid([value]: readonly Value[]): boolean {
  if (typeof value !== "string") return false;
  try {
    regularExpression(value);
    return true;
  } catch (error) {
    if (error instanceof BuiltinFailure) return false;
    throw error;
  }
}

/** Regular expressions of RE2's syntax. */
export const regexes: Builtins = {
  "regex.match": builtin(2, (args, run) => matches(stringArg(args, 0), stringArg(args, 1), run)),
  "regex.is_valid": builtin(1, isValid),
  "regex.split": builtin(2, (args, run) => split(stringArg(args, 0), stringArg(args, 1), run)),
  "regex.find_n": found(({ groups }) => groups[0]!),
  "regex.find_all_string_submatch_n": found(({ groups }) => groups),
  "regex.replace": builtin(3, (args, run) => replaced(stringArg(args, 0), stringArg(args, 1), stringArg(args, 2), run)),
};
