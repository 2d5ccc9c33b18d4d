import { narrow, parseNumber, type RegoNumber } from "../number.ts";
import { BuiltinFailure, type Builtins, builtin, stringArg } from "./builtin.ts";

const AMOUNT = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,4}))?$/;
const MAXIMUM_TEXT = 256;
/** Powers of ten and of two for the letters of large units, in order of size. */
const LETTERS = ["k", "m", "g", "t", "p", "e"];

/** An exact fraction. */
interface Amount {
  readonly over: bigint;
  readonly under: bigint;
}

/** Splits `1.5Gi` into its number and its unit. */
function split(text: string): readonly [Amount, string] {
  const plain = text.replaceAll('"', "");
  if (plain.length > MAXIMUM_TEXT) throw new BuiltinFailure(`expected at most ${MAXIMUM_TEXT} characters`);
  if (plain.includes(" ")) throw new BuiltinFailure("expected no space");
  const found = /^([+-]?[\d.]*(?:[eE][+-]?\d+)?)(.*)$/s.exec(plain)!;
  const [, digits, unit] = found as unknown as [string, string, string];
  if (digits === "") throw new BuiltinFailure("expected an amount");
  const number = AMOUNT.exec(digits);
  const [whole, fraction] = [number?.[2] ?? "", number?.[3] ?? ""];
  if (number === null || whole + fraction === "") throw new BuiltinFailure("expected a number in front of the unit");
  const exponent = Number(number[4] ?? "0") - fraction.length;
  if (Math.abs(exponent) > 1000) throw new BuiltinFailure("the amount is out of range");
  const value = BigInt(whole + fraction) * (number[1] === "-" ? -1n : 1n);
  const scale = 10n ** BigInt(Math.abs(exponent));
  return [exponent < 0 ? { over: value, under: scale } : { over: value * scale, under: 1n }, unit];
}

function factorOf(unit: string): Amount | undefined {
  if (unit === "") return { over: 1n, under: 1n };
  const power = BigInt(LETTERS.indexOf(unit[0]!.toLowerCase()) + 1);
  if (power === 0n) return undefined;
  const isBinary = unit.slice(1) === "i";
  return unit.length === 1 || isBinary ? { over: (isBinary ? 1024n : 1000n) ** power, under: 1n } : undefined;
}

function product(amount: Amount, factor: Amount): Amount {
  return { over: amount.over * factor.over, under: amount.under * factor.under };
}

function numberOf({ over, under }: Amount): RegoNumber {
  if (over % under === 0n) return narrow(over / under);
  const digits = (over * 10n ** 30n) / under;
  return parseNumber(`${digits}e-30`)!;
}

/** Amounts with units: of anything (`m` is a thousandth, `M` a million), and of bytes (letters of either case, `b` for byte). */
export const units: Builtins = {
  "units.parse": builtin(1, (args) => {
    const [amount, unit] = split(stringArg(args, 0));
    const factor = unit === "m" ? { over: 1n, under: 1000n } : factorOf(unit.length === 2 ? unit[0] + unit[1]!.toLowerCase() : unit);
    if (factor === undefined) throw new BuiltinFailure("unknown unit");
    return numberOf(product(amount, factor));
  }),
  "units.parse_bytes": builtin(1, (args) => {
    const [amount, unit] = split(stringArg(args, 0));
    const factor = factorOf(unit.toLowerCase().replace(/b$/, ""));
    if (factor === undefined || unit.toLowerCase() === "b") throw new BuiltinFailure("unknown unit");
    const { over, under } = product(amount, factor);
    return narrow(over / under);
  }),
};
