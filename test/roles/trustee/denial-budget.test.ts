import { describe, expect, test } from "bun:test";
import { DenialBudget } from "../../../src/roles/trustee/denial-budget.ts";

function budget() {
  const clock = { now: 0 };
  const of = new DenialBudget(() => clock.now);
  /** How many of so many denials are recorded one by one. */
  const taken = (count: number, client: string | ((i: number) => string), attested = false) =>
    Array.from({ length: count }, (_, i) => of.take(typeof client === "string" ? client : client(i), attested)).filter(Boolean).length;
  return { clock, taken };
}

describe("the records of denials (I40)", () => {
  test("of one client are bounded, and fill up again with time", () => {
    const { clock, taken } = budget();
    expect(taken(500, "192.0.2.1")).toBe(120);
    expect(taken(1, "192.0.2.2")).toBe(1);
    clock.now += 20_000;
    expect(taken(500, "192.0.2.1")).toBe(10);
  });

  test("of all strangers together are bounded", () => {
    const { clock, taken } = budget();
    expect(taken(20_000, (i) => `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`)).toBe(1000);
    clock.now += 60_000;
    expect(taken(20_000, (i) => `10.1.${(i >> 8) & 255}.${i & 255}`)).toBe(60);
  });

  test("of an hour of flood are few beside a million", () => {
    const { clock, taken } = budget();
    let recorded = 0;
    for (let second = 0; second < 3600; second++) {
      clock.now += 1000;
      recorded += taken(20, (i) => `10.0.${second & 255}.${i}`);
    }
    expect(recorded).toBeLessThan(5000);
  });

  test("of those that were attested have a supply of their own", () => {
    const { taken } = budget();
    expect(taken(20_000, (i) => `10.0.${(i >> 8) & 255}.${i & 255}`)).toBe(1000);
    expect(taken(20_000, "192.0.2.1", true)).toBe(2000);
  });

  test("take a network of 64 bits of IPv6 for one client", () => {
    for (const [first, second, same] of [
      ["2001:db8:1:2::1", "2001:db8:1:2:ffff::1", true],
      ["2001:db8::1", "2001:db8:0:0:5:6:7:8", true],
      ["2001:db8:1:2::1", "2001:db8:1:3::1", false],
      ["::1", "::2", true],
    ] as const) {
      const { taken } = budget();
      taken(500, first);
      expect(taken(500, second)).toBe(same ? 0 : 120);
    }
  });
});
