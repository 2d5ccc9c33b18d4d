import { describe, expect, test } from "bun:test";
import { VerificationCache } from "../../../src/tee/tdx/index.ts";

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

describe("the verification cache", () => {
  test("verifies the same inputs once", () => {
    const cache = new VerificationCache();
    let runs = 0;
    const run = (kind: string, ...parts: (Uint8Array | string)[]) => cache.remember(kind, parts, () => ++runs);
    expect([run("a", bytes(1, 2)), run("a", bytes(1, 2)), run("a", bytes(1, 3)), run("b", bytes(1, 2))]).toEqual([1, 1, 2, 3]);
  });

  test("tells apart inputs that only differ in where one ends", () => {
    const cache = new VerificationCache();
    let runs = 0;
    const run = (...parts: Uint8Array[]) => cache.remember("a", parts, () => ++runs);
    const results = [run(bytes(1, 2), bytes(3)), run(bytes(1), bytes(2, 3)), run(bytes(1, 2, 3)), run(bytes(1, 2, 3), bytes())];
    expect(new Set(results).size).toBe(4);
  });

  test("remembers no failure", () => {
    const cache = new VerificationCache();
    const run = (fail: boolean) =>
      cache.remember("a", [bytes(1)], () => {
        if (fail) throw new RangeError("no");
        return "yes";
      });
    expect(() => run(true)).toThrow(RangeError);
    expect(cache.size).toBe(0);
    expect(run(false)).toBe("yes");
  });

  test("is bounded, and forgets first what was used longest ago", () => {
    const cache = new VerificationCache(2);
    let runs = 0;
    const run = (value: number) => cache.remember("a", [bytes(value)], () => ++runs);
    run(1);
    run(2);
    run(1);
    run(3);
    expect(cache.size).toBe(2);
    expect(run(1)).toBe(1);
    expect(run(2)).toBe(4);
  });
});
