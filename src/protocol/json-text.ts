import { CaiError, type JsonValue } from "../system/index.ts";

/** The deepest nesting that any message of the protocol has use for; event logs in evidence come nowhere near it. */
const MAX_DEPTH = 64;

/**
 * Parses JSON that came from outside.
 *
 * @param what      names the message in the error
 * @param maxBytes  the largest text that is looked at
 * @throws CaiError `kbs.message-malformed` for another encoding than UTF-8, another text than JSON, too long or too deep a text
 */
export function parseJsonText(bytes: Uint8Array, what: string, maxBytes: number): JsonValue {
  if (bytes.length > maxBytes) throw malformed(what, `at most ${maxBytes} bytes`, `${bytes.length} bytes`);
  if (nesting(bytes) > MAX_DEPTH) throw malformed(what, `nesting of at most ${MAX_DEPTH}`, "deeper nesting");
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch {
    throw malformed(what, "JSON in UTF-8", "another text");
  }
}

/** @returns the error for a message that is not of the expected form; `got` must not quote the message */
export function malformed(what: string, expected: string, got: string): CaiError {
  return new CaiError("kbs.message-malformed", `${what}: expected ${expected}, got ${got}`, { expected, got });
}

// Counted before parsing: a parser, or whoever walks its result, would pay for depth with stack.
function nesting(bytes: Uint8Array): number {
  let depth = 0;
  let deepest = 0;
  let inString = false;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at];
    if (inString) {
      if (byte === BACKSLASH) at++;
      else if (byte === QUOTE) inString = false;
    } else if (byte === QUOTE) inString = true;
    else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) deepest = Math.max(deepest, ++depth);
    else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) depth--;
  }
  return deepest;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
