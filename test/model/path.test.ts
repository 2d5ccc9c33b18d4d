import { expect, test } from "bun:test";
import fc from "fast-check";
import { checkPath, checkTarget, comparePaths, parentOf } from "../../src/model/path.ts";

const name = fc
  .string({ unit: "binary", minLength: 1, maxLength: 4 })
  .filter((text) => !/[/\0]/.test(text) && text !== "." && text !== "..");

test("paths are ordered by the bytes of their names, each directory before its content", () => {
  const path = fc.array(name, { minLength: 1, maxLength: 3 });
  fc.assert(
    fc.property(path, path, (a, b) => {
      let expected = 0;
      for (let i = 0; expected === 0 && i < Math.max(a.length, b.length); i++) {
        if (a[i] === undefined || b[i] === undefined) expected = a.length - b.length;
        else expected = Buffer.compare(Buffer.from(a[i]!), Buffer.from(b[i]!));
      }
      expect(Math.sign(comparePaths(a.join("/"), b.join("/")))).toBe(Math.sign(expected));
    }),
    { numRuns: 2000 },
  );
  expect(comparePaths("a/z", "a b")).toBeLessThan(0);
  expect(comparePaths("\uffee", "\u{10000}")).toBeLessThan(0);
});

test("paths that climb, start at the root, are empty or no text are refused", () => {
  for (const path of ["", "/a", "a/", "a//b", ".", "..", "a/../b", "./a", "a/.", "a\0b", "\ud800"]) expect(checkPath(path)).toBe(false);
  for (const path of ["a", "a/b", "...", "a/..b", " ", "ü/\u{1F600}"]) expect(checkPath(path)).toBe(true);
});

test("symlink targets stay lexically inside the tree", () => {
  const cases: [string, string, boolean][] = [
    ["l", "x", true],
    ["l", "./x/../y", true],
    ["l", "..", false],
    ["l", "a/../../x", false],
    ["d/l", "../x", true],
    ["d/l", "../../x", false],
    ["d/l", "..", true],
    ["l", "/x", false],
    ["l", "", false],
    ["l", "a\0", false],
    ["l", "\udc00", false],
  ];
  for (const [path, target, inside] of cases) expect(checkTarget(path, target)).toBe(inside);
});

test("the parent of a path is what is before its last separator", () => {
  expect(["a", "a/b", "a/b/c"].map(parentOf)).toEqual(["", "a", "a/b"]);
});
