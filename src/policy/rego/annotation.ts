import { errorAt, type Position } from "./position.ts";
import { isObject, member, type PlainObject, RegoObject, type Value } from "./value.ts";
import { readYaml, YamlProblem } from "./yaml-document.ts";

const SCOPES = ["rule", "document", "package", "subpackages"] as const;
type Scope = (typeof SCOPES)[number];

/** What one block of metadata says. */
export interface Annotation {
  readonly scope: Scope;
  /** its fields as a policy reads them, the scope among them */
  readonly value: Value;
}

/**
 * Reads the YAML of one block of metadata.
 *
 * @param usual  the scope where the block names none; a rule that is an entrypoint speaks for its document
 * @throws CaiError `policy.compile-error`
 */
export function annotationOf(text: string, at: Position, usual: "rule" | "package"): Annotation {
  try {
    const fields = readYaml(text);
    if (!isObject(fields) || fields instanceof RegoObject) throw new YamlProblem("expected fields below # METADATA");
    const names = Object.keys(fields);
    if (names.length === 0) throw new YamlProblem("expected fields below # METADATA");
    const value: { [name: string]: Value } = Object.create(null);
    for (const name of names) {
      const read = Object.hasOwn(FIELDS, name) ? FIELDS[name]! : undefined;
      if (read === undefined) throw new YamlProblem(`expected one of ${Object.keys(FIELDS).join(", ")} as a field`);
      value[name] = read(fields[name]!, name);
    }
    value["scope"] ??= value["entrypoint"] === true && usual === "rule" ? "document" : usual;
    return { scope: value["scope"] as Scope, value };
  } catch (error) {
    if (error instanceof YamlProblem) throw errorAt("policy.compile-error", at, `annotations: ${error.message}`);
    throw error;
  }
}

/** Reads one field's value. */
type Field = (value: Value, name: string) => Value;

function text(value: Value, name: string): string {
  if (typeof value !== "string") throw new YamlProblem(`${name}: expected text`);
  return value;
}

function list(read: Field): Field {
  return (value, name) => {
    if (!Array.isArray(value)) throw new YamlProblem(`${name}: expected a list`);
    return value.map((item: Value) => read(item, name));
  };
}

/** An object of texts with one of the `needed` at least. */
function texts(value: Value, name: string, needed: readonly string[], known: readonly string[]): PlainObject {
  const object = isObject(value) && !(value instanceof RegoObject) ? value : undefined;
  const isKnown = object !== undefined && Object.keys(object).every((key) => known.includes(key));
  const isWhole = object !== undefined && needed.some((key) => member(object, key) !== undefined);
  if (!isKnown || !isWhole) throw new YamlProblem(`${name}: expected text, or ${known.join(" and ")}`);
  for (const [key, part] of Object.entries(object)) text(part, `${name}.${key}`);
  return object;
}

/** `name <address>`, or its parts. */
function author(value: Value, name: string): Value {
  if (typeof value !== "string") return texts(value, name, ["name", "email"], ["name", "email"]);
  const words = value.trim().split(/\s+/);
  const email = /^<(.+)>$/.exec(words.at(-1)!)?.[1];
  const called = (email === undefined ? words : words.slice(0, -1)).join(" ");
  if (called === "" && email === undefined) throw new YamlProblem(`${name}: expected a name or an address`);
  return { ...(called !== "" && { name: called }), ...(email !== undefined && { email }) };
}

function resource(value: Value, name: string): Value {
  return typeof value === "string" ? { ref: value } : texts(value, name, ["ref"], ["ref", "description"]);
}

const FIELDS: { readonly [name: string]: Field } = {
  scope: (value) => {
    if (!SCOPES.some((scope) => scope === value)) throw new YamlProblem(`scope: expected one of ${SCOPES.join(", ")}`);
    return value;
  },
  title: text,
  description: text,
  organizations: list(text),
  authors: list(author),
  related_resources: list(resource),
  entrypoint: (value) => {
    if (typeof value !== "boolean") throw new YamlProblem("entrypoint: expected true or false");
    return value;
  },
  custom: (value) => {
    if (!isObject(value)) throw new YamlProblem("custom: expected fields");
    return value;
  },
};
