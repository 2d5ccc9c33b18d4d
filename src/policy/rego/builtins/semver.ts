import { BuiltinFailure, type Builtins, builtin, stringArg } from "./builtin.ts";

const VERSION = /^(\d+)\.(\d+)\.(\d+)(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+[0-9A-Za-z.-]+)?$/;

interface Version {
  readonly numbers: readonly bigint[];
  readonly prerelease: readonly string[];
}

function parse(text: string): Version | undefined {
  const found = text.length <= 256 ? VERSION.exec(text) : null;
  if (found === null) return undefined;
  return { numbers: [BigInt(found[1]!), BigInt(found[2]!), BigInt(found[3]!)], prerelease: found[4]?.split(".") ?? [] };
}

function order<T extends bigint | string | number>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Orders identifiers as semver.org §11 says: numbers below words, a prefix below what is longer. */
function comparePrerelease(a: readonly string[], b: readonly string[]): number {
  if (a.length === 0 || b.length === 0) return order(b.length, a.length) && (a.length === 0 ? 1 : -1);
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const [x, y] = [a[i]!, b[i]!];
    const [xNumber, yNumber] = [/^\d+$/.test(x), /^\d+$/.test(y)];
    const result = xNumber && yNumber ? order(BigInt(x), BigInt(y)) : xNumber !== yNumber ? (xNumber ? -1 : 1) : order(x, y);
    if (result !== 0) return result;
  }
  return order(a.length, b.length);
}

function compare(a: Version, b: Version): number {
  for (let i = 0; i < 3; i++) {
    const result = order(a.numbers[i]!, b.numbers[i]!);
    if (result !== 0) return result;
  }
  return comparePrerelease(a.prerelease, b.prerelease);
}

/** Semantic versions. */
export const versions: Builtins = {
  "semver.compare": builtin(2, (args) => {
    const [a, b] = [parse(stringArg(args, 0)), parse(stringArg(args, 1))];
    if (a === undefined || b === undefined) throw new BuiltinFailure("expected two semantic versions");
    return compare(a, b);
  }),
  "semver.is_valid": builtin(1, ([value]) => typeof value === "string" && parse(value) !== undefined),
};
