import { BuiltinFailure, type Builtins, builtin, stringArg, stringsArg } from "./builtin.ts";
import { matches } from "./regular-expression.ts";

const SPECIAL = /[\\*?[\]{}!^$.|+()-]/g;

/** @returns a regular expression of a glob: `*` and `?` stop at delimiters, `**` does not; `[…]` and `{a,b}` as usual */
function expressionOf(glob: string, delimiters: readonly string[]): string {
  const excluded = delimiters.map((one) => one.replace(SPECIAL, "\\$&")).join("");
  const one = excluded === "" ? "(?s:.)" : `[^${excluded}]`;
  let expression = "";
  let alternatives = 0;
  for (let i = 0; i < glob.length; i++) {
    const char = glob[i]!;
    if (char === "\\" && i + 1 < glob.length) expression += glob[++i]!.replace(SPECIAL, "\\$&");
    else if (char === "*" && glob[i + 1] === "*") {
      while (glob[i + 1] === "*") i++;
      expression += "(?s:.*)";
    } else if (char === "*") expression += `${one}*`;
    else if (char === "?") expression += one;
    else if (char === "[") {
      const end = glob.indexOf("]", i + 2);
      if (end < 0) throw new BuiltinFailure("glob: expected ]");
      const body = glob.slice(i + 1, end);
      const negated = body.startsWith("!") || body.startsWith("^");
      expression += `[${negated ? "^" : ""}${(negated ? body.slice(1) : body).replace(/[\\[\]^]/g, "\\$&")}]`;
      i = end;
    } else if (char === "{") {
      alternatives++;
      expression += "(?:";
    } else if (char === "}" && alternatives > 0) {
      alternatives--;
      expression += ")";
    } else if (char === "," && alternatives > 0) expression += "|";
    else expression += char.replace(SPECIAL, "\\$&");
  }
  if (alternatives > 0) throw new BuiltinFailure("glob: expected }");
  return `^(?:${expression})$`;
}

/** Globs. Without delimiters `.` is one; null means that there is none. */
export const globs: Builtins = {
  "glob.match": builtin(3, (args, run) => {
    const given = args[1] === null ? [] : stringsArg(args, 1);
    const delimiters = args[1] !== null && given.length === 0 ? ["."] : given;
    return matches(expressionOf(stringArg(args, 0), delimiters), stringArg(args, 2), run);
  }),
  "glob.quote_meta": builtin(1, (args) => stringArg(args, 0).replace(/[*?\\[\]{}]/g, "\\$&")),
};
