import { verifyP256 } from "../../crypto/index.ts";

const MAX_BYTES = 1024 * 1024;
const MAX_DEPTH = 32;

const [QUOTE, BACKSLASH, OPEN_BRACKET, CLOSE_BRACKET, OPEN_BRACE, CLOSE_BRACE] = [0x22, 0x5c, 0x5b, 0x5d, 0x7b, 0x7d];

/** A document that is not the strict JSON that the manufacturer signs: what was expected and got. */
export class JsonRefused extends Error {
  readonly expected: string;
  readonly got: string;

  constructor(expected: string, got: string) {
    super(`expected ${expected}, got ${got}`);
    this.name = "JsonRefused";
    this.expected = expected;
    this.got = got;
  }
}

/** A JSON object whose signature is good. */
export interface OpenedJson {
  readonly value: unknown;
  /** which bytes are signed: the object as it was served, or its compact form, since it was served indented */
  readonly signed: "exact" | "resealed";
}

/**
 * Verifies a signed JSON object (tdx.md §2.4). The signature covers the exact bytes of the object; with `reseal`, also its compact form, since some
 * caches indent what they serve. What is returned is what the verified bytes say.
 *
 * @param text       the object, with white space around it at most
 * @param signature  r ‖ s, 64 bytes
 * @param point      the signer's P-256 key
 * @returns the object, or undefined where neither form is signed
 * @throws JsonRefused where the text is no JSON object, is too large or too deep, has a duplicate key, or a number that is no integer
 */
export function openSignedJson(text: string, signature: Uint8Array, point: Uint8Array, reseal: boolean): OpenedJson | undefined {
  const value = parseStrictJson(text);
  const exact = text.trim();
  const good = (signed: string): boolean => verifyP256(point, new TextEncoder().encode(signed), signature);
  if (good(exact)) return { value, signed: "exact" };
  return reseal && good(JSON.stringify(value)) ? { value, signed: "resealed" } : undefined;
}

/** Parses a JSON object of which every reader gives the same account. */
function parseStrictJson(text: string): unknown {
  if (text.length > MAX_BYTES) throw new JsonRefused(`at most ${MAX_BYTES} characters`, `${text.length}`);
  // Encoded, an unpaired surrogate would be the bytes of another character: what is signed would not be what is read.
  if (!text.isWellFormed()) throw new JsonRefused("characters", "half of one");
  checkDepth(text);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new JsonRefused("JSON", "text that is none");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new JsonRefused("a JSON object", "another value");
  checkMembers(text);
  return value;
}

/** Runs before the runtime's parser, which recurses. Brackets in strings do not count. */
function checkDepth(text: string): void {
  let depth = 0;
  let inString = false;
  for (let at = 0; at < text.length; at++) {
    const character = text.charCodeAt(at);
    if (inString) {
      if (character === BACKSLASH) at++;
      else if (character === QUOTE) inString = false;
    } else if (character === QUOTE) inString = true;
    else if (character === OPEN_BRACE || character === OPEN_BRACKET) {
      if (++depth > MAX_DEPTH) throw new JsonRefused(`at most ${MAX_DEPTH} levels`, "more");
    } else if (character === CLOSE_BRACE || character === CLOSE_BRACKET) depth--;
  }
}

/** Strings, numbers and punctuation of a valid JSON text. */
const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d[\d.eE+-]*|[[\]{}:,]/g;

/** Looks for duplicate keys and numbers that are no integers in a text that is known to be JSON. */
function checkMembers(text: string): void {
  const open: (Set<string> | undefined)[] = [];
  let last = "";
  for (const [token] of text.matchAll(TOKEN)) {
    if (token === "{") open.push(new Set());
    else if (token === "[") open.push(undefined);
    else if (token === "}" || token === "]") open.pop();
    else if (token === ":") {
      const key = JSON.parse(last) as string;
      const keys = open.at(-1);
      if (keys?.has(key)) throw new JsonRefused("each key once in an object", `${JSON.stringify(key)} twice`);
      keys?.add(key);
    } else if (/^[-\d]/.test(token) && !Number.isSafeInteger(Number(/^-?\d+$/.test(token) ? token : Number.NaN))) {
      throw new JsonRefused("integers", token.slice(0, 40));
    }
    last = token;
  }
}

/** A signed object and its signature, as services wrap them. */
export interface SignedText {
  /** the object, in the exact characters that it was served in */
  readonly text: string;
  /** r ‖ s, 64 bytes */
  readonly signature: Uint8Array;
}

/**
 * Takes `{"<member>":{…},"signature":"<128 hex>"}` apart. The object is cut out of the text and never written anew, for its exact bytes are what is
 * signed (tdx.md §2.4).
 *
 * @throws JsonRefused as {@link openSignedJson}, and where a member is missing or of another kind
 */
export function splitSignedJson(text: string, member: string): SignedText {
  const { signature } = parseStrictJson(text) as { readonly signature?: unknown };
  if (typeof signature !== "string" || !/^[0-9A-Fa-f]{128}$/.test(signature))
    throw new JsonRefused("a signature of 64 bytes", "another value");
  return { text: sliceObject(text, member), signature: Uint8Array.fromHex(signature) };
}

/** The object under a key of the outermost object of a text that is known to be JSON. */
function sliceObject(text: string, member: string): string {
  let depth = 0;
  let key = "";
  let last = "";
  let from: number | undefined;
  for (const { 0: token, index } of text.matchAll(TOKEN)) {
    if (token === ":" && depth === 1) key = JSON.parse(last) as string;
    else if (token === "{" || token === "[") {
      depth++;
      if (token === "{" && depth === 2 && last === ":" && key === member) from = index;
    } else if (token === "}" || token === "]") {
      depth--;
      if (depth === 1 && from !== undefined) return text.slice(from, index + 1);
    }
    last = token;
  }
  throw new JsonRefused(`an object ${JSON.stringify(member)}`, "none");
}
