import { narrow, toBigInt } from "../number.ts";
import type { Run } from "../run.ts";
import { entriesOf, type Value } from "../value.ts";
import { type Builtin, BuiltinFailure, type Builtins, builtin, indexArg, numberArg, objectArg, stringArg, stringsArg } from "./builtin.ts";

function made(text: string, run: Run): string {
  run.characters(text.length);
  return text;
}

/** A function of strings only. */
function ofStrings(count: number, apply: (...texts: string[]) => Value): Builtin {
  return builtin(count, (args, run) => {
    const result = apply(...args.map((_, i) => made(stringArg(args, i), run)));
    return typeof result === "string" ? made(result, run) : result;
  });
}

function trimmed(text: string, cutset: string, left: boolean, right: boolean): string {
  const cut = new Set(cutset);
  const points = [...text];
  let start = 0;
  let end = points.length;
  while (left && start < end && cut.has(points[start]!)) start++;
  while (right && end > start && cut.has(points[end - 1]!)) end--;
  return points.slice(start, end).join("");
}

/** Refuses a replacement whose result would be too long, before it is made. */
function checkReplacement(text: string, old: string, by: string, run: Run): void {
  const most = old === "" ? text.length + 1 : Math.floor(text.length / old.length);
  if (by.length > old.length && text.length + most * by.length > run.settings.budget.characters) {
    let count = 0;
    for (let at = text.indexOf(old); at >= 0 && old !== ""; at = text.indexOf(old, at + old.length)) count++;
    run.characters(text.length + (old === "" ? most : count) * by.length);
  }
}

/** Replaces all pairs at once: at each place the first pair that matches wins. */
function replaceEach(pairs: readonly (readonly [string, string])[], text: string, run: Run): string {
  const parts: string[] = [];
  let length = 0;
  for (let at = 0; at <= text.length; ) {
    run.tick(pairs.length);
    const pair = pairs.find(([old]) => text.startsWith(old, at));
    const added = pair !== undefined ? pair[1] : text.slice(at, at + 1);
    parts.push(added);
    length += added.length;
    if (length > run.settings.budget.characters) run.characters(length);
    if (pair !== undefined && pair[0] === "") parts.push(text.slice(at, at + 1));
    at += Math.max(pair?.[0].length ?? 1, 1);
  }
  return parts.join("");
}

/** Positions in code points, as policies count them. */
function codePointIndexes(text: string, needle: string): number[] {
  const found: number[] = [];
  let points = 0;
  let counted = 0;
  for (let at = text.indexOf(needle); at >= 0; at = text.indexOf(needle, at + needle.length)) {
    for (const _ of text.slice(counted, at)) points++;
    counted = at;
    found.push(points);
  }
  return found;
}

function anyMatch(args: readonly Value[], run: Run, matches: (text: string, affix: string) => boolean): boolean {
  const list = (index: number) => (typeof args[index] === "string" ? [args[index]] : stringsArg(args, index));
  const [texts, affixes] = [list(0), list(1)];
  run.tick(texts.length * affixes.length);
  return texts.some((text) => affixes.some((affix) => matches(text, affix)));
}

/** Functions over strings. Positions and lengths count code points. */
export const strings: Builtins = {
  concat: builtin(2, (args, run) => {
    const list = stringsArg(args, 1);
    const separator = stringArg(args, 0);
    run.characters(list.reduce((sum, text) => sum + text.length + separator.length, 0));
    return list.join(separator);
  }),
  contains: ofStrings(2, (text, part) => text.includes(part)),
  startswith: ofStrings(2, (text, prefix) => text.startsWith(prefix)),
  endswith: ofStrings(2, (text, suffix) => text.endsWith(suffix)),
  lower: ofStrings(1, (text) => text.toLowerCase()),
  upper: ofStrings(1, (text) => text.toUpperCase()),
  trim: ofStrings(2, (text, cutset) => trimmed(text, cutset!, true, true)),
  trim_left: ofStrings(2, (text, cutset) => trimmed(text, cutset!, true, false)),
  trim_right: ofStrings(2, (text, cutset) => trimmed(text, cutset!, false, true)),
  trim_prefix: ofStrings(2, (text, prefix) => (text.startsWith(prefix!) ? text.slice(prefix!.length) : text)),
  trim_suffix: ofStrings(2, (text, suffix) => (text.endsWith(suffix!) ? text.slice(0, text.length - suffix!.length) : text)),
  trim_space: ofStrings(1, (text) => text.replace(/^[\p{White_Space}]+/u, "").trimEnd()),
  indexof: ofStrings(2, (text, needle) => {
    if (needle === "") throw new BuiltinFailure("empty search character");
    const at = text.indexOf(needle!);
    return at < 0 ? -1 : [...text.slice(0, at)].length;
  }),
  indexof_n: ofStrings(2, (text, needle) => {
    if (needle === "") throw new BuiltinFailure("empty search character");
    return codePointIndexes(text, needle!);
  }),
  substring: builtin(3, (args, run) => {
    const points = [...made(stringArg(args, 0), run)];
    const [offset, length] = [indexArg(args, 1), indexArg(args, 2)];
    if (offset < 0) throw new BuiltinFailure("negative offset");
    return points.slice(offset, length < 0 ? undefined : offset + length).join("");
  }),
  split: builtin(2, (args, run) => {
    const text = made(stringArg(args, 0), run);
    const delimiter = stringArg(args, 1);
    const parts = delimiter === "" ? [...text] : text.split(delimiter);
    run.members(parts.length);
    return parts;
  }),
  replace: builtin(3, (args, run) => {
    const [text, old, by] = [stringArg(args, 0), stringArg(args, 1), stringArg(args, 2)];
    checkReplacement(text, old, by, run);
    return made(old === "" ? `${by}${[...text].map((point) => point + by).join("")}` : text.replaceAll(old, () => by), run);
  }),
  "strings.replace_n": builtin(2, (args, run) => {
    const pairs = entriesOf(objectArg(args, 0)).map((pair) => [stringArg(pair, 0), stringArg(pair, 1)] as const);
    return made(replaceEach(pairs, stringArg(args, 1), run), run);
  }),
  "strings.reverse": ofStrings(1, (text) => [...text].reverse().join("")),
  "strings.count": ofStrings(2, (text, part) => (part === "" ? [...text].length + 1 : text.split(part!).length - 1)),
  "strings.any_prefix_match": builtin(2, (args, run) => anyMatch(args, run, (text, prefix) => text.startsWith(prefix))),
  "strings.any_suffix_match": builtin(2, (args, run) => anyMatch(args, run, (text, suffix) => text.endsWith(suffix))),
  format_int: builtin(2, (args, run) => {
    const value = numberArg(args, 0);
    const base = indexArg(args, 1);
    if (![2, 8, 10, 16].includes(base)) throw new BuiltinFailure("argument 2: expected one of 2, 8, 10, 16");
    const whole = typeof value === "number" ? narrow(BigInt(Math.floor(value))) : value;
    return made(toBigInt(whole).toString(base), run);
  }),
};
