import { checkPolicy, type Finding, policyUnits } from "../../../policy/index.ts";
import { CaiError, defineVerb, type JsonObject, printable } from "../../../system/index.ts";
import { type Colours, coloursFor } from "../colours.ts";
import { readModules } from "../policy-files.ts";

/** The findings about modules that were compiled together. */
interface Checked {
  readonly about: string | undefined;
  readonly findings: readonly Finding[];
}

export default defineVerb({
  path: "policy check",
  description:
    "Finds mistakes in policies without running them: what does not compile, and rules that let more through than they seem to.\nSays how much of what runs in a TEE a policy makes sure of. Files are compiled together; policies that exclude each other one by one.",
  positionals: [{ name: "FILE", about: "policies, or folders of them; `-` reads standard input", variadic: true }],
  flags: {
    strict: {
      kind: "text",
      value: "VERSION",
      about: "take one version of the language only; by default both are taken, mixed as they come",
      oneOf: ["v0", "v1"],
      commandLineOnly: true,
    },
  },
  examples: [
    { about: "before putting it in force", line: "cai policy check policy.rego" },
    { about: "every policy of a folder, in today's version of the language", line: "cai policy check policies --strict v1" },
  ],
  exits: { 0: "no error was found; there may be warnings", 1: "an error was found" },
  async run({ positionals: [files], flags, print }) {
    const modules = await readModules(files);
    const strict = flags.strict as "v0" | "v1" | undefined;
    const checked = unitsOf(modules).map(
      ({ about, modules: unit }): Checked => ({ about, findings: checkPolicy(unit, strict === undefined ? {} : { strict }) }),
    );
    const findings = distinct(checked);
    const errors = findings.filter(({ severity }) => severity === "error").length;
    const warnings = findings.filter(({ severity }) => severity === "warning").length;
    const json = findings.map((finding): JsonObject => ({ ...finding }));
    print(
      { errors, warnings, findings: json },
      report(findings, errors, warnings, modules.length, coloursFor(process.stdout, process.env)),
    );
    if (errors > 0) throw new CaiError("policy.check-failed", `${errors} ${errors === 1 ? "error" : "errors"} in ${files.join(", ")}`);
  },
});

/** Modules that do not even parse are checked together, which finds every one of them. */
function unitsOf(modules: Parameters<typeof policyUnits>[0]): ReturnType<typeof policyUnits> {
  try {
    return policyUnits(modules);
  } catch (error) {
    if (error instanceof CaiError && error.id.startsWith("policy.")) return [{ about: undefined, modules }];
    throw error;
  }
}

/** A module that belongs to several policies is checked with each; what is found in it is told once. */
function distinct(checked: readonly Checked[]): Finding[] {
  const seen = new Map<string, Finding>();
  for (const { findings } of checked) for (const finding of findings) seen.set(JSON.stringify(finding), finding);
  return [...seen.values()];
}

function report(findings: readonly Finding[], errors: number, warnings: number, files: number, colours: Colours): string {
  const lines = findings.flatMap((finding) => findingLines(finding, colours));
  const sum = `${count(files, "file")}: ${count(errors, "error")}, ${count(warnings, "warning")}`;
  return [...lines, errors > 0 ? colours.bad(sum) : warnings > 0 ? colours.warning(sum) : colours.good(sum)].join("\n");
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? "" : "s"}`;
}

function findingLines({ severity, id, message, file, line, column, hint }: Finding, colours: Colours): string[] {
  const paint = { error: colours.bad, warning: colours.warning, info: colours.faint }[severity];
  const first = `${printable(file)}:${line}:${column}: ${paint(severity)}: ${printable(message, true)} ${colours.faint(`[${id}]`)}`;
  return hint === "" ? [first] : [first, `  ${colours.faint("hint:")} ${printable(hint)}`];
}
