import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { formatResourcePath, formatResourceUri, parseResourcePath, parseResourceUri } from "../../src/protocol/index.ts";
import { rejection } from "../rejection.ts";

const segment = fc.stringMatching(/^[A-Za-z0-9_-][A-Za-z0-9_-]{0,20}(\.[A-Za-z0-9_-]{1,5})?$/);

describe("resource names", () => {
  test("a name comes back from its path and its URI", () => {
    fc.assert(
      fc.property(segment, segment, segment, (repository, type, tag) => {
        const path = { repository, type, tag };
        expect(parseResourcePath(formatResourcePath(path))).toEqual(path);
        expect(parseResourceUri(formatResourceUri(path))).toEqual(path);
      }),
    );
  });

  test.each([
    "",
    "/",
    "a/b",
    "a/b/c/d",
    "a/b/c/",
    "/a/b/c",
    "a//c",
    "a/b/",
    "a/./c",
    "a/../c",
    "a/b/..",
    "a/b/.c",
    "a/b/c..d",
    "a/b/c%2fd",
    "a/b/%2e%2e",
    "a%00/b/c",
    "a/b/c\0",
    "a/b/c\n",
    "a/b/c d",
    "a/b/c?x=y",
    "a/b/c#d",
    "a\\b/c/d",
    "a/b/ü",
    `a/b/${"c".repeat(129)}`,
  ])("%j is not the name of a resource", (path) => {
    expect(rejection(() => parseResourcePath(path)).id).toBe("kbs.path-invalid");
    expect(rejection(() => parseResourceUri(`kbs:///${path}`)).id).toBe("kbs.path-invalid");
  });

  test.each(["a/b/c", "kbs://host/a/b/c", "kbs://a/b/c", "kbs:/a/b/c", "KBS:///a/b/c", "http:///a/b/c", "kbs+plugin:///a/b/c"])(
    "%j is not the URI of a resource",
    (uri) => {
      expect(rejection(() => parseResourceUri(uri)).id).toBe("kbs.path-invalid");
    },
  );

  test("whatever a name is parsed from, it is exactly what is written again", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(..."ab./%-_\0 "), maxLength: 12 }), (text) => {
        try {
          expect(formatResourcePath(parseResourcePath(text))).toBe(text);
        } catch (error) {
          expect(error).toHaveProperty("id", "kbs.path-invalid");
        }
      }),
      { numRuns: 1000 },
    );
  });
});
