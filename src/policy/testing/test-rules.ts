import { parseModule } from "../rego/module-parser.ts";
import type { PolicyModule } from "../rego/policy.ts";
import type { Rule } from "../rego/syntax.ts";

/** A rule that is a test. */
export interface TestRule {
  /** as reports show it: `data.policy_test.test_denies`, with `#2` behind it for a second rule of the name */
  readonly name: string;
  /** what is evaluated */
  readonly query: string;
  readonly file: string;
  /** from 1 */
  readonly line: number;
  /** true for `todo_test_…` */
  readonly skipped: boolean;
}

export interface TestModules {
  readonly tests: readonly TestRule[];
  /** the modules with a name of its own for each rule of a test, for otherwise one that holds would hide one that does not */
  readonly modules: readonly PolicyModule[];
}

/**
 * Finds the tests of modules: every rule without arguments whose name starts with `test_`, or with `todo_test_` for one that is to be skipped.
 *
 * @throws CaiError `policy.parse-error`, `policy.limit-exceeded`
 */
export function findTests(modules: readonly PolicyModule[]): TestModules {
  const seen = new Map<string, number>();
  const tests: TestRule[] = [];
  const changed = modules.map((source): PolicyModule => {
    const module = parseModule(source.name, source.text);
    const lines = source.text.split("\n");
    const renamed: Rule[] = [];
    for (const rule of module.rules) {
      if (!isTest(rule) || !startsAt(lines, rule)) continue;
      const path = ["data", ...module.package, rule.name].join(".");
      const count = (seen.get(path) ?? 0) + 1;
      seen.set(path, count);
      if (count > 1) renamed.push(rule);
      const ruleName = count > 1 ? distinctName(rule.name, count) : rule.name;
      tests.push({
        name: count > 1 ? `${path}#${count}` : path,
        query: `data${[...module.package, ruleName].map((step) => `[${JSON.stringify(step)}]`).join("")}`,
        file: source.name,
        line: rule.at.line,
        skipped: rule.name.startsWith("todo_"),
      });
    }
    return { name: source.name, text: withDistinctNames(lines, renamed, seen, module.package) };
  });
  return { tests, modules: changed };
}

function isTest({ name, args, isDefault }: Rule): boolean {
  return /^(?:todo_)?test_/.test(name) && args === undefined && !isDefault;
}

/** False for a further body of one head in the older syntax, which belongs to the rule before it. */
function startsAt(lines: readonly string[], { name, at }: Rule): boolean {
  return lines[at.line - 1]!.startsWith(name, at.column - 1);
}

function distinctName(name: string, count: number): string {
  return `${name}__${count}`;
}

function withDistinctNames(lines: string[], rules: readonly Rule[], seen: ReadonlyMap<string, number>, path: readonly string[]): string {
  const counts = new Map<string, number>();
  // From the last to the first, so that columns on one line stay true.
  for (const { name, at } of [...rules].reverse()) {
    const last = counts.get(name) ?? seen.get(["data", ...path, name].join("."))!;
    counts.set(name, last - 1);
    const line = lines[at.line - 1]!;
    lines[at.line - 1] = `${line.slice(0, at.column - 1)}${distinctName(name, last)}${line.slice(at.column - 1 + name.length)}`;
  }
  return lines.join("\n");
}
