import { parseModule } from "../rego/module-parser.ts";
import type { PolicyModule } from "../rego/policy.ts";
import type { Module } from "../rego/syntax.ts";

/** Modules that are compiled together. */
export interface PolicyUnit {
  /** the policy that this unit is about; undefined where everything is one policy */
  readonly about: string | undefined;
  readonly modules: readonly PolicyModule[];
}

interface Parsed {
  readonly source: PolicyModule;
  readonly module: Module;
}

/**
 * Divides modules into what can be compiled together. As a rule that is all of them. But two modules of one package that give the same rule
 * a default can never be one policy: they are alternatives, such as a folder of recipes that are all `package policy`. Each alternative is then
 * a unit of its own, with the other modules: without those beside it that belong to another alternative as `NAME_test.rego` belongs to
 * `NAME.rego`, and without those that lie in another alternative's folder.
 *
 * @param modules  named by their paths
 * @throws CaiError `policy.parse-error`, `policy.limit-exceeded`
 */
export function policyUnits(modules: readonly PolicyModule[]): PolicyUnit[] {
  const parsed = modules.map((source): Parsed => ({ source, module: parseModule(source.name, source.text) }));
  const alternatives = alternativesIn(parsed);
  if (alternatives.size === 0) return [{ about: undefined, modules }];
  const names = [...alternatives].map(({ source }) => source.name);
  const others = parsed.filter((one) => !alternatives.has(one)).map(({ source }) => source);
  return names.map((about, i) => ({
    about,
    modules: [[...alternatives][i]!.source, ...others.filter(({ name }) => belongs(name, about, names))],
  }));
}

function alternativesIn(parsed: readonly Parsed[]): Set<Parsed> {
  const byDefault = new Map<string, Set<Parsed>>();
  for (const one of parsed) {
    for (const { isDefault, name } of one.module.rules) {
      if (!isDefault) continue;
      const key = JSON.stringify([...one.module.package, name]);
      byDefault.set(key, (byDefault.get(key) ?? new Set()).add(one));
    }
  }
  return new Set([...byDefault.values()].flatMap((those) => (those.size > 1 ? [...those] : [])));
}

/** True where a module may be compiled with an alternative. */
function belongs(name: string, about: string, alternatives: readonly string[]): boolean {
  const owner = alternatives.find((other) => name === testOf(other));
  if (owner !== undefined) return owner === about;
  const inFolder = alternatives.filter((other) => folderOf(other) === folderOf(name));
  return inFolder.length === 0 || inFolder.includes(about);
}

function testOf(name: string): string {
  return name.replace(/\.rego$/, "_test.rego");
}

function folderOf(name: string): string {
  return name.slice(0, name.lastIndexOf("/") + 1);
}
