import { formatNumber } from "../rego/number.ts";
import { entriesOf, type PlainObject, RegoObject, RegoSet, type Value } from "../rego/value.ts";

const MAXIMUM_CHARACTERS = 100;
const MAXIMUM_STRING = 72;
const MAXIMUM_MEMBERS = 8;
const MAXIMUM_DEPTH = 4;

/** @returns the value as Rego text, with `…` for what is too long; looks at no more of the value than it shows */
export function shortText(value: Value): string {
  return written(value, MAXIMUM_CHARACTERS, MAXIMUM_DEPTH);
}

function written(value: Value, room: number, depth: number): string {
  switch (typeof value) {
    case "string":
      return quoted(value, Math.min(room, MAXIMUM_STRING));
    case "number":
      return formatNumber(value);
    case "bigint":
      return cut(formatNumber(value), MAXIMUM_STRING);
    case "boolean":
      return value ? "true" : "false";
  }
  if (value === null) return "null";
  if (Array.isArray(value)) return listed("[", value, value.length, "]", room, depth, written);
  if (value instanceof RegoSet) return value.size === 0 ? "set()" : listed("{", value.values(), value.size, "}", room, depth, written);
  if (value instanceof RegoObject) return listed("{", entriesOf(value), value.size, "}", room, depth, entry);
  const object = value as PlainObject;
  const keys = Object.keys(object);
  const some = keys.length > MAXIMUM_MEMBERS ? keys.slice(0, MAXIMUM_MEMBERS) : keys;
  // The value is read only where there is room to show it: whoever notes what was read notes what was shown.
  const write = (key: string, left: number, deep: number) => entry([key, object[key]!], left, deep);
  return listed("{", some.sort(), keys.length, "}", room, depth, write);
}

type Entry = readonly [Value, Value];

function entry([key, value]: Entry, room: number, depth: number): string {
  const name = written(key, room, depth);
  return `${name}: ${written(value, Math.max(room - name.length, 8), depth)}`;
}

function listed<T>(
  open: string,
  items: readonly T[],
  size: number,
  close: string,
  room: number,
  depth: number,
  write: (item: T, room: number, depth: number) => string,
): string {
  if (size === 0) return open + close;
  if (depth === 0) return `${open}…${size}${close}`;
  let text = open;
  for (let i = 0; i < items.length; i++) {
    if (i > 0) text += ", ";
    if (i >= MAXIMUM_MEMBERS || text.length >= room) break;
    text += write(items[i]!, Math.max(room - text.length, 8), depth - 1);
    if (i === items.length - 1 && size === items.length) return text + close;
  }
  return `${text}${text.endsWith(", ") ? "" : ", "}… ${size} in all${close}`;
}

function quoted(text: string, room: number): string {
  if (text.length > room) return `${quote(text.slice(0, Math.max(room, 8)).replace(/[\ud800-\udbff]$/, ""))}… ${text.length} characters`;
  return quote(text);
}

/** Most text needs no escapes. */
const EASY = /^[ !#-[\]-~]*$/;

function quote(text: string): string {
  return EASY.test(text) ? `"${text}"` : plain(JSON.stringify(text));
}

/** Characters that would steer a terminal, or turn text around. */
const STEERING = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** @returns text that shows as it is: control characters are written as escapes */
export function plain(text: string): string {
  return text.replace(STEERING, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`);
}

/** @returns at most so many characters of a text */
export function cut(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most - 1).replace(/[\ud800-\udbff]$/, "")}…`;
}
