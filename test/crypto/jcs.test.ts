import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { encodeHex, jcs } from "../../src/crypto/index.ts";
import type { JsonValue } from "../../src/system/index.ts";
import { rejection } from "../rejection.ts";

const text = (value: JsonValue) => new TextDecoder().decode(jcs(value));

describe("canonical JSON", () => {
  test("the example of RFC 8785 §3.2.2 comes out as its §3.2.4 says", () => {
    const value = {
      // biome-ignore lint/correctness/noPrecisionLoss: the RFC's own example of a number that is rounded
      numbers: [333333333.33333329, 1e30, 4.5, 2e-3, 0.000000000000000000000000001],
      string: "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"/",
      literals: [null, true, false],
    };
    expect(encodeHex(jcs(value))).toBe(
      "7b226c69746572616c73223a5b6e756c6c2c747275652c66616c73655d2c226e756d62657273223a" +
        "5b3333333333333333332e333333333333332c31652b33302c342e352c302e3030322c31652d3237" +
        "5d2c22737472696e67223a22e282ac245c75303030665c6e4127425c225c5c5c5c5c222f227d",
    );
  });

  test("members are sorted by UTF-16 code units, not by code points", () => {
    const names = ["\u20ac", "\r", "\ufb33", "1", "\ud83d\ude00", "\u0080", "\u00f6"];
    const value = Object.fromEntries(names.map((name) => [name, 0]));
    expect(Object.keys(JSON.parse(text(value)))).toHaveLength(7);
    expect(text(value)).toBe('{"\\r":0,"1":0,"\u0080":0,"\u00f6":0,"\u20ac":0,"\ud83d\ude00":0,"\ufb33":0}');
  });

  test("the order in which members were written does not matter, and the value comes back", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.infiniteStream(fc.boolean()), (value, coins) => {
        const shuffled = shuffle(value as JsonValue, () => coins.next().value === true);
        expect(text(shuffled)).toBe(text(value as JsonValue));
        // JSON has one zero; -0 is the only number that JSON text cannot tell from another.
        expect(JSON.parse(text(value as JsonValue))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  test("a member called __proto__ is a member like any other", () => {
    expect(text(JSON.parse('{"b":1,"__proto__":2}'))).toBe('{"__proto__":2,"b":1}');
  });

  test.each([
    ["a lone surrogate", "\ud800"],
    ["a lone surrogate in a name", { "\udc00": 1 }],
    ["not a number", Number.NaN],
    ["infinity", [Number.POSITIVE_INFINITY]],
    ["undefined", { a: undefined as unknown as JsonValue }],
    ["a bigint", 1n as unknown as JsonValue],
  ])("%s has no canonical form", (_name, value: JsonValue) => {
    expect(rejection(() => jcs(value)).id).toBe("crypto.json-not-canonical");
  });

  test("nesting is refused before it reaches the stack's end", () => {
    let value: JsonValue = [];
    for (let depth = 0; depth < 100_000; depth++) value = [value];
    expect(rejection(() => jcs(value)).id).toBe("crypto.json-not-canonical");
  });
});

function shuffle(value: JsonValue, coin: () => boolean): JsonValue {
  if (Array.isArray(value)) return value.map((item: JsonValue) => shuffle(item, coin));
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([name, member]) => [name, shuffle(member, coin)] as const);
  return Object.fromEntries(coin() ? entries.reverse() : entries);
}
