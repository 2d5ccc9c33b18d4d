import { CaiError, type JsonValue } from "../../system/index.ts";
import type { LogHash } from "./algorithm.ts";
import { utf8Text } from "./text.ts";

/** "LEAA" in the log: the tag of an event that an attestation agent recorded (tdx.md §4.5). */
const TAG = 0x4141_454c;
const PREFIX_SIZE = 8;
/** Roots, digests, addresses and small JSON documents; nothing that is measured has use for more. */
const MAX_TEXT_BYTES = 16 * 1024;
/** Decimal digits of which a double keeps every one. */
const KEPT_DIGITS = 15;
/** JSON deeper than this stays text, since whoever walks it would pay with stack. */
const MAX_DEPTH = 16;

/** A runtime event of three parts, as its recorder gave them. */
export interface AaelEvent {
  readonly domain: string;
  readonly operation: string;
  /** the text; {@link contentValue} gives what it means */
  readonly content: string;
}

/**
 * A runtime event as it is recorded and extended.
 *
 * @param domain     who defines the event's meaning: one word
 * @param operation  what happened: one word
 * @param content    a line of text, often JSON
 * @returns the event's data and the digest over all of them, by which the register is extended
 * @throws CaiError `eventlog.event-invalid`
 */
export function aaelEvent({ domain, operation, content }: AaelEvent, hash: LogHash): { data: Uint8Array; digest: Uint8Array } {
  for (const [name, word] of Object.entries({ domain, operation })) {
    if (!isWord(word)) throw invalid(name, "one word, without white space and control characters");
  }
  if (!isLine(content)) throw invalid("content", "one line, without control characters");
  const text = new TextEncoder().encode(`${domain} ${operation} ${content}`);
  if (text.length > MAX_TEXT_BYTES) throw invalid("text", `at most ${MAX_TEXT_BYTES} bytes`);
  const data = new Uint8Array(PREFIX_SIZE + text.length);
  const view = new DataView(data.buffer);
  view.setUint32(0, TAG, true);
  view.setUint32(4, text.length, true);
  data.set(text, PREFIX_SIZE);
  return { data, digest: hash.digest(data) };
}

// The text is not shown: whoever calls this may have put something into it that is not for a terminal.
function invalid(what: string, expected: string): CaiError {
  return new CaiError("eventlog.event-invalid", `${what} of a runtime event: expected ${expected}`, { expected });
}

/** A lone surrogate would be recorded as another character than the caller's. */
const isWord = (text: string): boolean => text !== "" && text.isWellFormed() && !/[\s\p{Cc}]/u.test(text);
const isLine = (text: string): boolean => text.isWellFormed() && !/[\n\r\u2028\u2029]|(?!\t)\p{Cc}/u.test(text);

/** True where an event's data start with the tag of a runtime event, whatever its type says. */
export const hasAaelTag = (data: Uint8Array): boolean =>
  data.length >= 4 && new DataView(data.buffer, data.byteOffset, data.byteLength).getUint32(0, true) === TAG;

/** The text of an event with the tag; undefined where its length is not that of the data, or it is no UTF-8. */
export function aaelText(data: Uint8Array): string | undefined {
  if (data.length < PREFIX_SIZE || !hasAaelTag(data)) return undefined;
  const size = new DataView(data.buffer, data.byteOffset, data.byteLength).getUint32(4, true);
  return size === data.length - PREFIX_SIZE ? utf8Text(data.subarray(PREFIX_SIZE)) : undefined;
}

/** The three parts of a text, which the first two spaces separate; undefined where it has no such form. */
export function parseAael(text: string): AaelEvent | undefined {
  const [, domain, operation, content] = /^(\S+) (\S+) (.*)$/su.exec(text) ?? [];
  if (domain === undefined || operation === undefined || content === undefined) return undefined;
  return isWord(domain) && isWord(operation) && isLine(content) ? { domain, operation, content } : undefined;
}

/**
 * What a content means: the value where it is JSON, else the text itself (trustee.md §6.0). JSON that could mean one thing here and another to
 * whoever wrote it stays text: a member twice, a number with more digits than every reader keeps, half a character, deep nesting.
 */
export function contentValue(content: string): JsonValue {
  if (content.length > MAX_TEXT_BYTES) return content;
  let value: JsonValue;
  try {
    value = JSON.parse(content) as JsonValue;
  } catch {
    return content;
  }
  return isPlain(value, 0) && membersIn(value) === namesIn(content) && numbersIn(content).every(isKept) ? value : content;
}

function isPlain(value: JsonValue, depth: number): boolean {
  if (typeof value === "number") return Number.isInteger(value) ? Number.isSafeInteger(value) : Number.isFinite(value);
  if (typeof value === "string") return value.isWellFormed();
  if (typeof value !== "object" || value === null) return true;
  return depth < MAX_DEPTH && Object.entries(value).every(([name, one]) => name.isWellFormed() && isPlain(one, depth + 1));
}

function membersIn(value: JsonValue): number {
  if (typeof value !== "object" || value === null) return 0;
  const own = Array.isArray(value) ? 0 : Object.keys(value).length;
  return Object.values(value).reduce<number>((sum, one) => sum + membersIn(one), own);
}

const STRING = /"(?:[^"\\]|\\.)*"(\s*:)?/gs;

/** How many member names a JSON text has: its strings before a colon. */
const namesIn = (json: string): number => [...json.matchAll(STRING)].filter(([, colon]) => colon !== undefined).length;

/** The numbers of a JSON text, as they are written. */
const numbersIn = (json: string): string[] => json.replaceAll(STRING, "").match(/[-\d][-+.\deE]*/g) ?? [];

/** True for a number whose digits a double keeps, and that is neither too small for one nor the zero that has a sign. */
function isKept(number: string): boolean {
  const digits = number
    .replace(/[eE].*/, "")
    .replaceAll(/\D/g, "")
    .replace(/^0+/, "");
  if (Number.isSafeInteger(Number(number)) && /^-?\d+$/.test(number)) return number !== "-0";
  return digits.length <= KEPT_DIGITS && (digits === "" || Number(number) !== 0);
}
