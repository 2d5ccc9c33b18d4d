import { builtins } from "../../src/policy/rego/builtins/index.ts";
import type { Random } from "./random.ts";

const CALLABLE = Object.entries(builtins).map(([name, { arity }]) => ({ name, arity }));
const NAMES = ["a", "b", "c", "x", "y", "z"];
const STRINGS = [
  "",
  "a",
  "b",
  "é",
  "😀",
  "0",
  "2024-01-01T00:00:00Z",
  "1.2.3",
  "a.b",
  "{}",
  "[1]",
  "%d %v",
  "^a*$",
  "10.0.0.0/8",
  "YWI=",
  "UTC",
];
const NUMBERS = [
  "0",
  "1",
  "-1",
  "2",
  "63",
  "0.5",
  "1e3",
  "9007199254740993",
  "-9007199254740993",
  "1e308",
  "123456789012345678901234567890",
];
const OPERATORS = ["==", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/", "%", "&", "|", "in"];

/** Rego text that mostly compiles: rules of every kind over small values, every built-in function, every kind of statement. */
export class RegoText {
  readonly #random: Random;
  #depth = 0;
  /** the rule that is written; those before it may be read */
  #index = 0;
  /** functions so far */
  #functions: string[] = [];
  /** variables that have a value where text is written; now and then another one is used, for the errors about it */
  #bound: string[] = [];

  constructor(random: Random) {
    this.#random = random;
  }

  module(): string {
    const rules = Array.from({ length: 1 + this.#random.below(6) }, (_, i) => this.#rule(i));
    return `package fuzz\nimport rego.v1\n${rules.join("\n")}\n`;
  }

  #rule(index: number): string {
    const random = this.#random;
    const name = `r${index}`;
    this.#index = index;
    this.#bound = [];
    const body = () => (random.chance(3) ? "" : ` if { ${this.#body()} }`);
    const others = () => (random.chance(4) ? ` else := ${this.term()}${body()}` : "");
    switch (random.below(8)) {
      case 0:
        return `${name} contains ${this.term()}${body()}`;
      case 1:
        return `${name}[${this.term()}] := ${this.term()}${body()}`;
      case 2: {
        const argument = random.of(NAMES);
        this.#bound = [argument];
        const text = `f${index}(${argument}) := ${this.term()}${body()}${others()}`;
        this.#functions.push(`f${index}`);
        return text;
      }
      case 3:
        return `default ${name} := ${this.#scalar()}\n${name} := ${this.term()}${body()}`;
      case 4:
        return `${name} if { ${this.#body()} }`;
      default:
        return `${name} := ${this.term()}${body()}${others()}`;
    }
  }

  #body(): string {
    return Array.from({ length: 1 + this.#random.below(3) }, () => this.#statement()).join("; ");
  }

  #statement(): string {
    const random = this.#random;
    switch (random.below(9)) {
      case 0: {
        const value = this.term();
        return `${this.#newName()} := ${value}`;
      }
      case 1: {
        const domain = this.term();
        return `some ${this.#newName()} in ${domain}`;
      }
      case 2: {
        const domain = this.term();
        return `some ${this.#newName()}, ${this.#newName()} in ${domain}`;
      }
      case 3: {
        const domain = this.term();
        const outside = [...this.#bound];
        const text = `every ${this.#newName()} in ${domain} { ${this.#nested(() => this.#body(), "true")} }`;
        this.#bound = outside;
        return text;
      }
      case 4:
        return `not ${this.term()}`;
      case 5:
        return `${this.term()} with ${random.of(["input", "input.a", "data.other", "data.other.n"])} as ${this.term()}`;
      case 6:
        return `${this.term()} = ${this.term()}`;
      default:
        return `${this.term()} ${random.of(OPERATORS)} ${this.term()}`;
    }
  }

  term(): string {
    return this.#nested(() => this.#anyTerm(), this.#scalar());
  }

  /** A variable that has no value yet, which it then has; the wildcard where there is none. */
  #newName(): string {
    const name = this.#random.of(NAMES);
    if (this.#bound.includes(name)) return "_";
    this.#bound.push(name);
    return name;
  }

  /** A comprehension: its body is written first, for its head uses the variables of it. */
  #comprehension(open: string, close: string, head: () => string): string {
    const outside = [...this.#bound];
    const body = this.#body();
    const text = `${open}${head()} | ${body}${close}`;
    this.#bound = outside;
    return text;
  }

  /** One level further down, or `leaf` where there are enough of them. */
  #nested(make: () => string, leaf: string): string {
    if (this.#depth >= 4) return leaf;
    this.#depth++;
    const text = make();
    this.#depth--;
    return text;
  }

  #anyTerm(): string {
    const random = this.#random;
    const terms = (most: number) => random.list(most, () => this.term()).join(", ");
    switch (random.below(16)) {
      case 0:
        return `[${terms(3)}]`;
      case 1:
        return random.chance(3) ? "set()" : `{${this.term()}, ${this.term()}}`;
      case 2:
        return `{${random.list(3, () => `${this.term()}: ${this.term()}`).join(", ")}}`;
      case 3:
        return this.#comprehension("[", "]", () => this.term());
      case 4:
        return this.#comprehension("{", "}", () => this.term());
      case 5:
        return this.#comprehension("{", "}", () => `${this.term()}: ${this.term()}`);
      case 6:
        return `(${this.term()} ${random.of(OPERATORS)} ${this.term()})`;
      case 7:
        return `input${random.list(2, () => random.of([".a", ".b", "[0]", "[_]", '["é"]'])).join("")}`;
      case 8:
        return this.#index === 0 ? "data.other" : `data.fuzz.r${random.below(this.#index)}`;
      case 9:
        return this.#bound.length === 0 || random.chance(60) ? random.of(random.chance(60) ? NAMES : ["1"]) : random.of(this.#bound);
      case 10:
        return `${this.#functions.length > 0 ? random.of(this.#functions) : "count"}(${this.term()})`;
      case 11:
      case 12: {
        const { name, arity } = random.of(CALLABLE);
        const [least, most] = arity;
        const count = least + random.below(Math.min(most, least + 2) - least + 1);
        return `${name}(${Array.from({ length: count }, () => this.term()).join(", ")})`;
      }
      default:
        return this.#scalar();
    }
  }

  #scalar(): string {
    const random = this.#random;
    return random.of([random.of(NUMBERS), JSON.stringify(random.of(STRINGS)), random.of(["true", "false", "null"])]);
  }
}
