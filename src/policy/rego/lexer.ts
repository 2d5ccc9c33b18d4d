import { CaiError } from "../../system/index.ts";
import { parseNumber, type RegoNumber } from "./number.ts";
import { errorAt, type Position } from "./position.ts";

/** One token. `spaced`: white space or a comment stands before it; `newline`: a line end does. */
export type Token = { readonly at: Position; readonly spaced: boolean; readonly newline: boolean } & (
  | { readonly kind: "identifier" | "symbol" | "string"; readonly text: string }
  | { readonly kind: "number"; readonly value: RegoNumber }
  /** a template string: text and the tokens of each `{…}` in turn */
  | { readonly kind: "template"; readonly parts: readonly (string | readonly Token[])[] }
  | { readonly kind: "end" }
);

const MAXIMUM_TOKENS = 200_000;
const MAXIMUM_TEMPLATES = 16;

const SPACE = /[ \t\r\n]*(?:#[^\n]*(?:\n|$)[ \t\r\n]*)*/y;
const IDENTIFIER = /[A-Za-z_][A-Za-z0-9_]*/y;
const NUMBER = /[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const QUOTED = /"(?:[^"\\\n]|\\[^\n])*"/y;
const RAW = /`[^`]*`/y;
const SYMBOL = /:=|==|!=|<=|>=|[{}[\]().,;:|&<>=+\-*/%]/y;
const TEMPLATE_TEXT = { '"': /(?:[^"\\{\n]|\\[^\n])*/y, "`": /(?:[^`\\{]|\\[\s\S])*/y };

/**
 * Splits a module into tokens.
 *
 * @throws CaiError `policy.parse-error`; `policy.limit-exceeded` above 200,000 tokens
 */
export function tokenize(module: string, text: string): Token[] {
  return new Lexer(module, text).all();
}

/** A comment that stands alone on its line. */
export interface Comment {
  readonly at: Position;
  /** what stands after the `#` */
  readonly text: string;
}

/** The comments of a module that stand alone on their lines, in order. */
export function commentsOf(module: string, text: string): Comment[] {
  const comments: Comment[] = [];
  new Lexer(module, text, comments).all();
  return comments;
}

class Lexer {
  readonly #module: string;
  readonly #text: string;
  #offset = 0;
  #line = 1;
  #lineStart = 0;
  #counted = 0;
  #count = 0;
  #templates = 0;
  readonly #comments: Comment[] | undefined;

  /** @param comments  where comments go that stand alone on their lines; they are passed over without it */
  constructor(module: string, text: string, comments?: Comment[]) {
    this.#module = module;
    this.#text = text;
    this.#comments = comments;
  }

  all(): Token[] {
    const tokens: Token[] = [];
    for (;;) {
      const token = this.#next();
      tokens.push(token);
      if (token.kind === "end") return tokens;
    }
  }

