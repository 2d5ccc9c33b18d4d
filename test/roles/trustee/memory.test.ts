import { expect, test } from "bun:test";
import { memoryKeeper } from "../../../src/roles/trustee/memory.ts";

/** What a keeper does while a process has these sizes, one a second. @returns at which of them it collected */
function collections(sizes: readonly number[]): number[] {
  const at: number[] = [];
  let second = 0;
  const keep = memoryKeeper({ resident: () => sizes[second]! * 1e6, collect: () => at.push(second), now: () => second * 1000 });
  for (; second < sizes.length; second++) keep();
  return at;
}

test("a process that stays small is left alone", () => {
  expect(collections([90, 100, 129, 60, 128])).toEqual([]);
});

test("one that grows is collected, and again only when it has grown since", () => {
  expect(collections([100, 140, 135, 136, 140, 146, 150])).toEqual([1, 6]);
});

test("one that is large for what it keeps is not collected again and again", () => {
  expect(collections([100, 300, 300, 300, 301, 300])).toEqual([1]);
});

test("collections are two seconds apart at least", () => {
  expect(collections([100, 150, 120, 150, 120, 150])).toEqual([1, 3, 5]);
  expect(collections([100, 150, 200, 250])).toEqual([1, 3]);
});
