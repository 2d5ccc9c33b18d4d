import { formatNumber, type RegoNumber } from "../number.ts";
import type { Run } from "../run.ts";
import type { Value } from "../value.ts";
import { describeValue, termText } from "../value-text.ts";
import { arrayArg, type Builtins, builtin, stringArg } from "./builtin.ts";

// Counted repetitions: flags and width share the digit 0, and unbounded ones would try every split of a long run of zeros.
const VERB = /%([-+# 0]{0,5})(\*|\d{1,6})?(?:\.(\*|\d{1,6})?)?([a-zA-Z%])/g;
const MAXIMUM_WIDTH = 1000;

interface Verb {
  readonly flags: string;
  readonly precision: number | undefined;
  readonly letter: string;
}

function isNumber(value: Value): value is RegoNumber {
  return typeof value === "number" || typeof value === "bigint";
}

function isWhole(value: Value): value is RegoNumber {
  return isNumber(value) && (typeof value === "bigint" || Number.isInteger(value));
}

/** The kind that a mismatch names. */
function kindOf(value: Value): string {
  if (isNumber(value)) return isWhole(value) ? "int" : "float64";
  return typeof value === "string" ? "string" : typeof value === "boolean" ? "bool" : "value";
}

const BASES: { readonly [letter: string]: number } = { b: 2, o: 8, d: 10, x: 16, X: 16 };

function integer(value: RegoNumber, { flags, letter }: Verb): string {
  const text = (typeof value === "bigint" ? value : BigInt(value)).toString(BASES[letter]!);
  const prefix = flags.includes("#") && BASES[letter] === 16 ? "0x" : "";
  const full = text.startsWith("-") ? `-${prefix}${text.slice(1)}` : prefix + text;
  return letter === "X" ? full.toUpperCase() : full;
}

/** Scientific notation with an exponent of at least two digits. */
function scientific(value: number, precision: number): string {
  return value.toExponential(Math.min(precision, 100)).replace(/e([+-])(\d)$/, "e$10$2");
}

function floating(value: number, { precision, letter }: Verb): string {
  if (letter === "f" || letter === "F") return value.toFixed(Math.min(precision ?? 6, 100));
  if (letter === "e" || letter === "E") {
    const text = scientific(value, precision ?? 6);
    return letter === "E" ? text.toUpperCase() : text;
  }
  return precision === undefined ? formatNumber(value) : String(Number(value.toPrecision(Math.min(Math.max(precision, 1), 100))));
}

function formatted(value: Value, verb: Verb): string {
  const { letter, precision } = verb;
  if (letter === "v") return describeValue(value);
  if (letter === "s") return [...describeValue(value)].slice(0, precision).join("");
  if (letter === "q" && !isNumber(value)) return JSON.stringify(describeValue(value));
  if (letter === "t" && typeof value === "boolean") return String(value);
  if (letter === "T") return kindOf(value);
  if (Object.hasOwn(BASES, letter)) {
    if (isWhole(value)) return integer(value, verb);
    if (typeof value === "string" && (letter === "x" || letter === "X")) {
      const hex = Buffer.from(value).toString("hex");
      return letter === "x" ? hex : hex.toUpperCase();
    }
  }
  if (letter === "c" && isWhole(value))
    return Number(value) >= 0 && Number(value) <= 0x10ffff ? String.fromCodePoint(Number(value)) : "\ufffd";
  if ("eEfFgG".includes(letter) && isNumber(value)) return floating(Number(value), verb);
  return `%!${letter}(${kindOf(value)}=${termText(value)})`;
}

function padded(text: string, value: Value, verb: Verb, width: number): string {
  const { flags } = verb;
  const signed = flags.includes("+") && isNumber(value) && !text.startsWith("-") ? `+${text}` : text;
  const missing = width - [...signed].length;
  if (missing <= 0) return signed;
  if (flags.includes("-")) return signed + " ".repeat(missing);
  if (!flags.includes("0") || !isNumber(value)) return " ".repeat(missing) + signed;
  const sign = /^[+-]/.exec(signed)?.[0] ?? "";
  return sign + "0".repeat(missing) + signed.slice(sign.length);
}

function format(template: string, args: readonly Value[], run: Run): string {
  let next = 0;
  let length = 0;
  const take = (given: string | undefined): number | undefined => {
    if (given === undefined) return undefined;
    const value = given === "*" ? Number(args[next++]) : Number(given);
    return Number.isInteger(value) && value >= 0 && value <= MAXIMUM_WIDTH ? value : 0;
  };
  const text = template.replace(VERB, (whole: string, flags: string, width?: string, precision?: string, letter?: string) => {
    if (letter === "%") return "%";
    const columns = take(width) ?? 0;
    const digits = take(precision) ?? (/\.[a-zA-Z]$/.test(whole) ? 0 : undefined);
    if (next >= args.length) return `%!${letter}(MISSING)`;
    const value = args[next++]!;
    const verb = { flags, precision: digits, letter: letter! };
    const result = padded(formatted(value, verb), value, verb, columns);
    length += result.length;
    run.characters(length);
    return result;
  });
  const extra = args.slice(next).map((value) => `${kindOf(value)}=${describeValue(value)}`);
  return extra.length === 0 ? text : `${text}%!(EXTRA ${extra.join(", ")})`;
}

/** `sprintf`, with the verbs and the marks for wrong arguments that policies know. */
export const formats: Builtins = {
  sprintf: builtin(2, (args, run) => {
    const text = format(stringArg(args, 0), arrayArg(args, 1), run);
    run.characters(text.length);
    return text;
  }),
};
