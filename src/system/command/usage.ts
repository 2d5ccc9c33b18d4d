import { environmentName, flagsOf } from "./settings.ts";
import { formatTable } from "./table.ts";
import type { FlagSpec, PositionalSpec, Verb } from "./verb.ts";

const EXIT_MEANINGS = {
  0: "done",
  1: "failed",
  2: "wrong usage or configuration",
  3: "rejected by verification or policy",
  4: "a peer could not be reached",
} as const;

/** The help of one verb: synopsis, what it does, arguments, flags, exit status, examples. */
export function verbUsage(verb: Verb): string {
  const { path, description, positionals, examples, exits } = verb.spec;
  const flags = Object.entries(flagsOf(verb));
  const required = flags.filter(([, spec]) => isRequired(spec)).map(([name, spec]) => flagForm(name, spec));
  const synopsis = ["cai", path, ...positionals.map(positionalForm), ...required, "[flags]"].join(" ");
  const sections = [`Usage: ${synopsis}`, description];
  if (positionals.length > 0) sections.push(`Arguments:\n${indent(formatTable(positionals.map((p) => [p.name, p.about])))}`);
  for (const [group, members] of Map.groupBy(flags, ([, spec]) => spec.group ?? "Flags")) {
    sections.push(`${group}:\n${indent(formatTable(members.map(([name, spec]) => [flagForm(name, spec), flagAbout(name, spec)])))}`);
  }
  sections.push(
    `Exit status:\n${indent(formatTable(Object.entries(EXIT_MEANINGS).map(([code, meaning]) => [code, exits?.[Number(code) as 0] ?? meaning])))}`,
  );
  sections.push(`Examples:\n${examples.map((example) => `  # ${example.about}\n  ${example.line}`).join("\n\n")}`);
  return `${sections.join("\n\n")}\n`;
}

/** The help of a group of verbs. */
export function groupUsage(path: string, about: string, members: readonly (readonly [name: string, summary: string])[]): string {
  const command = path === "" ? "cai" : `cai ${path}`;
  return `${about}\n\nUsage: ${command} <command> [flags]\n\nCommands:\n${indent(formatTable(members))}\n\nRun \`${command} <command> --help\` for its flags and examples.\n`;
}

function positionalForm({ name, optional, variadic }: PositionalSpec): string {
  const form = variadic ? `${name}…` : name;
  return optional ? `[${form}]` : form;
}

function isRequired(spec: FlagSpec): boolean {
  return (spec.kind === "text" || spec.kind === "number") && spec.required === true;
}

function flagForm(name: string, spec: FlagSpec): string {
  const form = spec.kind === "switch" ? `--${name}` : `--${name} ${spec.value}`;
  return spec.short ? `-${spec.short}, ${form}` : form;
}

function flagAbout(name: string, spec: FlagSpec): string {
  const parts: string[] = [spec.about];
  if (spec.kind === "list") parts.push("(may be given several times)");
  if (spec.kind !== "switch" && spec.default !== undefined) parts.push(`(default ${spec.default})`);
  if (!spec.commandLineOnly && !spec.noVariable) parts.push(`[${environmentName(name)}]`);
  return parts.join(" ");
}

function indent(text: string): string {
  return text.replace(/^(?=.)/gm, "  ");
}
