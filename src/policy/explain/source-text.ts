import type { Position } from "../rego/position.ts";
import { cut, plain } from "./short-text.ts";

const MAXIMUM_SCANNED = 2_000;
const MAXIMUM_SHOWN = 160;

const TOKEN = /"(?:[^"\\\n]|\\[^\n])*"|`[^`]*`|#[^\n]*|\s+|[A-Za-z_][A-Za-z0-9_]*|./gsy;
/** a line that ends or starts with one of these goes on with its neighbour */
const JOINS_NEXT = /(?:[=<>+\-*/%&|,:]|\b(?:in|with|as|not|some|every|if|else))$/;
const JOINS_LAST = /^(?:[=<>+*/%&|:]|(?:in|with|as)\b)/;

/** Finds the text of statements and heads by their positions. */
export class SourceText {
  readonly #sources: Map<string, string>;
  readonly #heads = new WeakMap<Position, string>();
  readonly #hasQuery: boolean;
  readonly #lines = new Map<string, readonly number[]>();

  /** @param sources  the text of each module by its name */
  constructor(sources: ReadonlyMap<string, string>) {
    this.#sources = new Map(sources);
    this.#hasQuery = sources.has("query");
  }

  /** Gives the text of the query that is explained, whose positions are in a module named `query`. */
  setQuery(text: string): void {
    if (this.#hasQuery) return;
    this.#sources.set("query", text);
    this.#lines.delete("query");
  }

  /** @returns the statement that starts at a position, in one line without comments, shortened */
  statement(at: Position): string {
    return cut(statementText(this.#from(at)), MAXIMUM_SHOWN);
  }

  /** @returns the head that starts at a position, without the body */
  head(at: Position): string {
    let head = this.#heads.get(at);
    if (head === undefined) {
      head = cut(headText(this.#from(at)), MAXIMUM_SHOWN);
      this.#heads.set(at, head);
    }
    return head;
  }

  #from({ module, line, column }: Position): string {
    const text = this.#sources.get(module) ?? "";
    let lines = this.#lines.get(module);
    if (lines === undefined) {
      lines = [0, ...[...text.matchAll(/\n/g)].map(({ index }) => index + 1)];
      this.#lines.set(module, lines);
    }
    const start = (lines[line - 1] ?? 0) + column - 1;
    return text.slice(start, start + MAXIMUM_SCANNED);
  }
}

/** Takes a head off the front of a rule's text: up to `if`, or to the brace of a v0 body. */
function headText(text: string): string {
  const statement = statementText(text);
  let depth = 0;
  let last = "";
  TOKEN.lastIndex = 0;
  for (;;) {
    const [token] = TOKEN.exec(statement) ?? [];
    if (token === undefined) return statement;
    const isBody = token === "{" && !["=", "contains"].includes(last);
    if (depth === 0 && (token === "if" || isBody)) return statement.slice(0, TOKEN.lastIndex - token.length).trim();
    if (token === "{" || token === "[" || token === "(") depth++;
    else if (token === "}" || token === "]" || token === ")") depth--;
    if (token.trim() !== "") last = token;
  }
}

/** Takes a statement off the front of a text: up to a semicolon, a bracket that closes, or a line end where nothing goes on. */
function statementText(text: string): string {
  let result = "";
  let depth = 0;
  TOKEN.lastIndex = 0;
  for (;;) {
    const [token] = TOKEN.exec(text) ?? [];
    if (token === undefined) break;
    if (/^\s|^#/.test(token)) {
      const ends = token.includes("\n") && depth === 0;
      const rest = text.slice(TOKEN.lastIndex).replace(/^(?:\s|#[^\n]*)+/, "");
      if (ends && !JOINS_NEXT.test(result.trimEnd()) && !JOINS_LAST.test(rest)) break;
      if (!result.endsWith(" ")) result += " ";
      continue;
    }
    if (depth === 0 && (token === ";" || token === "}" || token === "]" || token === ")")) break;
    if (token === "{" || token === "[" || token === "(") depth++;
    else if (token === "}" || token === "]" || token === ")") depth--;
    result += token;
  }
  return plain(result.replace(/\s+/g, " ").trim());
}
