import { describe, expect, test } from "bun:test";
import { checkHighWater, newestIssue, raiseHighWater, startingHighWater } from "../../../../src/tee/tdx/collateral/high-water.ts";
import { authenticateCollateral, builtInAnchors, parseBundle, VerificationCache } from "../../../../src/tee/tdx/index.ts";
import { anchors, errorId, haveVectors, NOW, vectorText } from "../testing.ts";
import { DAY, issuedAt } from "./services.ts";

const facts = authenticateCollateral(issuedAt(NOW), "tdx", anchors, new VerificationCache());
const mark = raiseHighWater(startingHighWater(undefined, facts, "standard", undefined), facts);

describe("a high-water mark (I14)", () => {
  test("takes the same set again, and refuses one that is lower in anything", () => {
    checkHighWater(facts, mark);
    for (const name of Object.keys(mark) as (keyof typeof mark)[]) {
      expect(errorId(() => checkHighWater(facts, { ...mark, [name]: mark[name] + 1 }))).toBe("tdx.collateral-rolled-back");
      checkHighWater(facts, { ...mark, [name]: mark[name] - 1 });
    }
  });

  test("only ever rises, in each of its numbers by itself", () => {
    expect(raiseHighWater(mark, facts)).toBe(mark);
    const mixed = { ...facts, pckCrl: { ...facts.pckCrl, issued: NOW - DAY }, rootCrl: { ...facts.rootCrl, issued: NOW + DAY } };
    expect(raiseHighWater(mark, mixed)).toEqual({ ...mark, rootCrlIssued: NOW + DAY });
    expect(newestIssue(raiseHighWater(mark, mixed))).toBe(NOW + DAY);
  });

  test("does not start below what was current when the program was made, but for simulated platforms", () => {
    const real = { ...facts, simulated: false };
    const start = startingHighWater(undefined, real, "standard", NOW);
    expect(start.tcbInfoIssued).toBe(NOW - 60 * DAY);
    expect(start.rootCrlIssued).toBe(0);
    expect(startingHighWater({ ...start, tcbInfoIssued: 5, rootCrlIssued: 7 }, real, "standard", NOW)).toEqual({
      ...start,
      rootCrlIssued: 7,
    });
    expect(newestIssue(startingHighWater(undefined, facts, "standard", NOW))).toBe(0);
    // Who asks for one evaluation number has chosen.
    expect(startingHighWater(undefined, real, 15, NOW).tcbInfoNumber).toBe(0);
    expect(startingHighWater(undefined, real, "early", NOW).tcbInfoNumber).toBeGreaterThan(0);
  });
});

describe.if(haveVectors)("a new store", () => {
  const of = (name: string) => {
    const given = authenticateCollateral(
      parseBundle(vectorText(`collateral/${name}.json`)),
      "tdx",
      builtInAnchors(),
      new VerificationCache(),
    );
    return (made: number | undefined) => errorId(() => checkHighWater(given, startingHighWater(undefined, given, "standard", made)));
  };
  test("takes what was good when the program was made, and refuses last year's", () => {
    expect(of("phala-tdx-90c06f-2026-02")(Date.UTC(2026, 2, 1) / 1000)).toBeUndefined();
    expect(of("phala-tdx-90c06f-2026-02")(undefined)).toBeUndefined();
    expect(of("phala-tdx-b0c06f-2025-06")(Date.UTC(2026, 2, 1) / 1000)).toBe("tdx.collateral-rolled-back");
  });
  test("refuses an evaluation number that was replaced long ago, whatever its date", () => {
    expect(of("google-tdx-50806f-2023-06")(undefined)).toBe("tdx.collateral-rolled-back");
  });
});