  #position(): Position {
    for (; this.#counted < this.#offset; this.#counted++) {
      if (this.#text.charCodeAt(this.#counted) === 10) {
        this.#line++;
        this.#lineStart = this.#counted + 1;
      }
    }
    return { module: this.#module, line: this.#line, column: this.#offset - this.#lineStart + 1 };
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#offset;
    const found = pattern.exec(this.#text)?.[0];
    if (found !== undefined) this.#offset += found.length;
    return found;
  }

  #next(): Token {
    const before = this.#comments && this.#position();
    const space = this.#match(SPACE)!;
    const at = this.#position();
    if (before !== undefined && space.includes("#")) this.#keep(space, before);
    const base = { at, spaced: space !== "", newline: space.includes("\n") };
    if (++this.#count > MAXIMUM_TOKENS) {
      throw errorAt("policy.limit-exceeded", at, `expected at most ${MAXIMUM_TOKENS} tokens`);
    }
    if (this.#offset >= this.#text.length) return { ...base, kind: "end" };

    const identifier = this.#match(IDENTIFIER);
    if (identifier !== undefined) return { ...base, kind: "identifier", text: identifier };
    const start = this.#text[this.#offset]!;
    if (start === '"') return { ...base, kind: "string", text: this.#quoted(at) };
    if (start === "`") {
      const raw = this.#match(RAW);
      if (raw === undefined) throw errorAt("policy.parse-error", at, "raw string has no end", { expected: "a closing `" });
      return { ...base, kind: "string", text: raw.slice(1, -1) };
    }
    if (start === "$") return { ...base, kind: "template", parts: this.#template(at) };
    if (start >= "0" && start <= "9") return { ...base, kind: "number", value: this.#number(at) };
    const symbol = this.#match(SYMBOL);
    if (symbol !== undefined) return { ...base, kind: "symbol", text: symbol };
    throw errorAt("policy.parse-error", at, `illegal character ${JSON.stringify(start)}`);
  }

  /** Keeps the comments of the space between two tokens; `before` is where it starts. */
  #keep(space: string, before: Position): void {
    for (const [i, line] of space.split("\n").entries()) {
      const start = line.indexOf("#");
      const isAlone = i > 0 || before.column === 1;
      if (start < 0 || !isAlone) continue;
      this.#comments!.push({ at: { ...before, line: before.line + i, column: start + 1 }, text: line.slice(start + 1) });
    }
  }

  #number(at: Position): RegoNumber {
    const text = this.#match(NUMBER)!;
    const value = parseNumber(text);
    IDENTIFIER.lastIndex = this.#offset;
    if (value === undefined || IDENTIFIER.test(this.#text)) {
      throw errorAt("policy.parse-error", at, "illegal number", { expected: "a JSON number within range" });
    }
    return value;
  }

  #quoted(at: Position): string {
    const text = this.#match(QUOTED);
    if (text === undefined) throw errorAt("policy.parse-error", at, "string has no end on its line", { expected: 'a closing "' });
    return unquote(text, at);
  }

  #template(at: Position): (string | Token[])[] {
    const quote = this.#text[this.#offset + 1];
    if (quote !== '"' && quote !== "`") throw errorAt("policy.parse-error", at, 'expected " or ` after $');
    if (++this.#templates > MAXIMUM_TEMPLATES) {
      throw errorAt("policy.limit-exceeded", at, `expected at most ${MAXIMUM_TEMPLATES} nested template strings`);
    }
    this.#offset += 2;
    const parts: (string | Token[])[] = [];
    for (;;) {
      const text = this.#match(TEMPLATE_TEXT[quote])!;
      const opened = text.replace(/\\([\s\S])/g, (pair, char) => (char === "{" ? "{" : pair));
      parts.push(quote === '"' ? unquote(`"${opened}"`, at) : opened);
      const end = this.#text[this.#offset];
      if (end === undefined || end === "\n") throw errorAt("policy.parse-error", at, "template string has no end");
      this.#offset++;
      if (end === quote) break;
      parts.push(this.#expression());
    }
    this.#templates--;
    return parts;
  }

  /** The tokens up to the brace that closes a `{` which was read. */
  #expression(): Token[] {
    const tokens: Token[] = [];
    for (let depth = 1; ; ) {
      const token = this.#next();
      if (token.kind === "end") throw errorAt("policy.parse-error", token.at, "expected } in the template string");
      if (token.kind === "symbol") depth += token.text === "{" ? 1 : token.text === "}" ? -1 : 0;
      if (depth === 0) {
        tokens.push({ kind: "end", at: token.at, spaced: token.spaced, newline: token.newline });
        return tokens;
      }
      tokens.push(token);
    }
  }
}

function unquote(quoted: string, at: Position): string {
  try {
    return JSON.parse(quoted) as string;
  } catch (cause) {
    const { message } = errorAt("policy.parse-error", at, "illegal escape or control character in a string");
    throw new CaiError("policy.parse-error", message, { expected: "a JSON string", cause });
  }
}
