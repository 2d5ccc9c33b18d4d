import { CaiError } from "../../system/index.ts";
import { checkDialect, type Dialect } from "../rego/dialect.ts";
import { compilePolicy, PolicyError, type PolicyModule } from "../rego/index.ts";
import { parseModule } from "../rego/module-parser.ts";
import type { Module } from "../rego/syntax.ts";
import { assuranceFinding } from "./demanded-level.ts";
import { eventPresence } from "./events.ts";
import { type Finding, finding } from "./finding.ts";
import { negations } from "./negation.ts";
import { unused } from "./unused.ts";
import { eachTermOfRule } from "./walk.ts";

/** Built-ins that v1 of the language gave up, with what to write. */
const DEPRECATED: { readonly [name: string]: string } = {
  all: "write: every x in xs { x }",
  any: "write: some x in xs; x",
  cast_array: "write a comprehension",
  cast_boolean: "write: is_boolean(x)",
  cast_null: "write: is_null(x)",
  cast_object: "write: is_object(x)",
  cast_set: "write a comprehension",
  cast_string: "write: is_string(x)",
  "net.cidr_overlap": "write: net.cidr_contains",
  re_match: "write: regex.match",
  set_diff: "write: a - b",
};

/**
 * Checks policies without running them: every module parses, they compile together, and no rule looks like one that decides otherwise
 * than meant (security.md I22).
 *
 * @returns errors first, then warnings, then the level that the policy demands (I17); each by module, line and column
 */
export function checkPolicy(modules: readonly PolicyModule[], options: { readonly strict?: Dialect } = {}): Finding[] {
  const refusal = refusalOf(modules);
  // Text that is too long or nested too deeply is not walked through.
  if (refusal?.id === "policy.limit-exceeded") return [refusal];
  const parsed: Module[] = [];
  const errors: Finding[] = [];
  for (const { name, text } of modules) {
    try {
      parsed.push(parseModule(name, text));
    } catch (error) {
      errors.push(errorFinding(error, name));
    }
  }
  if (errors.length === 0 && refusal !== undefined) errors.push(refusal);
  const { strict } = options;
  const marks = strict === undefined ? [] : parsed.flatMap((module) => checkDialect(module, strict));
  errors.push(...marks.map((mark) => errorFinding(mark, "")));
  const lints = parsed.flatMap((module) => {
    const decides = deciding(module);
    return [...negations(decides), ...eventPresence(decides), ...withoutDefault(module), ...deprecated(module, strict), ...unused(module)];
  });
  return [...unique([...errors, ...lints].sort(order)), ...assuranceFinding(parsed)];
}

/** What stops the modules from being compiled together; undefined where nothing does. */
function refusalOf(modules: readonly PolicyModule[]): Finding | undefined {
  try {
    compilePolicy(modules);
    return undefined;
  } catch (error) {
    return errorFinding(error, modules[0]?.name ?? "policy");
  }
}

function errorFinding(error: unknown, file: string): Finding {
  if (error instanceof PolicyError) {
    const { id, at, problem, hint, expected } = error;
    return finding("error", id, at, problem, hint ?? (expected === undefined ? "" : `expected ${expected}`));
  }
  if (!(error instanceof CaiError)) throw error;
  return finding("error", error.id, { module: file, line: 1, column: 1 }, error.message, error.hint);
}

function order(a: Finding, b: Finding): number {
  const bySeverity = Number(b.severity === "error") - Number(a.severity === "error");
  return bySeverity || (a.file < b.file ? -1 : a.file > b.file ? 1 : 0) || a.line - b.line || a.column - b.column;
}

/** The module without its tests: that a test expects a denial, or sets up one event, lets nothing through. */
function deciding(module: Module): Module {
  const isTest = module.package.at(-1)?.endsWith("_test") ?? false;
  return { ...module, rules: isTest ? [] : module.rules.filter(({ name }) => !/^(?:todo_)?test_/.test(name)) };
}

/** One finding of a kind is enough for a place. */
function unique(found: readonly Finding[]): Finding[] {
  return [...new Map(found.map((one) => [JSON.stringify([one.id, one.file, one.line, one.column, one.message]), one])).values()];
}

/** A resource policy whose `allow` has no default is undefined where nothing holds: the trustee denies, but other engines may not. */
function withoutDefault(module: Module): Finding[] {
  const rules = module.rules.filter(({ name, path, args, element }) => {
    return name === "allow" && path.length === 0 && args === undefined && element === undefined;
  });
  const [first] = rules;
  if (first === undefined || rules.some(({ isDefault }) => isDefault)) return [];
  const message = "allow has no default: where no rule holds it is undefined instead of false";
  return [finding("warning", "lint.allow-without-default", first.at, message, "write: default allow := false")];
}

function deprecated(module: Module, strict: Dialect | undefined): Finding[] {
  const found: Finding[] = [];
  const own = new Set(module.rules.map(({ name }) => name));
  const severity = strict === "v1" ? "error" : "warning";
  for (const rule of module.rules) {
    eachTermOfRule(rule, (term) => {
      if (term.kind !== "call" || own.has(term.name) || !Object.hasOwn(DEPRECATED, term.name)) return;
      found.push(finding(severity, "lint.deprecated-builtin", term.at, `${term.name} is deprecated`, DEPRECATED[term.name]));
    });
  }
  return found;
}
