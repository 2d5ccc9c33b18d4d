import { expect, test } from "bun:test";
import { isCpuPlatform, spellingsOf, underAnySpelling } from "../../../src/roles/trustee/tee-class.ts";

test("a platform that the families spell differently is one platform (trustee.md §1.3)", () => {
  for (const [ours, theirs] of [
    ["azsnpvtpm", "az-snp-vtpm"],
    ["aztdxvtpm", "az-tdx-vtpm"],
  ] as const) {
    expect(spellingsOf(ours)).toEqual([ours, theirs]);
    expect(spellingsOf(theirs)).toEqual([theirs, ours]);
    expect(underAnySpelling(new Map([[ours, 1]]), theirs)).toBe(1);
    expect([isCpuPlatform(ours), isCpuPlatform(theirs)]).toEqual([true, true]);
  }
  expect(spellingsOf("tdx")).toEqual(["tdx"]);
  expect(underAnySpelling(new Map([["tdx", 1]]), "sgx")).toBeUndefined();
});
