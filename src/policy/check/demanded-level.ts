import type { Module } from "../rego/syntax.ts";
import { stringsOf } from "./events.ts";
import { type Finding, finding } from "./finding.ts";
import { eachTermOfRule } from "./walk.ts";

/** Groups of claims; the boot is measured where one of each of a platform's groups is compared (security.md §1.4, trustee.md §5.7, §6). */
const BOOT: readonly (readonly (readonly string[])[])[] = [
  [["mr_td"], ["rtmr_0"], ["rtmr_1"], ["rtmr_2"]],
  [["mr_td", "measure"], ["kernel", "tdvfkernel"], ["initrd"], ["kernel_cmdline", "tdvfkernelparams"]],
];

/**
 * What a policy leaves out of the boot, from the claims and reference values whose names it reads (security.md §1.4, I17). Nothing left
 * out is level L1. It is never more: no claim proves by itself that a root file system or a configuration is the measured one.
 *
 * @returns the names that are missing in the way of measuring that the policy comes closest to; undefined where it compares no reference
 */
function missingBoot(modules: readonly Module[]): readonly string[] | undefined {
  if (!modules.some(comparesReferences)) return undefined;
  const names = new Set(modules.flatMap((module) => [...stringsOf(module)].flatMap(partsOf)));
  const ways = BOOT.map((groups) => groups.filter((group) => !group.some((name) => names.has(name))).map(([name]) => name!));
  return ways.reduce((best, way) => (way.length < best.length ? way : best));
}

/** `tdx.rtmr_1` and `measurement.kernel.SHA-384` also name what stands between the dots. */
function partsOf(name: string): string[] {
  return [name, ...name.split(".")];
}

/** True where a policy reads reference values, from whatever of the places they come from. */
function comparesReferences(module: Module): boolean {
  let found = module.imports.some(({ path }) => path[0] === "data" && path[1] === "reference");
  for (const rule of module.rules) {
    eachTermOfRule(rule, (term) => {
      if (term.kind === "call" && term.name === "query_reference_value") found = true;
      if (term.kind !== "ref" || term.head.kind !== "variable" || term.head.name !== "data") return;
      const [step] = term.path;
      found ||= step?.kind === "value" && step.value === "reference";
    });
  }
  return found;
}

/** Says what the policy demands; nothing of modules that only hold tests. */
export function assuranceFinding(modules: readonly Module[]): Finding[] {
  const policies = modules.filter((module) => !module.package.at(-1)?.endsWith("_test"));
  const [first] = policies;
  if (first === undefined) return [];
  const at = { module: first.name, line: 1, column: 1 };
  const reliesOnVector = policies.some(
    (module) => stringsOf(module).has("ear.status") || stringsOf(module).has("ear.trustworthiness-vector"),
  );
  const rest = reliesOnVector ? "; what it demands beyond that is the attestation policy's that made the token" : "";
  return [finding("info", "lint.assurance", at, `by itself this policy demands level ${meaningOf(missingBoot(policies))}${rest}`)];
}

function meaningOf(missing: readonly string[] | undefined): string {
  if (missing === undefined) return "L0: any software may run on the platforms that it accepts";
  if (missing.length > 0) return `L0: of the boot it does not compare ${missing.join(", ")}`;
  return "L1 at most: firmware, kernel, initrd and command line; the root file system and its configuration may be anything";
}
