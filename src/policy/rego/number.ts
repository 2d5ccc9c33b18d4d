/** A Rego number: a JavaScript number, or a bigint where an integer lies outside ±(2^53 − 1). */
export type RegoNumber = number | bigint;

const LEAST_EXACT = BigInt(Number.MIN_SAFE_INTEGER);
const MOST_EXACT = BigInt(Number.MAX_SAFE_INTEGER);

/** @returns a bigint as a number where that is exact */
export function narrow(value: bigint): RegoNumber {
  return value >= LEAST_EXACT && value <= MOST_EXACT ? Number(value) : value;
}

export function isInteger(value: RegoNumber): boolean {
  return typeof value === "bigint" || Number.isInteger(value);
}

/** @param value  an integer */
export function toBigInt(value: RegoNumber): bigint {
  return BigInt(value);
}

const NUMBER = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$/;

/** @returns the number a JSON number text means, integers exactly; undefined where it is none or not finite */
export function parseNumber(text: string): RegoNumber | undefined {
  if (!NUMBER.test(text)) return undefined;
  const value = Number(text);
  if (Number.isSafeInteger(value)) return value === 0 ? 0 : value;
  if (/^-?[0-9]+$/.test(text)) return text.length <= 4096 ? BigInt(text) : undefined;
  if (!Number.isFinite(value)) return undefined;
  return Number.isInteger(value) ? BigInt(value) : value;
}

function exact(a: RegoNumber, b: RegoNumber, fast: number, slow: (a: bigint, b: bigint) => bigint): RegoNumber {
  if (typeof a === "number" && typeof b === "number" && (Number.isSafeInteger(fast) || !Number.isInteger(a) || !Number.isInteger(b))) {
    return fast;
  }
  return isInteger(a) && isInteger(b) ? narrow(slow(toBigInt(a), toBigInt(b))) : fast;
}

export const add = (a: RegoNumber, b: RegoNumber): RegoNumber => exact(a, b, Number(a) + Number(b), (x, y) => x + y);
export const subtract = (a: RegoNumber, b: RegoNumber): RegoNumber => exact(a, b, Number(a) - Number(b), (x, y) => x - y);
export const multiply = (a: RegoNumber, b: RegoNumber): RegoNumber => exact(a, b, Number(a) * Number(b), (x, y) => x * y);

/** @param b  not zero */
export function divide(a: RegoNumber, b: RegoNumber): RegoNumber {
  if (isInteger(a) && isInteger(b) && (typeof a === "bigint" || typeof b === "bigint")) {
    const [x, y] = [toBigInt(a), toBigInt(b)];
    if (x % y === 0n) return narrow(x / y);
  }
  return Number(a) / Number(b);
}

/** @param a,b  integers, b not zero */
export function remainder(a: RegoNumber, b: RegoNumber): RegoNumber {
  return typeof a === "number" && typeof b === "number" ? (a % b === 0 ? 0 : a % b) : narrow(toBigInt(a) % toBigInt(b));
}

/** @returns decimal text as JSON has it; integers without exponent */
export function formatNumber(value: RegoNumber): string {
  if (typeof value === "number" && Number.isInteger(value) && Math.abs(value) >= 1e21) return BigInt(value).toString();
  return Object.is(value, -0) ? "0" : String(value);
}
