import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { parse as parseToml, TomlError } from "smol-toml";
import { CaiError } from "../error.ts";
import { nearest } from "./nearest.ts";
import type { FlagSpec, ListFlag, SettingSource, Verb, VerbContext } from "./verb.ts";

type Scalar = string | number | boolean | undefined;
type Value = Scalar | readonly string[];
type Given = Readonly<Record<string, string | boolean | readonly string[]>>;

export interface ParsedCommand {
  /** in the order of the specification */
  readonly positionals: VerbContext<Verb["spec"]["positionals"], Verb["spec"]["flags"]>["positionals"];
  readonly flags: Record<string, Value>;
  readonly sources: Record<string, SettingSource>;
  readonly json: boolean;
}

/** Flags that every verb has. */
const COMMON_FLAGS = {
  json: { kind: "switch", about: "print one JSON document on standard output", commandLineOnly: true },
  help: { kind: "switch", short: "h", about: "print this help", commandLineOnly: true },
} as const satisfies Record<string, FlagSpec>;

const CONFIG_FLAG = {
  kind: "text",
  value: "FILE",
  about: "settings file (TOML); a key is a flag's name with `_` for `-`",
  commandLineOnly: true,
} as const;

/** @returns every flag of a verb, with those that all verbs have */
export function flagsOf(verb: Verb): Readonly<Record<string, FlagSpec>> {
  return { ...verb.spec.flags, ...(verb.spec.settingsFile && { config: CONFIG_FLAG }), ...COMMON_FLAGS };
}

/**
 * Reads a verb's settings: flags, then `CAI_*` variables, then the settings file, then defaults (cli.md).
 *
 * @throws CaiError `cli.usage`, `cli.setting-unknown`, `cli.setting-invalid`, `cli.input-unreadable`
 */
export function resolveSettings(
  verb: Verb,
  rawArgs: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): ParsedCommand {
  const specs = flagsOf(verb);
  const { values, positionals } = parseStrictly(verb, specs, rawArgs);
  const file = readSettingsFile(verb, specs, values, environment);
  const flags: Record<string, Value> = {};
  const sources: Record<string, SettingSource> = {};
  for (const [name, spec] of Object.entries(verb.spec.flags)) {
    const [raw, source] = pick(name, spec, values[name], environment, file);
    sources[name] = source;
    flags[name] = raw === undefined && spec.kind === "switch" ? false : readValue(name, spec, raw, placeOf(name, source, file?.path));
    if (flags[name] === undefined && (spec.kind === "text" || spec.kind === "number") && spec.required) {
      throw new CaiError("cli.usage", `\`cai ${verb.spec.path}\` needs --${name} ${spec.value}`, { hint: `cai ${verb.spec.path} --help` });
    }
  }
  checkPositionals(verb, positionals);
  return { positionals: gathered(verb, positionals), flags, sources, json: values["json"] === true };
}

function parseStrictly(verb: Verb, specs: Readonly<Record<string, FlagSpec>>, rawArgs: readonly string[]) {
  const options = Object.fromEntries(
    Object.entries(specs).map(([name, spec]) => [
      name,
      {
        ...(spec.kind === "switch" ? { type: "boolean" as const } : { type: "string" as const, multiple: true }),
        ...(spec.short && { short: spec.short }),
      },
    ]),
  );
  const { tokens } = parseArgs({ args: [...rawArgs], options, strict: false, allowPositionals: true, tokens: true });
  const values: Record<string, string | boolean | readonly string[]> = {};
  const positionals: string[] = [];
  for (const token of tokens) {
    if (token.kind === "positional") positionals.push(token.value);
    if (token.kind !== "option") continue;
    const spec = Object.hasOwn(specs, token.name) ? specs[token.name] : undefined;
    const hint = `cai ${verb.spec.path} --help`;
    if (spec === undefined) {
      const near = nearest(token.name, Object.keys(specs));
      throw new CaiError("cli.usage", `\`cai ${verb.spec.path}\` has no flag ${token.rawName}`, {
        ...(near && { expected: `--${near}` }),
        hint,
      });
    }
    const before = Object.hasOwn(values, token.name) ? values[token.name] : undefined;
    if (before !== undefined && spec.kind !== "list") throw new CaiError("cli.usage", `--${token.name} is given twice`, { hint });
    if (spec.kind === "switch" && token.value !== undefined) throw new CaiError("cli.usage", `--${token.name} takes no value`, { hint });
    if (spec.kind !== "switch" && token.value === undefined)
      throw new CaiError("cli.usage", `--${token.name} needs a value`, { expected: spec.value, hint });
    values[token.name] = spec.kind === "list" ? [...(Array.isArray(before) ? before : []), token.value!] : (token.value ?? true);
  }
  return { values, positionals };
}

