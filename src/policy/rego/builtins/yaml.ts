import { countWritten } from "../allowance.ts";
import type { Run } from "../run.ts";
import { entriesOf, isObject, RegoSet, type Value } from "../value.ts";
import { readYaml, YamlProblem } from "../yaml-document.ts";
import { BuiltinFailure, type Builtins, builtin, stringArg } from "./builtin.ts";
import { canonicalJson, holds } from "./encoding.ts";

function parseYaml(text: string, run: Run): Value {
  run.characters(text.length);
  // Reading takes some hundred times as long as the usual step for its characters.
  run.tick(text.length);
  try {
    return readYaml(text);
  } catch (error) {
    if (error instanceof YamlProblem) throw new BuiltinFailure(`yaml: ${error.message}`);
    throw error;
  }
}

/** Text that no reader of YAML 1.1 or 1.2 takes for anything else when it has no quotes. */
const UNQUOTED = /^[A-Za-z/][A-Za-z0-9_./-]*(?: [A-Za-z0-9_./-]+)*$/;
const RESERVED = /^(?:y|n|yes|no|on|off|true|false|null)$/i;

function scalar(value: Value): string {
  if (typeof value !== "string") return canonicalJson(value);
  countWritten(value.length);
  return UNQUOTED.test(value) && !RESERVED.test(value) ? value : JSON.stringify(value);
}

/** @returns lines of block style; each but the first starts with `indent` */
function block(value: Value, indent: string, run: Run): string {
  countWritten(indent.length);
  const isList = Array.isArray(value) || value instanceof RegoSet;
  if (!isList && !isObject(value)) return scalar(value);
  const inner = `${indent}  `;
  const parts = isList
    ? (value instanceof RegoSet ? value.values() : (value as readonly Value[])).map((item) => `- ${block(item, inner, run)}`)
    : entriesOf(value).map(([key, item]) => {
        const name = scalar(typeof key === "string" ? key : canonicalJson(key));
        if (isEmpty(item)) return `${name}: ${block(item, inner, run)}`;
        // A sequence stands under its key's first character, a mapping further in.
        return isObject(item) ? `${name}:\n${inner}${block(item, inner, run)}` : `${name}:\n${indent}${block(item, indent, run)}`;
      });
  if (parts.length === 0) return isList ? "[]" : "{}";
  const text = parts.join(`\n${indent}`);
  run.characters(text.length);
  return text;
}

/** True where a value goes on the line of its key: scalars, and collections without members. */
function isEmpty(value: Value): boolean {
  if (Array.isArray(value)) return value.length === 0;
  if (value instanceof RegoSet) return value.size === 0;
  return !isObject(value) || entriesOf(value).length === 0;
}

/** YAML as far as it says what JSON can; see {@link readYaml}. */
export const documents: Builtins = {
  "yaml.marshal": builtin(1, ([value], run) => {
    const text = `${block(value!, "", run)}\n`;
    run.characters(text.length);
    return text;
  }),
  "yaml.unmarshal": builtin(1, (args, run) => parseYaml(stringArg(args, 0), run)),
  "yaml.is_valid": holds(parseYaml),
};
