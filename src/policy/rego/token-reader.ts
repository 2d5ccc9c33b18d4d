import type { Token } from "./lexer.ts";
import { errorAt, type Position } from "./position.ts";
import type { DialectMark } from "./syntax.ts";

/** Goes through tokens one by one. */
export class TokenReader {
  readonly #tokens: readonly Token[];
  #next = 0;
  /** what was read so far of keywords and forms that only one version of the language has */
  protected readonly dialect: DialectMark[] = [];

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  protected peek(ahead = 0): Token {
    return this.#tokens[Math.min(this.#next + ahead, this.#tokens.length - 1)]!;
  }

  #noteKeyword({ at, ...token }: Token): void {
    if (token.kind !== "identifier") return;
    const { text } = token;
    if (text === "if" || text === "contains" || text === "in" || text === "every") this.dialect.push({ at, kind: text });
  }

  protected take(): Token {
    const token = this.peek();
    this.#next++;
    return token;
  }

  protected fail(expected: string, token = this.peek()): never {
    throw errorAt("policy.parse-error", token.at, `expected ${expected}, got ${describe(token)}`, { expected, got: describe(token) });
  }

  protected isSymbol(text: string, ahead = 0): boolean {
    const token = this.peek(ahead);
    return token.kind === "symbol" && token.text === text;
  }

  /** True at a word that is no part of a ref: `if` but not `if.x`. */
  protected isWord(text: string, ahead = 0): boolean {
    const token = this.peek(ahead);
    if (token.kind !== "identifier" || token.text !== text) return false;
    const after = this.peek(ahead + 1);
    return !(after.kind === "symbol" && !after.spaced && (after.text === "." || after.text === "["));
  }

  protected skipSymbol(text: string): boolean {
    const found = this.isSymbol(text);
    if (found) this.#next++;
    return found;
  }

  protected skipWord(text: string): boolean {
    const found = this.isWord(text);
    if (found) this.#noteKeyword(this.take());
    return found;
  }

  protected expectSymbol(text: string): Position {
    if (!this.isSymbol(text)) this.fail(text);
    return this.take().at;
  }

  protected expectIdentifier(what: string): string {
    const token = this.peek();
    if (token.kind !== "identifier") this.fail(what);
    this.#next++;
    return token.text;
  }
}

function describe(token: Token): string {
  switch (token.kind) {
    case "end":
      return "the end of the text";
    case "number":
      return String(token.value);
    case "string":
      return "a string";
    case "template":
      return "a template string";
    default:
      return `"${token.text}"`;
  }
}
