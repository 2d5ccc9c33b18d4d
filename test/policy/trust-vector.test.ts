import { expect, test } from "bun:test";
import { statusOf, tierOf } from "../../src/policy/index.ts";

test.each([
  ["none", [-1, 0, 1]],
  ["affirming", [2, 31, -2, -32]],
  ["warning", [32, 95, -33, -96]],
  ["contraindicated", [96, 127, -97, -128]],
] as const)("the tier %s holds %j", (tier, values) => {
  for (const value of values) expect(tierOf(value)).toBe(tier);
});

test("a vector has the status of its worst claim", () => {
  expect(statusOf({})).toBe("none");
  expect(statusOf({ hardware: 0, executables: 2 })).toBe("affirming");
  expect(statusOf({ hardware: 2, executables: 33, configuration: 2 })).toBe("warning");
  expect(statusOf({ hardware: -97, executables: 33 })).toBe("contraindicated");
});
