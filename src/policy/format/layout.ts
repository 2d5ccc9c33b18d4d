import type { WrittenToken } from "./scanner.ts";

/** A token with its place in the output. */
export interface PlacedToken {
  readonly text: string;
  /** blank: an empty line before it; line: at the start of a line; space, none: after the token before it */
  readonly before: "blank" | "line" | "space" | "none";
  /** tabs at the start of its line */
  readonly indent: number;
}

interface Bracket {
  /** the braces around statements, not those of a set or an object */
  readonly isBody: boolean;
  /** a body whose statements stand on lines of their own */
  readonly isOpened: boolean;
  /** the depth of lines inside grows by this, once the line is over */
  indents: boolean;
  /** after the bar of a comprehension */
  pastBar: boolean;
  hasComma: boolean;
}

const OPERATORS = new Set([":=", "=", "==", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/", "%", "|", "&"]);
/** Words after which a term or a body comes. */
const PREFIX_WORDS = new Set(["if", "in", "with", "as", "not", "contains", "else", "some", "every", "default", "import", "package"]);
/** Words that go on with what stands before them. */
const INFIX_WORDS = new Set(["in", "with", "as", "if", "contains"]);

/**
 * Says where each token goes. The writer's line breaks stay, except that every statement of a body gets a line of its own; what is between
 * the tokens of a line, indentation and empty lines follow from the tokens alone.
 */
export class Layout {
  readonly #tokens: readonly WrittenToken[];
  readonly #placed: PlacedToken[] = [];
  readonly #brackets: Bracket[] = [];
  /** brackets that the line at hand has opened and not closed */
  #openedHere: Bracket[] = [];
  /** the last token but comments */
  #last: WrittenToken | undefined;
  #lastIsUnary = false;
  /** the bracket that was closed last */
  #closing: Bracket | undefined;
  #forceLine = false;
  /** the first word of the rule or clause at hand */
  #statement = "";

  constructor(tokens: readonly WrittenToken[]) {
    this.#tokens = tokens;
  }

  place(): readonly PlacedToken[] {
    for (const [i, token] of this.#tokens.entries()) {
      if (!isSymbol(token, ";") || !this.#dropsSemicolon(i)) this.#put(token, i);
      // At the end of a body that stays on its line, nothing comes in the place of the semicolon.
      else this.#forceLine = this.#bracket?.isOpened ?? true;
    }
    return this.#placed;
  }

  get #bracket(): Bracket | undefined {
    return this.#brackets.at(-1);
  }

  get #inStatements(): boolean {
    return this.#bracket === undefined || this.#bracket.isBody;
  }

  #put(token: WrittenToken, i: number): void {
    const closes = isSymbol(token, "}", "]", ")");
    const breaks = this.#breaksBefore(token, closes);
    const isUnary = isSymbol(token, "-") && !this.#isOperand(this.#last, token) && this.#tokens[i + 1]?.spaced === false;
    if (breaks) this.#endLine();
    if (closes) this.#close();
    const isFirst = this.#placed.length === 0;
    const continues = breaks && this.#continues(token, i, isUnary);
    const startsStatement = breaks && this.#brackets.length === 0 && !continues && !closes;
    const blank = !isFirst && ((token.newlines > 1 && !closes && !this.#isOpening()) || (startsStatement && this.#separates(i)));
    this.#placed.push({
      text: token.text,
      before: isFirst ? "none" : breaks ? (blank ? "blank" : "line") : this.#spaceBefore(token, closes),
      indent: this.#depth() + (continues ? 1 : 0),
    });
    if (isFirst || startsStatement) this.#statement = this.#wordAt(i);
    if (isSymbol(token, "{", "[", "(")) this.#open(token, i);
    if (token.kind === "comment") this.#forceLine = true;
    else this.#note(token, isUnary, closes);
  }

  #note(token: WrittenToken, isUnary: boolean, closes: boolean): void {
    const bracket = this.#bracket;
    if (bracket !== undefined && !closes) {
      if (isSymbol(token, ",")) bracket.hasComma = true;
      if (isSymbol(token, "|") && !bracket.isBody && !bracket.hasComma) bracket.pastBar = true;
    }
    this.#forceLine = false;
    this.#lastIsUnary = isUnary;
    this.#last = token;
  }

  /** A semicolon goes where a line end can stand for it: not before what would then go on with the line before. */
  #dropsSemicolon(i: number): boolean {
    // After such a word the line end would make a keyword of what is a variable.
    if (!this.#inStatements || (this.#last?.kind === "word" && PREFIX_WORDS.has(this.#last.text))) return false;
    if (this.#bracket !== undefined && !this.#bracket.isOpened) return this.#tokens[this.#nextSignificant(i)]?.text === "}";
    const at = this.#nextSignificant(i);
    const next = this.#tokens[at];
    if (next === undefined || next.text === ";") return true;
    return !isSymbol(next, "-") && !this.#isInfixWord(at) && next.text !== "else";
  }

  /** True for a word that goes on with what stands before it; not for a call of the built-in `contains`. */
  #isInfixWord(i: number): boolean {
    const token = this.#tokens[i];
    const next = this.#tokens[i + 1];
    const isCall = token?.text === "contains" && isSymbol(next, "(") && next?.spaced === false;
    return token?.kind === "word" && INFIX_WORDS.has(token.text) && !isCall;
  }

  /** @returns the place of the next token that is no comment */
  #nextSignificant(i: number): number {
    let next = i + 1;
    while (this.#tokens[next]?.kind === "comment") next++;
    return next;
  }

  #breaksBefore(token: WrittenToken, closes: boolean): boolean {
    if (this.#placed.length === 0) return true;
    // A comment goes to the end of its line: what follows one needs a line of its own, also where a semicolon between them is dropped.
    if (token.kind === "comment") return token.newlines > 0 || this.#placed.at(-1)!.text.startsWith("#");
    if (this.#forceLine) return true;
    if (isSymbol(this.#last, ";") && this.#inStatements && (this.#bracket?.isOpened ?? true)) return true;
    if (this.#bracket?.isBody && (closes || isSymbol(this.#last, "{")) && this.#isBodyEdge(closes)) return this.#bracket.isOpened;
    if (token.kind === "word" && token.text === "else" && isSymbol(this.#last, "}")) return false;
    return token.newlines > 0;
  }

  /** True right after a body's opening brace and at its closing one. */
  #isBodyEdge(closes: boolean): boolean {
    return closes || this.#openedHere.at(-1) === this.#bracket;
  }

  #isOpening(): boolean {
    return isSymbol(this.#last, "{", "[", "(") && this.#placed.at(-1)?.text === this.#last?.text;
  }

  #open(token: WrittenToken, i: number): void {
    const isBody = isSymbol(token, "{") && this.#opensBody(token);
    const bracket = { isBody, isOpened: isBody && this.#needsLines(i), indents: false, pastBar: false, hasComma: false };
    this.#brackets.push(bracket);
    this.#openedHere.push(bracket);
  }

  /** True for the brace of statements: after `if` or `else`, or after what can be no operand's left neighbour otherwise. */
  #opensBody(token: WrittenToken): boolean {
    const last = this.#last;
    if (last === undefined) return false;
    if (last.kind === "word" && (last.text === "if" || last.text === "else")) return true;
    if ((token.newlines > 0 || this.#forceLine) && this.#brackets.length > 0) return false;
    return this.#inStatements && this.#isOperand(last, token);
  }

  /** True where the body that opens at a token has several statements, a comment, or a line break of its own. */
  #needsLines(start: number): boolean {
    let depth = 0;
    for (let i = start; i < this.#tokens.length; i++) {
      const token = this.#tokens[i]!;
      if (depth === 1 && i > start && (token.newlines > 0 || token.kind === "comment")) return true;
      if (depth === 1 && isSymbol(token, ";") && !isSymbol(this.#tokens[i + 1], "}")) return true;
      if (isSymbol(token, "{", "[", "(")) depth++;
      if (isSymbol(token, "}", "]", ")") && --depth === 0) return false;
    }
    return false;
  }

  #close(): void {
    this.#closing = this.#brackets.pop();
    this.#openedHere = this.#openedHere.filter((one) => one !== this.#closing);
  }

  /** Of the brackets that a line leaves open, the innermost indents the lines after it. */
  #endLine(): void {
    const innermost = this.#openedHere.at(-1);
    if (innermost !== undefined) innermost.indents = true;
    this.#openedHere = [];
  }

  #depth(): number {
    return this.#brackets.filter(({ indents }) => indents).length;
  }

  /** True for a line that goes on with the statement or term of the line before. */
  #continues(token: WrittenToken, i: number, isUnary: boolean): boolean {
    const last = this.#last;
    if (last === undefined || token.kind === "comment") return false;
    if (isSymbol(token, "}", "]", ")")) return false;
    if (token.kind === "symbol" && OPERATORS.has(token.text) && !isUnary) return true;
    if (this.#isInfixWord(i) && this.#isOperand(last, token)) return true;
    if (isSymbol(last, "|") && this.#bracket?.pastBar) return false;
    if (isSymbol(last, ",")) return this.#inStatements;
    return last.kind === "symbol" ? OPERATORS.has(last.text) : last.kind === "word" && !this.#isOperand(last, token);
  }

  /** True where a term can end with the token. */
  #isOperand(token: WrittenToken | undefined, next: WrittenToken): boolean {
    if (token === undefined) return false;
    if (token.kind === "symbol") return isSymbol(token, "}", "]", ")");
    // Right before a bracket or a dot a word is a name, whatever it is.
    return token.kind === "literal" || !PREFIX_WORDS.has(token.text) || (!next.spaced && isSymbol(next, ".", "["));
  }

  #spaceBefore(token: WrittenToken, closes: boolean): "space" | "none" {
    const last = this.#last;
    if (token.kind === "comment") return "space";
    if (last === undefined || isSymbol(last, "(", "[") || isSymbol(token, ")", "]")) return "none";
    if (isSymbol(token, "}")) return isSymbol(last, "{") || !this.#closing?.isBody ? "none" : "space";
    if (isSymbol(last, "{")) return this.#bracket?.isBody && !closes ? "space" : "none";
    if (isSymbol(token, ",", ";", ":", ".") || isSymbol(last, ".") || this.#lastIsUnary) return "none";
    if (last.kind === "symbol" && (OPERATORS.has(last.text) || isSymbol(last, ",", ";", ":"))) return "space";
    if (isSymbol(token, "(", "[")) return token.spaced ? "space" : "none";
    return "space";
  }

  /** True where an empty line has to stand before the statement at a token: after the package, and after the imports. */
  #separates(i: number): boolean {
    const word = this.#wordAt(i);
    return (this.#statement === "package" || this.#statement === "import") && word !== this.#statement;
  }

  /** The first word of the statement that starts at a token, or that the comments there belong to. */
  #wordAt(i: number): string {
    const first = this.#tokens[this.#nextSignificant(i - 1)];
    return first?.kind === "word" ? first.text : "";
  }
}

function isSymbol(token: WrittenToken | undefined, ...texts: readonly string[]): boolean {
  return token?.kind === "symbol" && texts.includes(token.text);
}
