/** A token as it is written. The scanner reads only text that parses. */
export interface WrittenToken {
  readonly kind: "word" | "literal" | "symbol" | "comment";
  readonly text: string;
  /** line ends before it */
  readonly newlines: number;
  /** white space or a line end stands before it */
  readonly spaced: boolean;
}

const SPACE = /[ \t\r\n]*/y;
const COMMENT = /#[^\n]*/y;
const WORD = /[A-Za-z_][A-Za-z0-9_]*/y;
const LITERAL = /[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|"(?:[^"\\\n]|\\[^\n])*"|`[^`]*`/y;
const SYMBOL = /:=|==|!=|<=|>=|[{}[\]().,;:|&<>=+\-*/%]/y;
const TEMPLATE_TEXT = { '"': /(?:[^"\\{\n]|\\[^\n])*/y, "`": /(?:[^`\\{]|\\[\s\S])*/y };

/** @returns the tokens of a module that parses, with its comments; a template string is one literal */
export function scan(text: string): WrittenToken[] {
  return new Scanner(text).all();
}

class Scanner {
  readonly #text: string;
  #offset = 0;

  constructor(text: string) {
    this.#text = text;
  }

  all(): WrittenToken[] {
    const tokens: WrittenToken[] = [];
    for (let token = this.#next(); token !== undefined; token = this.#next()) tokens.push(token);
    return tokens;
  }

  #next(): WrittenToken | undefined {
    const space = this.#match(SPACE)!;
    if (this.#offset >= this.#text.length) return undefined;
    const base = { newlines: space.split("\n").length - 1, spaced: space !== "" };
    const comment = this.#match(COMMENT);
    if (comment !== undefined) return { kind: "comment", text: comment.trimEnd(), ...base };
    const word = this.#match(WORD);
    if (word !== undefined) return { kind: "word", text: word, ...base };
    if (this.#text[this.#offset] === "$") return { kind: "literal", text: this.#template(), ...base };
    const literal = this.#match(LITERAL);
    if (literal !== undefined) return { kind: "literal", text: literal, ...base };
    const symbol = this.#match(SYMBOL);
    if (symbol === undefined) throw new TypeError(`no token at offset ${this.#offset}: the text was not parsed before`);
    return { kind: "symbol", text: symbol, ...base };
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#offset;
    const found = pattern.exec(this.#text)?.[0];
    if (found !== undefined) this.#offset += found.length;
    return found;
  }

  #template(): string {
    const start = this.#offset;
    const quote = this.#text[start + 1] === "`" ? "`" : '"';
    this.#offset += 2;
    for (;;) {
      this.#match(TEMPLATE_TEXT[quote]);
      if (this.#text[this.#offset++] !== "{") return this.#text.slice(start, this.#offset);
      for (let depth = 1; depth > 0; ) {
        const token = this.#next();
        if (token === undefined) throw new TypeError("a template string has no end: the text was not parsed before");
        if (token.kind === "symbol") depth += token.text === "{" ? 1 : token.text === "}" ? -1 : 0;
      }
    }
  }
}
