import { isAlias, isMap, isScalar, isSeq, type ParsedNode, parseDocument, type YAMLMap } from "yaml";
import { countWritten } from "./allowance.ts";
import { narrow, parseNumber, type RegoNumber } from "./number.ts";
import { KeyedMembers, objectOf, type Value } from "./value.ts";

/** Most UTF-16 units of a text: its reader takes far more time and memory for a character than JSON's does. */
const MAXIMUM_LENGTH = 65_536;
const MAXIMUM_DEPTH = 100;
/** Most values of a document, those counted again that stand behind an alias. */
const MAXIMUM_NODES = 65_536;
/** Most digits of an integer, as in JSON numbers. */
const MAXIMUM_DIGITS = 4096;

/** What is said of a text that is no YAML as {@link readYaml} takes it. */
export class YamlProblem extends Error {}

/**
 * Reads one YAML 1.2 document that means what JSON could say, with the scalars of the core schema and exact integers. Tags, merge keys,
 * duplicate keys, keys that are collections or null, numbers without a finite value and further documents are refused.
 *
 * @param text  at most 65,536 UTF-16 units, 100 levels and, with all aliases followed, 65,536 values
 * @throws YamlProblem
 */
export function readYaml(text: string): Value {
  if (text.length > MAXIMUM_LENGTH) throw new YamlProblem(`expected at most ${MAXIMUM_LENGTH} characters`);
  const { contents, errors, warnings } = parsed(text);
  const [problem] = [...errors, ...warnings];
  if (problem !== undefined) throw new YamlProblem(shortened(problem.message));
  return contents === null ? null : new Reader().value(contents, 0).value;
}

function parsed(text: string) {
  try {
    // Scalars stay text here: what they mean is decided below. Keys are compared there too, in less than quadratic time.
    return parseDocument(text, { schema: "failsafe", merge: false, uniqueKeys: false, logLevel: "error", prettyErrors: false });
  } catch (error) {
    throw new YamlProblem(error instanceof RangeError ? "nested too deeply" : "the text cannot be read");
  }
}

function shortened(message: string): string {
  return message.split("\n", 1)[0]!.slice(0, 200).toWellFormed();
}

/** A value and how many values it holds, itself among them. */
interface Sized {
  readonly value: Value;
  readonly nodes: number;
}

class Reader {
  readonly #anchors = new Map<string, Sized>();
  #nodes = 0;

  value(node: ParsedNode, depth: number): Sized {
    if (depth > MAXIMUM_DEPTH) throw new YamlProblem(`expected at most ${MAXIMUM_DEPTH} levels`);
    if (isAlias(node)) {
      // An anchor is known when its value is complete, so nothing holds itself.
      const known = this.#anchors.get(node.source);
      if (known === undefined) throw new YamlProblem("an alias has no anchor before it");
      this.#count(known.nodes, 0);
      return known;
    }
    if (node.tag !== undefined) throw new YamlProblem("tags are refused");
    const before = this.#nodes;
    this.#count(1, isScalar(node) ? String(node.value).length : 0);
    const value = this.#untagged(node, depth);
    const sized = { value, nodes: this.#nodes - before };
    if (node.anchor !== undefined) this.#anchors.set(node.anchor, sized);
    return sized;
  }

  #count(nodes: number, characters: number): void {
    this.#nodes += nodes;
    if (this.#nodes > MAXIMUM_NODES) throw new YamlProblem(`expected at most ${MAXIMUM_NODES} values`);
    for (let i = 0; i < nodes; i++) countWritten();
    countWritten(characters);
  }

  #untagged(node: ParsedNode, depth: number): Value {
    if (isScalar(node)) return node.type === "PLAIN" ? plain(String(node.value ?? "")) : String(node.value);
    if (isSeq(node)) return node.items.map((item) => this.value(item as ParsedNode, depth + 1).value);
    if (isMap(node)) return this.#object(node as YAMLMap.Parsed, depth);
    throw new YamlProblem("expected a scalar, a sequence or a mapping");
  }

  #object(map: YAMLMap.Parsed, depth: number): Value {
    const members = new KeyedMembers<Value>();
    for (const { key, value } of map.items) {
      const name = this.#key(key, depth);
      if (members.get(name) !== undefined) throw new YamlProblem("a key stands twice in one mapping");
      members.set(name, value === null ? null : this.value(value, depth + 1).value);
    }
    return objectOf(members);
  }

  #key(key: ParsedNode | null, depth: number): string {
    if (isScalar(key) && key.type === "PLAIN" && key.value === "<<") throw new YamlProblem("merge keys are refused");
    const { value } = key === null ? { value: null } : this.value(key, depth + 1);
    if (value === null || typeof value === "object") throw new YamlProblem("expected a string, number or boolean as a key");
    return String(value);
  }
}

const DECIMAL = /^[-+]?[0-9]+$/;
const BASED = /^0(?:o[0-7]+|x[0-9a-fA-F]+)$/;
const FRACTION = /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/;
const NOT_FINITE = /^(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/;

/** What a scalar without quotes means in the core schema. */
function plain(text: string): Value {
  if (/^(?:|~|null|Null|NULL)$/.test(text)) return null;
  if (/^(?:true|True|TRUE)$/.test(text)) return true;
  if (/^(?:false|False|FALSE)$/.test(text)) return false;
  if (NOT_FINITE.test(text)) throw new YamlProblem("a number has no finite value");
  return DECIMAL.test(text) || BASED.test(text) ? integer(text) : FRACTION.test(text) ? fraction(text) : text;
}

function integer(text: string): RegoNumber {
  if (text.length > MAXIMUM_DIGITS) throw new YamlProblem(`expected an integer of at most ${MAXIMUM_DIGITS} digits`);
  const negative = text.startsWith("-");
  const magnitude = BigInt(text.replace(/^[-+]/, ""));
  return narrow(negative ? -magnitude : magnitude);
}

function fraction(text: string): RegoNumber {
  const [, sign, whole, digits = "", exponent = ""] = /^([-+]?)([0-9]*)(?:\.([0-9]*))?(.*)$/.exec(text)!;
  const integral = whole!.replace(/^0+(?=[0-9])/, "") || "0";
  const value = parseNumber(`${sign === "-" ? "-" : ""}${integral}${digits === "" ? "" : `.${digits}`}${exponent}`);
  if (value === undefined) throw new YamlProblem("a number is out of range");
  return value;
}
