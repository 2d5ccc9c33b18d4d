import { countWritten } from "../allowance.ts";
import { exactJson, OutOfRange } from "../json-input.ts";
import { formatNumber } from "../number.ts";
import type { Run } from "../run.ts";
import { entriesOf, isObject, KeyedMembers, member, objectOf, RegoSet, sizeOf, type Value } from "../value.ts";
import { type Builtin, BuiltinFailure, type Builtins, builtin, objectArg, stringArg } from "./builtin.ts";

/** JSON as the language's own encoder writes it: sorted keys, and `<`, `>`, `&`, U+2028, U+2029 escaped. */
export function canonicalJson(value: Value): string {
  countWritten(typeof value === "string" ? value.length : 0);
  switch (typeof value) {
    case "string":
      return JSON.stringify(value).replace(/[<>&\u2028\u2029]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
    case "number":
    case "bigint":
      return formatNumber(value);
    case "boolean":
      return String(value);
  }
  if (value === null) return "null";
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join()}]`;
  if (value instanceof RegoSet) return `[${value.values().map(canonicalJson).join()}]`;
  const members = isObject(value) ? entriesOf(value) : [];
  return `{${members.map(([key, item]) => `${canonicalJson(typeof key === "string" ? key : canonicalJson(key))}:${canonicalJson(item)}`).join()}}`;
}

/** How `json.marshal_with_options` lays a text out. */
interface Layout {
  readonly prefix: string;
  readonly indent: string;
}

/** @returns undefined where the text goes on one line */
function layoutArg(args: readonly Value[], index: number): Layout | undefined {
  const options = objectArg(args, index);
  let pretty: boolean | undefined;
  const layout = { prefix: "", indent: "\t" };
  for (const [key, value] of entriesOf(options)) {
    if (key === "pretty") {
      if (typeof value !== "boolean") throw new BuiltinFailure("pretty: expected boolean");
      pretty = value;
    } else if (key === "prefix" || key === "indent") {
      if (typeof value !== "string") throw new BuiltinFailure(`${key}: expected string`);
      layout[key] = value;
    } else throw new BuiltinFailure("unknown option");
  }
  return (pretty ?? member(options, "prefix") ?? member(options, "indent")) === undefined || pretty === false ? undefined : layout;
}

/** JSON text over several lines; `start` stands at the start of each line but the first. */
function laidOut(value: Value, start: string, indent: string, run: Run): string {
  const isList = Array.isArray(value) || value instanceof RegoSet;
  if (!(isList || isObject(value)) || sizeOf(value) === 0) return canonicalJson(value);
  const inner = start + indent;
  run.characters(inner.length * sizeOf(value)!);
  const parts = isList
    ? (value instanceof RegoSet ? value.values() : value).map((item: Value) => laidOut(item, inner, indent, run))
    : entriesOf(value).map(
        ([key, item]) => `${canonicalJson(typeof key === "string" ? key : canonicalJson(key))}: ${laidOut(item, inner, indent, run)}`,
      );
  const [open, close] = isList ? "[]" : "{}";
  const text = `${open}${inner}${parts.join(`,${inner}`)}${start}${close}`;
  run.characters(text.length);
  return text;
}

/** Parses JSON with exact integers. */
function parseJson(text: string, run: Run): Value {
  run.characters(text.length);
  run.tick(text.length >>> 3);
  try {
    return exactJson(text) as Value;
  } catch (error) {
    if (error instanceof OutOfRange) throw new BuiltinFailure(error.message);
    if (!(error instanceof SyntaxError)) throw error;
    throw new BuiltinFailure("expected JSON text");
  }
}

function decoded(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new BuiltinFailure("the decoded bytes are no UTF-8 text");
  }
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const BASE64_URL = /^(?:[A-Za-z0-9_-]{4})*(?:[A-Za-z0-9_-]{2}(?:==)?|[A-Za-z0-9_-]{3}=?)?$/;

function decodeBase64(text: string, form: RegExp): string {
  if (!form.test(text)) throw new BuiltinFailure("illegal base64 data");
  return decoded(Buffer.from(text, "base64"));
}

function fromText(apply: (text: string) => Value): Builtin {
  return builtin(1, (args, run) => {
    const text = stringArg(args, 0);
    run.characters(text.length * 3);
    return apply(text);
  });
}

/** True for text that a function takes without failing. */
export function holds(apply: (text: string, run: Run) => unknown): Builtin {
  return builtin(1, ([value], run) => {
    if (typeof value !== "string") return false;
    try {
      apply(value, run);
      return true;
    } catch (error) {
      if (error instanceof BuiltinFailure) return false;
      throw error;
    }
  });
}

function encodeQuery(text: string): string {
  return encodeURIComponent(text)
    .replaceAll("%20", "+")
    .replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

function decodeQuery(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    throw new BuiltinFailure("illegal percent encoding");
  }
}

function encodeQueryObject(members: readonly (readonly [Value, Value])[]): string {
  const pairs = members.flatMap((entry) => {
    const name = encodeQuery(stringArg(entry, 0));
    const [, value] = entry;
    const values = value instanceof RegoSet ? value.values() : Array.isArray(value) ? (value as readonly Value[]) : [value];
    return values.map((_, i) => `${name}=${encodeQuery(stringArg(values, i))}`);
  });
  return pairs.join("&");
}

function decodeQueryObject(text: string): Value {
  const members = new KeyedMembers<Value>();
  for (const pair of text.split("&")) {
    if (pair === "") continue;
    const at = pair.indexOf("=");
    const name = decodeQuery(at < 0 ? pair : pair.slice(0, at));
    const old = members.get(name) ?? [];
    members.set(name, [...(old as readonly Value[]), decodeQuery(at < 0 ? "" : pair.slice(at + 1))]);
  }
  return objectOf(members);
}

/** Text encodings. Decoded bytes have to be UTF-8 text: the language has no byte strings. */
export const encodings: Builtins = {
  "json.marshal": builtin(1, ([value], run) => {
    const text = canonicalJson(value!);
    run.characters(text.length);
    return text;
  }),
  "json.marshal_with_options": builtin(2, (args, run) => {
    const [value] = args;
    const layout = layoutArg(args, 1);
    const text = layout === undefined ? canonicalJson(value!) : layout.prefix + laidOut(value!, `\n${layout.prefix}`, layout.indent, run);
    run.characters(text.length);
    return text;
  }),
  "json.unmarshal": builtin(1, (args, run) => parseJson(stringArg(args, 0), run)),
  "json.is_valid": holds(parseJson),
  "base64.encode": fromText((text) => Buffer.from(text).toString("base64")),
  "base64.decode": fromText((text) => decodeBase64(text.replace(/[\r\n]/g, ""), BASE64)),
  "base64.is_valid": holds((text) => {
    if (!BASE64.test(text)) throw new BuiltinFailure("illegal base64 data");
  }),
  "base64url.encode": fromText((text) => {
    const url = Buffer.from(text).toString("base64url");
    return url.padEnd(Math.ceil(url.length / 4) * 4, "=");
  }),
  "base64url.encode_no_pad": fromText((text) => Buffer.from(text).toString("base64url")),
  "base64url.decode": fromText((text) => decodeBase64(text, BASE64_URL)),
  "hex.encode": fromText((text) => Buffer.from(text).toString("hex")),
  "hex.decode": fromText((text) => {
    if (!/^(?:[0-9A-Fa-f]{2})*$/.test(text)) throw new BuiltinFailure("illegal hex data");
    return decoded(Buffer.from(text, "hex"));
  }),
  "urlquery.encode": fromText(encodeQuery),
  "urlquery.decode": fromText(decodeQuery),
  "urlquery.encode_object": builtin(1, (args, run) => {
    const text = encodeQueryObject(entriesOf(objectArg(args, 0)));
    run.characters(text.length);
    return text;
  }),
  "urlquery.decode_object": builtin(1, (args, run) => {
    const text = stringArg(args, 0);
    run.characters(text.length * 3);
    return decodeQueryObject(text);
  }),
};
