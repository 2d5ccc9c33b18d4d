import type { Run } from "../run.ts";
import type { Value } from "../value.ts";
import { type Builtin, BuiltinFailure, type Builtins, builtin, indexArg, stringArg } from "./builtin.ts";
import { intersect } from "./glob-intersection.ts";
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

/** @returns a pattern for text whose parts between the delimiters are regular expressions */
function templatePattern(template: string, open: string, close: string): string {
  let pattern = "^";
  for (let at = 0; at < template.length; ) {
    const start = template.indexOf(open, at);
    const literal = template.slice(at, start < 0 ? undefined : start);
    pattern += literal.replace(/[\\^$.*+?()[\]{}|-]/g, "\\$&");
    if (start < 0) break;
    let depth = 1;
    let end = start + 1;
    for (; end < template.length && depth > 0; end++) depth += template[end] === close ? -1 : template[end] === open ? 1 : 0;
    if (depth > 0) throw new BuiltinFailure(`expected ${close} in the template`);
    pattern += `(?:${template.slice(start + 1, end - 1)})`;
    at = end;
  }
  return `${pattern}$`;
}

/** Regular expressions of RE2's syntax. */
export const regexes: Builtins = {
  "regex.match": builtin(2, (args, run) => matches(stringArg(args, 0), stringArg(args, 1), run)),
  re_match: builtin(2, (args, run) => matches(stringArg(args, 0), stringArg(args, 1), run)),
  "regex.template_match": builtin(4, (args, run) => {
    const [open, close] = [stringArg(args, 2), stringArg(args, 3)];
    if (open.length !== 1 || close.length !== 1) throw new BuiltinFailure("expected delimiters of one character");
    return matches(templatePattern(stringArg(args, 0), open, close), stringArg(args, 1), run);
  }),
  "regex.globs_match": builtin(2, (args, run) => intersect(stringArg(args, 0), stringArg(args, 1), run)),
  "regex.is_valid": builtin(1, isValid),
  "regex.split": builtin(2, (args, run) => split(stringArg(args, 0), stringArg(args, 1), run)),
  "regex.find_n": found(({ groups }) => groups[0]!),
  "regex.find_all_string_submatch_n": found(({ groups }) => groups),
  "regex.replace": builtin(3, (args, run) => replaced(stringArg(args, 0), stringArg(args, 1), stringArg(args, 2), run)),
};
