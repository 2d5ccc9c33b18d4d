import { withoutTrailingNuls } from "../../../crypto/index.ts";
import { parseJsonText } from "../../../protocol/index.ts";
import type { JsonObject } from "../../../system/index.ts";
import type { Section } from "../report.ts";

/** Bytes to explain, and their text where they are one. */
export interface Artefact {
  readonly bytes: Uint8Array;
  /** UTF-8 without NUL, NULs at the end left out, trimmed; undefined for bytes that are no text */
  readonly text: string | undefined;
  /** the JSON value of the text; undefined for text that is none, or that is nested too deep for anything known */
  readonly json: unknown;
}

/** What an artefact says. Nothing of it was verified. */
export interface Explanation {
  /** in a few words, for example `TDX quote, version 4` */
  readonly kind: string;
  readonly json: JsonObject;
  readonly sections: readonly Section[];
}

/** One kind of artefact. */
export interface ArtefactKind {
  readonly name: string;
  /**
   * Explains an artefact of this kind.
   *
   * @returns undefined for what is of another kind, as its first bytes or members tell
   * @throws CaiError for what is of this kind and damaged
   */
  explain(artefact: Artefact): Explanation | undefined;
}

/** Texts longer than this are no text to explain: the largest is evidence with an event log. */
const MAX_TEXT = 8 * 1024 * 1024;

/** Looks at bytes the ways in which kinds recognise them. */
export function artefactOf(bytes: Uint8Array): Artefact {
  const text = textOf(bytes);
  return { bytes, text, json: text !== undefined && /^[[{]/.test(text) ? parse(text) : undefined };
}

function textOf(bytes: Uint8Array): string | undefined {
  if (bytes.length > MAX_TEXT) return undefined;
  const used = withoutTrailingNuls(bytes);
  if (used.includes(0)) return undefined;
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(used).trim();
  } catch {
    return undefined;
  }
}

function parse(text: string): unknown {
  try {
    return parseJsonText(new TextEncoder().encode(text), "artefact", MAX_TEXT);
  } catch {
    return undefined;
  }
}

/** The members of a JSON object; undefined for every other value. */
export function membersOf(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;
}

/** Seconds since 1970 as RFC 3339, or the number where no calendar has it. */
export function dateText(seconds: number): string {
  const date = new Date(seconds * 1000);
  return Number.isNaN(date.getTime()) ? `${seconds}` : date.toISOString().replace(/\.\d+Z$/, "Z");
}