function readSettingsFile(
  verb: Verb,
  specs: Readonly<Record<string, FlagSpec>>,
  values: Given,
  environment: Readonly<Record<string, string | undefined>>,
): { path: string; keys: Record<string, unknown> } | undefined {
  const named = values["config"];
  const path = typeof named === "string" ? named : verb.spec.settingsFile?.(beforeFile(specs, values, environment));
  if (path === undefined) return undefined;
  let keys: Record<string, unknown>;
  try {
    keys = parseToml(readFileSync(path, "utf8"));
  } catch (error) {
    if (named === undefined && (error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new CaiError("cli.input-unreadable", `the settings file ${path} cannot be read`, {
      got: tomlReason(error),
      ...(error instanceof TomlError && { hint: 'Correct that line: a setting is written as key = "text", key = 5 or key = true.' }),
    });
  }
  const known = Object.entries({ ...verb.spec.settingsOf, ...specs }).flatMap(([name, spec]) =>
    spec.commandLineOnly ? [] : [settingKey(name)],
  );
  for (const key of Object.keys(keys)) {
    if (known.includes(key)) continue;
    const near = nearest(key, known);
    throw new CaiError("cli.setting-unknown", `${path} has the unknown key ${key}`, { ...(near && { expected: near }), got: key });
  }
  return { path, keys };
}

/** Says where a file is no TOML, without the lines themselves, which the parser quotes: whoever names the wrong file may have named a key. */
function tomlReason(error: unknown): string {
  if (error instanceof TomlError) return `${error.message.split("\n")[0]} (line ${error.line}, column ${error.column})`;
  return error instanceof Error ? error.message : String(error);
}

/** What is set without the file, so that the file is looked for where the rest of the verb will look: a variable can name that place, too. */
function beforeFile(
  specs: Readonly<Record<string, FlagSpec>>,
  values: Given,
  environment: Readonly<Record<string, string | undefined>>,
): Record<string, Scalar> {
  const flags: Record<string, Scalar> = {};
  for (const [name, spec] of Object.entries(specs)) flags[name] = pick(name, spec, values[name], environment, undefined)[0] as Scalar;
  return flags;
}

function pick(
  name: string,
  spec: FlagSpec,
  flag: Given[string] | undefined,
  environment: Readonly<Record<string, string | undefined>>,
  file: { path: string; keys: Record<string, unknown> } | undefined,
): [unknown, SettingSource] {
  if (flag !== undefined) return [flag, "flag"];
  if (!spec.commandLineOnly) {
    const variable = environment[environmentName(name)];
    if (variable === "") {
      // Not the same as no variable: a pin that came out empty in a unit file must not become no pin.
      throw new CaiError("cli.setting-invalid", `the variable ${environmentName(name)} is empty`, {
        expected: "a value, or no such variable",
      });
    }
    if (variable !== undefined && spec.noVariable) {
      throw new CaiError("cli.setting-invalid", `the variable ${environmentName(name)} is set, and this setting is never taken from one`, {
        expected: `--${name}, or ${settingKey(name)} in the settings file`,
      });
    }
    if (variable !== undefined) return [variable, "environment"];
    const key = settingKey(name);
    if (file && Object.hasOwn(file.keys, key)) return [file.keys[key], "file"];
  }
  if (spec.kind !== "switch" && spec.default !== undefined) return [spec.default, "default"];
  return [undefined, "unset"];
}

/** @returns where a setting is to be corrected, as its user would look for it */
function placeOf(name: string, source: SettingSource, file: string | undefined): string {
  if (source === "environment") return `the variable ${environmentName(name)}`;
  return source === "file" ? `${settingKey(name)} in ${file}` : `--${name}`;
}

/** @param place  where the value was given */
function readValue(name: string, spec: FlagSpec, raw: unknown, place: string): Value {
  if (spec.kind === "list") return readList(name, spec, raw ?? [], place);
  if (raw === undefined) return undefined;
  const invalid = (expected: string) =>
    new CaiError("cli.setting-invalid", `${place} cannot be ${JSON.stringify(raw)}`, { expected, got: String(raw) });
  switch (spec.kind) {
    case "switch": {
      if (raw === true || raw === "true" || raw === "1") return true;
      if (raw === false || raw === "false" || raw === "0") return false;
      throw invalid("true or false");
    }
    case "number": {
      const value = typeof raw === "string" && /^-?\d+$/.test(raw) ? Number(raw) : raw;
      if (typeof value === "number" && Number.isSafeInteger(value) && value >= spec.min && value <= spec.max) return value;
      throw invalid(`a whole number from ${spec.min} to ${spec.max}`);
    }
    case "text": {
      if (typeof raw !== "string") throw invalid(spec.value);
      if (spec.oneOf && !spec.oneOf.includes(raw)) throw invalid(spec.oneOf.join(", "));
      return raw;
    }
  }
}

/** @param raw  a variable's text, with commas between; or what the command line, the settings file or the default gives */
function readList(name: string, { value }: ListFlag, raw: unknown, place: string): readonly string[] {
  const list = typeof raw === "string" ? raw.split(",").map((text) => text.trim()) : raw;
  if (Array.isArray(list) && list.every((each) => typeof each === "string" && each !== "")) return list;
  throw new CaiError("cli.setting-invalid", `${place} cannot be ${JSON.stringify(raw)}`, {
    expected: `${value}, or in a settings file an array of such texts: ${settingKey(name)} = ["…", "…"]`,
    got: JSON.stringify(raw),
  });
}

function checkPositionals(verb: Verb, positionals: readonly string[]): void {
  const { path, positionals: specs } = verb.spec;
  const missing = specs[positionals.length];
  if (missing && !missing.optional)
    throw new CaiError("cli.usage", `\`cai ${path}\` needs ${missing.name}`, { hint: `cai ${path} --help` });
  if (positionals.length > specs.length && !specs.at(-1)?.variadic) {
    throw new CaiError("cli.usage", `\`cai ${path}\` does not take ${JSON.stringify(positionals[specs.length])}`, {
      hint: `cai ${path} --help`,
    });
  }
}

/** A variadic positional becomes the list of what is left. */
function gathered({ spec: { positionals: specs } }: Verb, given: readonly string[]): ParsedCommand["positionals"] {
  // The verb whose types are hidden knows of no lists; its own type, from this very specification, does.
  return specs.map((spec, i) => (spec.variadic ? given.slice(i) : given[i])) as unknown as ParsedCommand["positionals"];
}

/** @returns the variable of a flag: `admin-key` → `CAI_ADMIN_KEY` */
export function environmentName(flag: string): string {
  return `CAI_${flag.toUpperCase().replaceAll("-", "_")}`;
}

function settingKey(flag: string): string {
  return flag.replaceAll("-", "_");
}
