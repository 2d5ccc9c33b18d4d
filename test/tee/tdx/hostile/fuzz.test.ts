import { describe, expect, test } from "bun:test";
import { fuzzTdx } from "../../../../scripts/fuzzing/tdx.ts";

const SECONDS = Number(process.env["CAI_FUZZ_SECONDS"] ?? 60);
const TIMEOUT = (SECONDS + 60) * 1000;

describe("bent quotes, certificates, collateral and event logs", () => {
  test(
    `bring out nothing but errors of the verifier in ${SECONDS} s, and are accepted only where nothing is bent that counts`,
    async () => {
      const seed = crypto.getRandomValues(new Uint32Array(1))[0]!;
      console.log(`seed ${seed}: scripts/fuzz tdx --seed ${seed} makes the same cases`);
      const end = performance.now() + SECONDS * 1000;
      const { slowest, ...counts } = await fuzzTdx({ seed, goesOn: () => performance.now() < end });
      console.log(JSON.stringify({ ...counts, slowestMilliseconds: Math.round(slowest.milliseconds) }));
      // A fuzzer that bends nothing, or everything beyond recognition, tries nothing.
      for (const kind of ["quotes", "bundles", "logs", "accepted"] as const) expect(counts[kind]).toBeGreaterThan(0);
      expect(counts.accepted).toBeLessThan(counts.cases / 2);
      expect(counts.reasons).toBeGreaterThan(10);
    },
    TIMEOUT,
  );

  test("are the same ones for the same seed", async () => {
    const texts = async (seed: number) => {
      const seen: string[] = [];
      await fuzzTdx({ seed, goesOn: () => seen.length < 20, started: (_, text) => seen.push(text) });
      return seen;
    };
    expect(await texts(7)).toEqual(await texts(7));
    expect(await texts(7)).not.toEqual(await texts(1_000_007));
  });
});
