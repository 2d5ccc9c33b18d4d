import { describe, expect, test } from "bun:test";
import { fuzzPolicies } from "../../../scripts/fuzzing/policy.ts";

const SECONDS = Number(process.env["CAI_FUZZ_SECONDS"] ?? 60);
const TIMEOUT = (SECONDS + 60) * 1000;

describe("random policies", () => {
  test(
    `bring out nothing but values and errors of policies in ${SECONDS} s, the same ones each time, explained as they came out`,
    () => {
      const seed = crypto.getRandomValues(new Uint32Array(1))[0]!;
      console.log(`seed ${seed}: scripts/fuzz policy --seed ${seed} makes the same cases`);
      const end = performance.now() + SECONDS * 1000;
      const { slowest, ...counts } = fuzzPolicies({ seed, goesOn: () => performance.now() < end });
      console.log(JSON.stringify({ ...counts, slowestMilliseconds: Math.round(slowest.milliseconds) }));
      // A fuzzer whose texts all fail to parse tries nothing.
      expect(counts.compiled).toBeGreaterThan(counts.cases / 20);
      expect(counts.evaluated).toBeGreaterThan(0);
      expect(counts.explained).toBeGreaterThan(0);
    },
    TIMEOUT,
  );

  test("are the same ones for the same seed", () => {
    const texts = (seed: number) => {
      const seen: string[] = [];
      fuzzPolicies({ seed, goesOn: () => seen.length < 20, started: (_, text) => seen.push(text) });
      return seen;
    };
    expect(texts(7)).toEqual(texts(7));
    expect(texts(7)).not.toEqual(texts(1_000_007));
  });
});
